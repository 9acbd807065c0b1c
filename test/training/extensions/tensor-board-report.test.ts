/** TensorBoardReport: its files, read with TensorBoard's own definition of events by a protobuf library. */
import { readFile } from 'node:fs/promises';
import { createFileRegistry, type DescMessage, fromBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { InvalidArgumentError, Linear } from '@chaingrad/core';
import {
  MemoryStore,
  type NamedPixels,
  snapshot,
  TensorBoardReport,
  type Trainer,
} from '@chaingrad/training';
import { crc32c } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import sharp from 'sharp';
import { useTestBackend } from '../../support/backends.ts';
import { rejection, thrown } from '../../support/errors.ts';
import { buildTraining, captured, type TrainingOptions } from '../support.ts';

interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly bucketLimit: readonly number[];
  readonly bucket: readonly number[];
}

interface Value {
  readonly tag: string;
  readonly simpleValue?: number | string;
  readonly image?: { readonly height: number; readonly encodedImageString: string };
  readonly histo?: Histogram;
}

interface Event {
  readonly wallTime: number;
  readonly step?: string;
  readonly fileVersion?: string;
  readonly summary?: { readonly value: readonly Value[] };
}

const fixtures = new URL('../../fixtures/tensorboard/', import.meta.url);
let definition: DescMessage;

/** The events of a file; checks both checksums of every record, which must end where the file does. */
function eventsIn(file: Uint8Array): Event[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const masked = (bytes: Uint8Array) => {
    const crc = BigInt(crc32c(bytes));
    return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
  };
  const events: Event[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    expect(view.getUint32(at + 8, true)).to.equal(masked(file.subarray(at, at + 8)));
    const content = file.subarray(at + 12, at + 12 + length);
    expect(view.getUint32(at + 12 + length, true)).to.equal(masked(content));
    events.push(toJson(definition, fromBinary(definition, content)) as unknown as Event);
    at += 16 + length;
  }
  return events;
}

const fileName = 'events.out.tfevents';
const events = async (store: { read(name: string): Promise<Uint8Array> }) =>
  eventsIn(await store.read(fileName));
const steps = (list: readonly Event[]) => list.map(({ step }) => Number(step ?? 0));
/** Without the times. */
const contents = (list: readonly Event[]) => list.map(({ wallTime, ...rest }) => rest);

/** Trains, and gives the store. */
async function trained(
  report: TensorBoardReport,
  options: TrainingOptions = {},
  extend: (trainer: Trainer) => void = () => {},
): Promise<MemoryStore> {
  using training = buildTraining({ stop: [10, 'iteration'], ...options });
  training.trainer.extend(report);
  extend(training.trainer);
  await training.trainer.run();
  return training.store as MemoryStore;
}

