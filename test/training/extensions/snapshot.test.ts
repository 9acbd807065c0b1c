import { FormatError, InvalidArgumentError } from '@chaingrad/core';
import {
  LogReport,
  MemoryStore,
  type Snapshot,
  type SnapshotOptions,
  type Store,
  StoreError,
  snapshot,
  snapshotBest,
  snapshotObject,
  type Trainer,
} from '@chaingrad/training';
import { loadNpz, openWeights } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../../support/backends.ts';
import { rejection, thrown } from '../../support/errors.ts';
import { buildTraining, captured } from '../support.ts';

const namesOf = async (store: Store) => (await store.list()).map(({ name }) => name);
const silent = { log: () => {} };

/** Trains with a snapshot every two iterations, and gives what it resumed from. */
async function run(store: Store, end: number, options: SnapshotOptions = {}): Promise<number | null> {
  using training = buildTraining({ store, stop: [end, 'iteration'] });
  const extension = snapshot({ ...silent, ...options });
  training.trainer.extend(extension, { trigger: [2, 'iteration'] });
  await training.trainer.run();
  expect(training.updater.iteration).to.equal(Math.max(end, extension.resumed?.iteration ?? 0));
  return extension.resumed?.iteration ?? null;
}

describe('snapshot', () => {
  let tensors: number;
  before(() => useTestBackend('cpu'));
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => expect(tf.memory().numTensors, 'tensors left').to.equal(tensors));

  it("has Chainer's keys, from which Chainer's tools or a model alone can load", async () => {
    const store = new MemoryStore();
    using training = buildTraining({ store, stop: [3, 'iteration'] });
    training.trainer.extend(new LogReport({ filename: null }));
    training.trainer.extend(snapshot(), { trigger: [3, 'iteration'] });
    await training.trainer.run();
    const bytes = await store.read('snapshot_iter_3');
    await using file = await openWeights(bytes);
    expect(file.keys()).to.include.members([
      'updater/iterator:main/current_position',
      'updater/iterator:main/order',
      'updater/optimizer:main/t',
      'updater/optimizer:main/predictor/l1/W/v',
      'updater/model:main/predictor/l1/W',
      'updater/iteration',
      'stop_trigger/previous_iteration',
      'extensions/LogReport/_log',
      'extensions/LogReport/_summary',
      'extension_triggers/snapshot/previous_iteration',
      '_snapshot_elapsed_time',
    ]);
    using other = buildTraining({ seed: 5 });
    await loadNpz(bytes, other.model, { at: 'updater/model:main' });
    expect(await other.model.predictor.l1.W.tensor.data()).to.deep.equal(
      await training.model.predictor.l1.W.tensor.data(),
    );
  });

  it('is written once an epoch by default, under names by number', async () => {
    const store = new MemoryStore();
    using training = buildTraining({ store, stop: [14, 'iteration'] });
    training.trainer.extend(snapshot()).extend(snapshot({ filename: 'epoch-{epoch}.npz' }));
    await training.trainer.run();
    expect(await namesOf(store)).to.deep.equal([
      'snapshot_iter_7',
      'epoch-1.npz',
      'snapshot_iter_13',
      'epoch-2.npz',
    ]);
  });

  it('keeps the newest ones', async () => {
    const store = new MemoryStore();
    await store.write('snapshot_iter_other', 'not mine');
    await run(store, 9, { nRetains: 2 });
    expect((await namesOf(store)).sort()).to.deep.equal([
      'snapshot_iter_6',
      'snapshot_iter_8',
      'snapshot_iter_other',
    ]);
    await run(store, 2, { nRetains: 1 });
    expect((await namesOf(store)).sort()).to.deep.equal(['snapshot_iter_2', 'snapshot_iter_other']);
  });

  it('goes on from the newest, only where that is asked for', async () => {
    const store = new MemoryStore();
    expect(await run(store, 4, { autoload: true })).to.equal(null);
    expect(await run(store, 9, { autoload: true })).to.equal(4);
    expect(await run(store, 10, { autoload: true })).to.equal(8);
    expect(await run(store, 3)).to.equal(null);
    // Whatever the times of the files say: a copy has others, and so has a clock that was set back.
    const copy = new MemoryStore();
    for (const name of ['snapshot_iter_10', 'snapshot_iter_2', 'snapshot_iter_8']) {
      await copy.write(name, await store.read(name));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await run(copy, 10, { autoload: true })).to.equal(10);
  });

  it('keeps its own where a training of more iterations was before in the same place', async () => {
    const store = new MemoryStore();
    await run(store, 12);
    await run(store, 4, { nRetains: 2 });
    expect((await namesOf(store)).sort()).to.deep.equal(['snapshot_iter_2', 'snapshot_iter_4']);
  });

  it('passes over a damaged one, and says so', async () => {
    const store = new MemoryStore();
    await run(store, 6);
    const whole = await store.read('snapshot_iter_6');
    const flipped = whole.slice();
    flipped[Math.floor(whole.length / 2)]! ^= 1;
    for (const damaged of [whole.subarray(0, whole.length / 2), flipped, new Uint8Array(0)]) {
      await store.write('snapshot_iter_6', damaged);
      let resumed: number | null = null;
      const warnings = await captured('warn', async () => {
        resumed = await run(store, 5, { autoload: true });
      });
      expect(resumed).to.equal(4);
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.include('damaged and not used: memory/snapshot_iter_6');
    }
  });

  it('refuses to begin anew where every one is damaged, and changes no file', async () => {
    const store = new MemoryStore();
    await run(store, 4);
    const names = ['snapshot_iter_2', 'snapshot_iter_4'];
    for (const name of names) await store.write(name, (await store.read(name)).subarray(0, 500));
    using training = buildTraining({ store, stop: [6, 'iteration'] });
    training.trainer.extend(snapshot({ autoload: true, ...silent }), { trigger: [1, 'iteration'] });
    const error = await rejection(training.trainer.run(), StoreError);
    expect(error.message).to.include("memory, 'snapshot_iter_4': no snapshot is whole");
    expect(error.cause).to.be.instanceOf(FormatError);
    expect(training.updater.iteration).to.equal(0);
    expect((await namesOf(store)).sort()).to.deep.equal(names);
    for (const name of names) expect(await store.read(name)).to.have.length(500);
  });

  it('leaves the trainer as it was where a snapshot does not fit', async () => {
    const store = new MemoryStore();
    await run(store, 2);
    using training = buildTraining({ store, stop: [4, 'iteration'] });
    training.model.predictor.addParam('extra', [2], 1);
    training.trainer.extend(snapshot({ autoload: true, ...silent }));
    const error = await rejection(training.trainer.run(), Error);
    expect(error.message).to.include('updater/model:main/predictor/extra');
    expect(training.updater.iteration).to.equal(0);
  });

  it('is written on an error where that is asked for, but never over one of a whole iteration', async () => {
    for (const [failing, expected] of [
      [3, ['snapshot_iter_2', 'snapshot_iter_3']],
      [4, ['snapshot_iter_2', 'snapshot_iter_4']],
    ] as const) {
      const store = new MemoryStore();
      using training = buildTraining({ store });
      training.trainer.extend(snapshot({ onError: true }), { trigger: [2, 'iteration'] });
      let written: Uint8Array | null = null;
      training.trainer.extend(
        async () => {
          if (training.updater.iteration !== failing) return;
          written = failing === 4 ? await store.read('snapshot_iter_4') : null;
          throw new RangeError('boom');
        },
        { name: 'failing', priority: -200 },
      );
      await rejection(training.trainer.run(), RangeError);
      expect(await namesOf(store)).to.deep.equal(expected);
      if (written !== null) expect(await store.read('snapshot_iter_4')).to.deep.equal(written);
    }
    const store = new MemoryStore();
    using training = buildTraining({ store });
    training.trainer.extend(snapshot()).extend(() => {
      throw new RangeError('boom');
    });
    await rejection(training.trainer.run(), RangeError);
    expect(await namesOf(store)).to.deep.equal([]);
  });

  it('is written when training is aborted, where that is asked for', async () => {
    const store = new MemoryStore();
    const controller = new AbortController();
    using training = buildTraining({ store });
    training.trainer.extend(snapshot({ onAbort: true })).extend(() => {
      if (training.updater.iteration === 3) controller.abort();
    });
    await rejection(training.trainer.run({ signal: controller.signal }), DOMException);
    expect(await namesOf(store)).to.deep.equal(['snapshot_iter_3']);
  });

  it('refuses wrong options', () => {
    thrown(() => snapshot({ nRetains: 0 }), InvalidArgumentError);
    thrown(() => snapshot({ filename: 'a/{iteration}' }), InvalidArgumentError);
    thrown(() => snapshot({ filename: '' }), InvalidArgumentError);
    thrown(() => snapshot({ filename: '{time}' }), InvalidArgumentError);
  });
});

