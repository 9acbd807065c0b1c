/** Data sets that go through a model batch by batch. */
import { SerialIterator } from '@chaingrad/training';
import { type AppliedBatch, applyToIterator, type Image, ProgressHook } from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';

const imgOf = (value: number): Image => ({ data: Uint8Array.of(value, 0, 0), shape: [1, 1, 3] });
const examples = Array.from({ length: 5 }, (_, i) => ({ img: imgOf(i), label: 10 * i, name: `n${i}` }));
type Example = (typeof examples)[number];
const once = (list: { length: number; get(i: number): Example }, size = 2) =>
  new SerialIterator(list, size, { repeat: false, shuffle: false });
const dataset = { length: examples.length, get: (i: number) => examples[i]! };
const firstValues = (imgs: readonly Image[]) => imgs.map(({ data }) => data[0]!);

describe('vision/utils/applyToIterator', () => {
  it('gives images, what comes out, and what else the examples have', async () => {
    const seen: AppliedBatch<Example, number[]>[] = [];
    for await (const batch of applyToIterator(async (imgs) => firstValues(imgs), once(dataset)))
      seen.push(batch);
    expect(seen.map(({ outValues }) => outValues)).to.deep.equal([[0, 1], [2, 3], [4]]);
    expect(seen.map(({ inValues }) => firstValues(inValues))).to.deep.equal([[0, 1], [2, 3], [4]]);
    expect(seen[1]!.restValues).to.deep.equal([
      { label: 20, name: 'n2' },
      { label: 30, name: 'n3' },
    ]);
  });

  it('reads a batch when it is asked for, and none ahead', async () => {
    const read: number[] = [];
    const get = (i: number) => {
      read.push(i);
      return examples[i % 5]!;
    };
    const lazy = { length: 100, get };
    let calls = 0;
    for await (const _ of applyToIterator(() => ++calls, once(lazy, 3))) {
      expect(read).to.have.length(3 * calls);
      if (calls === 4) break;
    }
    expect([calls, read.length]).to.deep.equal([4, 12]);
    const endless = new SerialIterator(dataset, 2);
    let batches = 0;
    for await (const _ of applyToIterator(firstValues, endless)) if (++batches === 7) break;
    expect(endless.epoch).to.equal(2);
  });

  it('tells a hook of each batch first, and throws on what goes wrong', async () => {
    const told: string[] = [];
    const hook = ({ outValues }: AppliedBatch<Example, number[]>) => told.push(`hook ${outValues}`);
    for await (const { outValues } of applyToIterator(firstValues, once(dataset), { hook }))
      told.push(`loop ${outValues}`);
    expect(told).to.deep.equal(['hook 0,1', 'loop 0,1', 'hook 2,3', 'loop 2,3', 'hook 4', 'loop 4']);
    const broken = applyToIterator(() => {
      throw new RangeError('no memory');
    }, once(dataset));
    expect((await rejection(broken.next(), RangeError)).message).to.equal('no memory');
  });
});

describe('vision/utils/ProgressHook', () => {
  const written = async (options: object, isTTY = true) => {
    const texts: string[] = [];
    const hook = new ProgressHook({ ...options, out: { isTTY, write: (text) => texts.push(text) } });
    for await (const _ of applyToIterator(firstValues, once(dataset), { hook }));
    expect(hook.nProcessed).to.equal(5);
    return texts;
  };

  it('counts the images on a terminal, of how many where that is known', async () => {
    const known = await written({ nTotal: 5 });
    expect(known.map((text) => /^\r(.*) images/.exec(text)![1])).to.deep.equal([
      '2 of 5',
      '4 of 5',
      '5 of 5',
    ]);
    expect(known.map((text) => text.endsWith('\n'))).to.deep.equal([false, false, true]);
    expect(known[0]).to.match(/ \d+\.\d\d FPS/);
    const unknown = await written({});
    expect(unknown.map((text) => /^\r(.*) images/.exec(text)![1])).to.deep.equal(['2', '4', '5']);
  });

  it('writes nothing elsewhere', async () => {
    expect(await written({ nTotal: 5 }, false)).to.deep.equal([]);
  });
});