describe('TensorBoardReport', () => {
  let tensors: number;
  before(async () => {
    await useTestBackend('cpu');
    const set = fromBinary(FileDescriptorSetSchema, await readFile(new URL('event.binpb', fixtures)));
    definition = createFileRegistry(set).getMessage('tensorboard.Event')!;
  });
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => expect(tf.memory().numTensors, 'tensors left').to.equal(tensors));

  it('is read as its own files of TensorBoard are', async () => {
    const list = eventsIn(await readFile(new URL('events.out.tfevents.fixture', fixtures)));
    expect(list[0]).to.deep.equal({ wallTime: 1.5, fileVersion: 'brain.Event:2' });
    expect(steps(list)).to.deep.equal([0, 3, 300, 70000]);
  });

  it('writes means at their steps', async () => {
    const before = Date.now() / 1000;
    const store = await trained(
      new TensorBoardReport({ trigger: [4, 'iteration'], keys: ['x', 'nan'] }),
      {},
      (t) => {
        t.extend(() => t.report({ x: t.updater.iteration, nan: Number.NaN }), { name: 'x', priority: 300 });
      },
    );
    const list = await events(store);
    const value = (x: number, epoch: number) => ({
      value: [
        { tag: 'x', simpleValue: x },
        { tag: 'nan', simpleValue: 'NaN' },
        { tag: 'epoch', simpleValue: Math.fround(epoch) },
      ],
    });
    expect(contents(list)).to.deep.equal([
      { fileVersion: 'brain.Event:2' },
      { step: '4', summary: value(2.5, 32 / 50) },
      { step: '8', summary: value(6.5, 64 / 50) },
    ]);
    for (const { wallTime } of list) expect(wallTime).to.be.within(before, Date.now() / 1000);
  });

  it('writes histograms of parameters and gradients', async () => {
    const link = new Linear(1, 5);
    tf.tidy(() => link.W.assign(tf.tensor2d([-2, 0, 1e-3, 1, 1.05], [5, 1])));
    const store = await trained(new TensorBoardReport({ trigger: [10, 'iteration'], histograms: link }));
    link.dispose();
    const values = (await events(store))[1]!.summary!.value;
    expect(values.filter(({ histo }) => histo).map(({ tag }) => tag)).to.deep.equal(['data/W', 'data/b']);
    const { bucketLimit, bucket, ...moments } = values.find(({ tag }) => tag === 'data/W')!.histo!;
    const expected = [-2, 0, Math.fround(1e-3), 1, Math.fround(1.05)];
    expect(moments).to.deep.equal({
      min: -2,
      max: Math.fround(1.05),
      num: 5,
      sum: expected.reduce((a, b) => a + b),
      sumSquares: expected.reduce((a, b) => a + b * b, 0),
    });
    // Each value lies in the bucket whose limit is the first above it.
    const found = bucket.flatMap((count, i) =>
      Array.from(
        { length: count },
        () => [bucketLimit[i - 1] ?? Number.NEGATIVE_INFINITY, bucketLimit[i]!] as const,
      ),
    );
    expect(found).to.have.lengthOf(5);
    for (const [i, [lower, upper]] of found.entries()) {
      expect(expected[i]).to.be.below(upper);
      expect(expected[i]).to.be.at.least(lower);
      if (i > 0) expect(upper - lower, 'a tenth').to.be.at.most(0.101 * Math.max(upper, -lower) + 1e-12);
    }
  });

  it('has gradients where there are some, and tells of values that are not finite', async () => {
    const seen: string[] = [];
    const lines = await captured('warn', async () => {
      using training = buildTraining({ stop: [2, 'iteration'] });
      training.trainer.extend(
        new TensorBoardReport({ trigger: [1, 'iteration'], histograms: training.model.predictor }),
      );
      training.trainer.extend(
        () => {
          const { b } = training.model.predictor.l2;
          tf.tidy(() => b!.assign(tf.mul(b!.tensor, Number.NaN)));
        },
        { name: 'spoil', priority: 300 },
      );
      await training.trainer.run();
      for (const { summary } of await events(training.store))
        seen.push(...(summary?.value ?? []).map(({ tag }) => tag));
    });
    expect(seen).to.include.members(['data/l1/W', 'grad/l1/W', 'grad/l2/b']);
    expect(new Set(lines).size, 'each once').to.equal(lines.length);
    expect(lines[0]).to.equal(
      'TensorBoardReport: data/l2/b has 3 values that are not finite; its histogram shows the others.',
    );
  });

  it('writes pictures that other programs read', async () => {
    const pixels = Uint8Array.from({ length: 5 * 7 * 3 }, (_, i) => (i * 37) % 256);
    const grey = Uint8ClampedArray.of(0, 128, 255, 7);
    const images = (): NamedPixels => ({
      colours: { data: pixels, shape: [5, 7, 3] },
      grey: { data: grey, shape: [2, 2, 1] },
    });
    const store = await trained(new TensorBoardReport({ trigger: [10, 'iteration'], images }));
    const values = (await events(store))[1]!.summary!.value.filter(({ image }) => image);
    expect(values.map(({ tag }) => tag)).to.deep.equal(['colours', 'grey']);
    const raw = async (value: Value) => {
      const png = Buffer.from(value.image!.encodedImageString, 'base64');
      return await sharp(png).raw().toBuffer({ resolveWithObject: true });
    };
    const first = await raw(values[0]!);
    expect([first.info.height, first.info.width, first.info.channels]).to.deep.equal([5, 7, 3]);
    expect([...first.data]).to.deep.equal([...pixels]);
    const second = await raw(values[1]!);
    expect([...second.data].filter((_, i) => i % second.info.channels === 0)).to.deep.equal([...grey]);
  });

  describe('after a resume', () => {
    const report = () => new TensorBoardReport({ trigger: [3, 'iteration'] });
    const saved = (trainer: Trainer) =>
      trainer.extend(snapshot({ autoload: true, log: () => {} }), { trigger: [4, 'iteration'] });
    let whole: Event[];
    before(async () => {
      whole = await events(await trained(report(), { stop: [10, 'iteration'] }));
    });

    it('continues the file: what comes again is taken out, means go on', async () => {
      const store = await trained(report(), { stop: [6, 'iteration'] }, saved);
      expect(steps(await events(store))).to.deep.equal([0, 3, 6]);
      await trained(report(), { stop: [10, 'iteration'], store }, saved);
      expect(contents(await events(store))).to.deep.equal(contents(whole));
    });

    it('leaves out a record that was not written to its end', async () => {
      const store = await trained(report(), { stop: [6, 'iteration'] }, saved);
      const file = await store.read(fileName);
      for (const cut of [1, 5, 60]) {
        await store.write(fileName, file.slice(0, -cut));
        const again = new MemoryStore();
        for (const { name } of await store.list()) await again.write(name, await store.read(name));
        await trained(report(), { stop: [10, 'iteration'], store: again }, saved);
        expect(contents(await events(again)), `without ${cut} bytes`).to.deep.equal(contents(whole));
      }
    });

    it('begins the file where it is gone', async () => {
      const store = await trained(report(), { stop: [6, 'iteration'] }, saved);
      await store.remove(fileName);
      await trained(report(), { stop: [10, 'iteration'], store }, saved);
      expect(steps(await events(store))).to.deep.equal([0, 6, 9]);
    });
  });

  it('begins anew with the training', async () => {
    const store = await trained(new TensorBoardReport());
    await trained(new TensorBoardReport({ trigger: [5, 'iteration'] }), { store });
    expect(steps(await events(store))).to.deep.equal([0, 5, 10]);
  });

  it('refuses what TensorBoard would not find, and what is no picture', async () => {
    for (const filename of ['events', 'tfevents_{iteration}', 'a/tfevents']) {
      expect(thrown(() => new TensorBoardReport({ filename }), InvalidArgumentError).message).to.include(
        filename,
      );
    }
    const wrong: unknown[] = [
      undefined,
      new Uint8Array(4),
      { data: new Float32Array(4), shape: [2, 2, 1] },
      { data: new Uint8Array(4), shape: [2, 2] },
      { data: new Uint8Array(4), shape: [2, 2, 3] },
      { data: new Uint8Array(20), shape: [2, 2, 5] },
    ];
    for (const pixels of wrong) {
      const images = () => ({ mine: pixels }) as NamedPixels;
      const silent = captured('error', async () => {
        const error = await rejection(
          trained(new TensorBoardReport({ trigger: [1, 'iteration'], images })),
          InvalidArgumentError,
        );
        expect(error.message).to.include("TensorBoardReport images 'mine'");
      });
      await silent;
    }
    expect(() => new TensorBoardReport({ histograms: {} as never })).to.throw(InvalidArgumentError, 'a Link');
  });
});