describe('snapshotObject and snapshotBest', () => {
  before(() => useTestBackend('cpu'));

  it('write a model by number, or the best one', async () => {
    const store = new MemoryStore();
    using training = buildTraining({ store, stop: [8, 'iteration'] });
    const { trainer, model } = training;
    const score = [0.1, 0.5, 0.3, 0.7, 0.6, 0.2, 0.1, 0.65];
    const best = snapshotBest(model, 'accuracy', { interval: [1, 'iteration'] });
    const least = snapshotBest(model, 'accuracy', {
      mode: 'min',
      interval: [1, 'iteration'],
      filename: 'worst',
    });
    trainer.extend(() => trainer.report({ accuracy: score[training.updater.iteration - 1]! }), {
      name: 'score',
      priority: 300,
    });
    trainer.extend(best).extend(least);
    trainer.extend(snapshotObject(model, 'model_{iteration}.npz', { nRetains: 2 }), {
      trigger: [3, 'iteration'],
    });
    const copies = new Map<number, Float32Array>();
    trainer.extend(async () => {
      copies.set(training.updater.iteration, (await model.predictor.l1.W.tensor.data()) as Float32Array);
    });
    await trainer.run();
    expect((await namesOf(store)).sort()).to.deep.equal([
      'best_model',
      'model_3.npz',
      'model_6.npz',
      'worst',
    ]);
    for (const [name, iteration] of [
      ['best_model', 4],
      ['worst', 1],
      ['model_6.npz', 6],
    ] as const) {
      using other = buildTraining({ seed: 4 });
      await loadNpz(await store.read(name), other.model);
      expect(await other.model.predictor.l1.W.tensor.data(), name).to.deep.equal(copies.get(iteration));
    }
  });

  it('take map and accuracy for better upwards, others downwards', async () => {
    const store = new MemoryStore();
    using training = buildTraining({ store, stop: [3, 'iteration'] });
    const { trainer, model } = training;
    for (const key of ['validation/main/map', 'main/mapping']) {
      const extension = snapshotBest(model, key, {
        interval: [1, 'iteration'],
        filename: key.replaceAll('/', '-'),
      });
      trainer.extend({ ...extension, call: (t: Trainer) => void fired.push([key, t.updater.iteration]) });
      trainer.extend(() => trainer.report({ [key]: training.updater.iteration }), {
        name: key,
        priority: 300,
      });
    }
    const fired: unknown[] = [];
    await trainer.run();
    expect(fired).to.deep.equal([
      ['validation/main/map', 1],
      ['main/mapping', 1],
      ['validation/main/map', 2],
      ['validation/main/map', 3],
    ]);
  });

  it('tells in the trainer from what training went on', async () => {
    const store = new MemoryStore();
    using training = buildTraining({ store, stop: [1, 'iteration'] });
    training.trainer.extend(snapshot({ autoload: true, ...silent }));
    await training.trainer.run();
    expect((training.trainer.getExtension('snapshot') as Snapshot).resumed).to.equal(null);
  });
});
