import { defaultRandom, InvalidArgumentError, Random, setSeed } from '@chaingrad/core';
import { ExampleError, SerialIterator } from '@chaingrad/training';
import { expect } from 'chai';
import { rejection, thrown } from '../../support/errors.ts';
import { valuesOf } from '../../support/serializable.ts';
import { take } from '../support.ts';

const digits = Array.from({ length: 10 }, (_, i) => i);
const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);

describe('SerialIterator', () => {
  it('fills the batch that crosses the end from the next epoch', async () => {
    const iterator = new SerialIterator(digits, 4, { shuffle: false });
    const seen = [];
    for (let i = 0; i < 5; i++) {
      const { value } = await iterator.next();
      const { epoch, isNewEpoch, epochDetail, previousEpochDetail } = iterator;
      seen.push([value, epoch, isNewEpoch, previousEpochDetail, epochDetail]);
    }
    expect(seen).to.deep.equal([
      [[0, 1, 2, 3], 0, false, 0, 0.4],
      [[4, 5, 6, 7], 0, false, 0.4, 0.8],
      [[8, 9, 0, 1], 1, true, 0.8, 1.2],
      [[2, 3, 4, 5], 1, false, 1.2, 1.6],
      [[6, 7, 8, 9], 2, true, 1.6, 2],
    ]);
  });

  it('ends without repeat, after a short batch, and can be reset', async () => {
    const iterator = new SerialIterator(digits, 4, { repeat: false, shuffle: false });
    expect(iterator.previousEpochDetail).to.equal(null);
    const batches = [];
    for await (const batch of iterator) batches.push(batch);
    expect(batches).to.deep.equal([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    expect(iterator).to.include({ epoch: 1, isNewEpoch: true, epochDetail: 1, currentPosition: 0 });
    expect((await iterator.next()).done).to.equal(true);
    iterator.reset();
    expect(iterator).to.include({ epoch: 0, isNewEpoch: false, epochDetail: 0, previousEpochDetail: null });
    expect((await take(iterator, 9)).flat()).to.deep.equal(digits);
  });

  it('goes several epochs in a batch larger than the dataset', async () => {
    const iterator = new SerialIterator([7, 8], 5, { shuffle: false });
    expect((await iterator.next()).value).to.deep.equal([7, 8, 7, 8, 7]);
    expect(iterator).to.include({ epoch: 2, isNewEpoch: true, epochDetail: 2.5 });
    const short = new SerialIterator([7, 8], 5, { shuffle: false, repeat: false });
    expect(await take(short, 3)).to.deep.equal([[7, 8]]);
  });

  it('shuffles anew for each epoch, by its generator or the default one', async () => {
    const epochs = async (rng?: Random) => {
      const flat = (await take(new SerialIterator(digits, 5, { rng }), 6)).flat();
      return [0, 10, 20].map((start) => flat.slice(start, start + 10));
    };
    const own = await epochs(new Random(2));
    expect(own.map(ascending)).to.deep.equal([digits, digits, digits]);
    expect(new Set([digits, ...own].map(String)).size).to.equal(4);
    expect(await epochs(new Random(2))).to.deep.equal(own);
    setSeed(2);
    expect(await epochs()).to.deep.equal(own);
  });

  it('takes orders from a sampler, whose length is that of an epoch', async () => {
    const calls: unknown[] = [];
    const iterator = new SerialIterator(digits, 2, {
      orderSampler: (order, position) => {
        calls.push([order.length, position]);
        return Int32Array.of(9, 9, 1);
      },
    });
    expect(await take(iterator, 3)).to.deep.equal([
      [9, 9],
      [1, 9],
      [9, 1],
    ]);
    expect(calls).to.deep.equal([
      [10, 0],
      [3, 2],
      [3, 1],
    ]);
    expect(iterator.epochDetail).to.equal(2);
    const wrong = (order: unknown) => () =>
      new SerialIterator(digits, 2, { orderSampler: () => order as Int32Array });
    thrown(wrong(Int32Array.of(10)), InvalidArgumentError);
    thrown(wrong([1, 2]), InvalidArgumentError);
    thrown(wrong(new Int32Array(0)), InvalidArgumentError);
    let length = 3;
    const growing = new SerialIterator(digits, 3, { orderSampler: () => new Int32Array(length++) });
    await rejection(growing.next(), InvalidArgumentError);
  });

  it('goes on exactly from the middle of an epoch', async () => {
    setSeed(4);
    const whole = new SerialIterator(digits, 3);
    const batches = await take(whole, 2);
    const saved = await valuesOf(whole);
    expect(saved).to.have.all.keys(
      'current_position',
      'epoch',
      'is_new_epoch',
      'previous_epoch_detail',
      'order',
    );
    expect([...(saved['order'] as Int32Array)].slice(0, 6)).to.deep.equal(batches.flat());
    const { state } = defaultRandom();
    const expected = await take(whole, 8);

    const resumed = new SerialIterator(digits, 3);
    await resumed.next();
    for (const entry of resumed.serialEntries()) entry.write(saved[entry.key] as number);
    defaultRandom().state = state;
    expect(resumed).to.include({ epochDetail: 0.6, previousEpochDetail: 0.3, isNewEpoch: false });
    expect(await take(resumed, 8)).to.deep.equal(expected);
  });

  it('saves the state of a generator of its own', async () => {
    const whole = new SerialIterator(digits, 3, { rng: new Random(4) });
    await take(whole, 2);
    const saved = await valuesOf(whole);
    const resumed = new SerialIterator(digits, 3, { rng: new Random(5) });
    for (const entry of resumed.serialEntries()) entry.write(saved[entry.key] as number);
    expect(await take(resumed, 8)).to.deep.equal(await take(whole, 8));
  });

  it('tells which example failed, and then tries the same batch, with the same numbers drawn', async () => {
    let broken = true;
    const dataset = {
      length: 10,
      get: async (index: number) => {
        if (broken && index === 6) throw new RangeError('no such file');
        return index;
      },
    };
    setSeed(3);
    const expected = await take(new SerialIterator(digits, 9), 4);
    setSeed(3);
    const iterator = new SerialIterator(dataset, 9);
    let failures = 0;
    const got: number[][] = [];
    while (got.length < 4) {
      broken = failures < 2 * (got.length + 1);
      try {
        got.push((await iterator.next()).value!);
      } catch (error) {
        expect(error).to.be.instanceOf(ExampleError).and.include({ index: 6 });
        failures++;
      }
    }
    expect(failures).to.be.at.least(2);
    expect(got).to.deep.equal(expected);
  });

  it('refuses wrong arguments', () => {
    thrown(
      () => new SerialIterator(digits, 2, { shuffle: true, orderSampler: (order) => order }),
      InvalidArgumentError,
    );
    thrown(() => new SerialIterator([], 2), InvalidArgumentError);
    for (const size of [0, -1, 1.5, Number.NaN]) {
      thrown(() => new SerialIterator(digits, size), InvalidArgumentError);
    }
  });

  it('goes over an empty dataset once', async () => {
    const iterator = new SerialIterator([], 2, { repeat: false });
    expect(await take(iterator, 2)).to.deep.equal([]);
    expect(iterator.epochDetail).to.equal(0);
  });
});
