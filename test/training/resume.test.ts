/** A training that goes on from a snapshot equals one that was never interrupted, bit for bit. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MismatchError, Random, setSeed } from '@chaingrad/core';
import {
  EarlyStoppingTrigger,
  Evaluator,
  ExponentialShift,
  type LogEntry,
  LogReport,
  loadSnapshot,
  ManualScheduleTrigger,
  MemoryStore,
  MinValueTrigger,
  OnceTrigger,
  PrefetchIterator,
  SerialIterator,
  type Snapshot,
  StandardUpdater,
  type Store,
  snapshot,
  snapshotBest,
  Trainer,
  WarmupShift,
} from '@chaingrad/training';
import { openWeights, saveNpz } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, useTestBackend } from '../support/backends.ts';
import { rejection } from '../support/errors.ts';
import { valuesOf } from '../support/serializable.ts';
import { buildTraining, captured, clouds, type Training, textOf } from './support.ts';

const stop = [30, 'iteration'] as const;

/** A trainer with all kinds of state. Snapshots fall into the middle of epochs and of log intervals. */
function build(store: Store, seed: number, autoload = false): Training {
  const training = buildTraining({
    store,
    seed,
    stop: new EarlyStoppingTrigger({
      monitor: 'validation/main/loss',
      // Losses fall, so that every look counts.
      mode: 'max',
      patience: 50,
      checkTrigger: [6, 'iteration'],
      maxTrigger: stop,
    }),
    random: { jitter },
  });
  const { trainer, model, optimizer } = training;
  const validation = new SerialIterator(clouds(20, 9), 8, { repeat: false });
  trainer.extend(new Evaluator(validation, model), { trigger: [6, 'iteration'] });
  trainer.extend(new LogReport({ trigger: [5, 'iteration'] }));
  trainer.extend(new ExponentialShift('lr', 0.9), { trigger: [3, 'iteration'] });
  trainer.extend(new WarmupShift('momentum', 0.2, 12, 0.9));
  trainer.extend(snapshotBest(model, 'main/loss', { interval: [4, 'iteration'] }));
  trainer.extend(
    () => {
      optimizer.lr *= 0.5 + jitter.uniform();
    },
    { name: 'byHand', trigger: new ManualScheduleTrigger([1.1, 2.5], 'epoch') },
  );
  trainer.extend(() => {}, { name: 'once', trigger: new OnceTrigger() });
  trainer.extend(() => {}, { name: 'least', trigger: new MinValueTrigger('main/loss', [7, 'iteration']) });
  trainer.extend(snapshot({ autoload, log: () => {} }), { trigger: [4, 'iteration'] });
  return training;
}
let jitter: Random;

/** All state at the end but for the time that it took. */
async function result({ trainer, store }: Training) {
  const { _snapshot_elapsed_time, ...values } = await valuesOf(trainer);
  const log = (trainer.getExtension('LogReport') as LogReport).log;
  const timeless = (entries: readonly LogEntry[]) =>
    entries.map((entry): LogEntry => ({ ...entry, elapsed_time: 0 }));
  values['extensions/LogReport/_log'] = JSON.stringify(timeless(log));
  return {
    values,
    log: timeless(log),
    logFile: timeless(JSON.parse(await textOf(store, 'log')) as LogEntry[]),
    best: await store.read('best_model'),
  };
}

describeBackends('resume', () => {
  it('equals an uninterrupted run bit for bit, wherever it was interrupted', async () => {
    const before = tf.memory().numTensors;
    jitter = new Random(5);
    const whole = build(new MemoryStore(), 1);
    await whole.trainer.run();
    const expected = await result(whole);
    whole[Symbol.dispose]();
    expect(expected.log.map(({ iteration }) => iteration)).to.deep.equal([5, 10, 15, 20, 25, 30]);
    expect(expected.values['hyperparameters/optimizer:main/momentum']).to.equal(0.9);

    // 13 resumes from 12, where the stop trigger has yet to look at what was evaluated.
    for (const end of [5, 13, 18, 29]) {
      const store = new MemoryStore();
      jitter = new Random(5);
      const first = build(store, 1);
      const controller = new AbortController();
      first.trainer.extend(() => {
        if (first.updater.iteration === end) controller.abort();
      });
      await rejection(first.trainer.run({ signal: controller.signal }), DOMException);
      first[Symbol.dispose]();

      // Another seed: what is not restored would show.
      jitter = new Random(77);
      const second = build(store, 99, true);
      await second.trainer.run();
      const { resumed } = second.trainer.getExtension('snapshot') as Snapshot;
      expect(resumed?.iteration).to.equal(end - (end % 4));
      const got = await result(second);
      expect(Object.keys(got.values)).to.deep.equal(Object.keys(expected.values));
      for (const [key, value] of Object.entries(expected.values)) {
        expect(got.values[key], `${key}, interrupted at ${end}`).to.deep.equal(value);
      }
      expect(got).to.deep.equal(expected);
      second[Symbol.dispose]();
    }
    expect(tf.memory().numTensors, 'tensors left').to.equal(before);
  });

  it('does so with batches that are prepared ahead, whatever their number', async () => {
    const run = async (store: Store, end: number, nPrefetch: number, seed: number) => {
      using training = buildTraining({ seed });
      const iterator = new PrefetchIterator(clouds(), 8, {
        nPrefetch,
        transform: async ([point, label], { rng }) => [point.map((x) => x + 0.1 * rng.normal()), label],
      });
      const trainer = new Trainer(new StandardUpdater(iterator, training.optimizer), [end, 'iteration'], {
        out: store,
      });
      trainer.extend(snapshot({ autoload: true, log: () => {} }), { trigger: [4, 'iteration'] });
      await trainer.run();
      const { _snapshot_elapsed_time, ...values } = await valuesOf(trainer);
      return values;
    };
    const expected = await run(new MemoryStore(), 20, 2, 1);
    const store = new MemoryStore();
    await run(store, 11, 1, 1);
    expect(await run(store, 20, 5, 99)).to.deep.equal(expected);
  });
}, ['cpu', 'wasm']);

describe('loadSnapshot', () => {
  before(() => useTestBackend('cpu'));

  async function trained(): Promise<Uint8Array<ArrayBuffer>> {
    using training = buildTraining({ stop: [7, 'iteration'] });
    training.trainer.extend(snapshot(), { trigger: [7, 'iteration'] });
    training.trainer.extend(new ExponentialShift('lr', 0.5));
    await training.trainer.run();
    return training.store.read('snapshot_iter_7');
  }

  it('tells from where training goes on, and what begins anew or is not used', async () => {
    const bytes = await trained();
    using training = buildTraining({ stop: [7, 'iteration'] });
    training.trainer.extend(new LogReport());
    const report = await loadSnapshot(bytes, training.trainer);
    expect(report).to.include({ iteration: 7, epochDetail: 1.12 });
    expect(report.missing).to.include('extensions/LogReport/_log');
    expect(report.unused).to.include('extensions/ExponentialShift/_t');
    expect(report.changed).to.deep.equal([
      { name: 'hyperparameters/optimizer:main/lr', program: 0.05, snapshot: 0.05 / 2 ** 7 },
    ]);
    expect(report.summary())
      .to.match(/^Resumed from bytes: iteration 7, epoch 1\.12, 0:00:0\d of training\.\n/)
      .and.include('  hyperparameters/optimizer:main/lr is 0.000390625, as in the snapshot, not 0.05.')
      .and.include('begins anew: extensions/LogReport/');
    expect(training.trainer.elapsedTime).to.be.greaterThan(0);
  });

  it('has nothing to say of frozen parameters, which have no state, and names a few of many', async () => {
    const store = new MemoryStore();
    const run = async (stop: number, extensions: number) => {
      using training = buildTraining({ store, stop: [stop, 'iteration'] });
      for (const param of training.model.predictor.l1.params()) param.frozen = true;
      for (let i = 0; i < extensions; i++) {
        training.trainer.extend(new ExponentialShift('lr', 1), { name: `shift${i}` });
      }
      const file = snapshot({ autoload: true, log: () => {} });
      training.trainer.extend(file, { trigger: [2, 'iteration'] });
      await training.trainer.run();
      return file.resumed;
    };
    await run(2, 20);
    expect((await run(4, 20))!.unused).to.deep.equal([]);
    const report = (await run(6, 0))!;
    expect(report.unused.length).to.be.above(19);
    expect(report.summary()).to.match(/not used: (\S+, ){7}\S+ and \d+ more$/m);
  });

  it('leaves alone what it is told to', async () => {
    const bytes = await trained();
    using training = buildTraining();
    const report = await loadSnapshot(bytes, training.trainer, { ignore: /^\/hyperparameters/ });
    expect(report.changed).to.deep.equal([]);
    expect(training.optimizer.lr).to.equal(0.05);
  });

  it('leaves a single name alone, and reads a file of the disk to its end before it is closed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaingrad-resume-'));
    try {
      const path = join(folder, 'snapshot');
      using first = buildTraining({ stop: [7, 'iteration'] });
      first.optimizer.lr = 0.04;
      await first.trainer.run();
      await saveNpz(path, first.trainer);
      for (const ignore of ['/hyperparameters/optimizer:main/lr', 'hyperparameters/optimizer:main/lr']) {
        using training = buildTraining({ seed: 5 });
        const report = await loadSnapshot(path, training.trainer, { ignore });
        expect(report.file).to.equal(path);
        expect(training.optimizer.lr).to.equal(0.05);
        expect(await valuesOf(training.model)).to.deep.equal(await valuesOf(first.model));
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuses another model or data set and changes nothing', async () => {
    const bytes = await trained();
    using training = buildTraining();
    const unlike = new SerialIterator(clouds(40), 8);
    Object.defineProperty(training.updater, 'serialEntries', {
      value: (prefix: string) => unlike.serialEntries(`${prefix}iterator:main/`),
    });
    const error = await rejection(loadSnapshot(bytes, training.trainer), MismatchError);
    expect(error.report.mismatched.map(({ name }) => name)).to.deep.equal(['/updater/iterator:main/order']);
    expect(unlike.epochDetail).to.equal(0);
  });

  it('changes nothing when one of its values is refused, whichever it is', async () => {
    const bytes = await trained();
    using training = buildTraining();
    training.trainer.extend(new ExponentialShift('lr', 0.5));
    // Those that the snapshot lacks are not written.
    await using file = await openWeights(bytes);
    const own = training.trainer.serialEntries.bind(training.trainer);
    const state = async () => [await valuesOf(training.trainer), tf.memory().numTensors];
    const before = await state();
    const keys = [...own()].map(({ key }) => key).filter((key) => file.has(key));
    expect(keys.length).to.be.above(20);
    for (const refused of keys) {
      let refusals = 0;
      const refuse = () => {
        if (refusals++ === 0) throw new RangeError('refused');
      };
      training.trainer.serialEntries = function* () {
        for (const entry of own()) {
          const write: typeof entry.write = (value) => {
            refuse();
            entry.write(value);
          };
          const { adopt: _adopt, ...rest } = entry;
          yield entry.key === refused ? { ...rest, write } : entry;
        }
      };
      await rejection(loadSnapshot(bytes, training.trainer), RangeError);
      training.trainer.serialEntries = own;
      expect(await state(), `entry ${refused}`).to.deep.equal(before);
    }
  });

  it('stops at once where the snapshot is at the end or beyond', async () => {
    const bytes = await trained();
    for (const length of [7, 3]) {
      using training = buildTraining({ stop: [length, 'iteration'] });
      await loadSnapshot(bytes, training.trainer);
      await training.trainer.run();
      expect(training.updater.iteration).to.equal(7);
    }
    using training = buildTraining({ stop: [9, 'iteration'] });
    await loadSnapshot(bytes, training.trainer);
    await training.trainer.run();
    expect(training.updater.iteration).to.equal(9);
  });

  it('is loaded before schedules begin, so that they take the first value for the initial one', async () => {
    const store = new MemoryStore();
    const lrs: number[][] = [];
    for (const end of [4, 8]) {
      using training = buildTraining({ store, stop: [end, 'iteration'] });
      const seen: number[] = [];
      training.trainer.extend(new ExponentialShift('lr', 0.5));
      training.trainer.extend(() => void seen.push(training.optimizer.lr));
      training.trainer.extend(snapshot({ autoload: true, log: () => {} }), { trigger: [4, 'iteration'] });
      await training.trainer.run();
      lrs.push(seen);
    }
    expect(lrs.flat()).to.deep.equal(Array.from({ length: 8 }, (_, i) => 0.05 * 0.5 ** (i + 1)));
  });

  it('keeps what was configured for single parameters, and tells where the program has it otherwise', async () => {
    const store = new MemoryStore();
    const notes: string[] = [];
    const train = async (end: number, rate: number, log: (line: string) => void = () => {}) => {
      using training = buildTraining({ store, stop: [end, 'iteration'] });
      const { optimizer, model, trainer } = training;
      optimizer.configure('/predictor/l1/W', { lrScale: rate, momentum: 0.5 });
      optimizer.configure(/\/b$/, { weightDecay: false });
      trainer.extend(snapshot({ autoload: true, log }), { trigger: [4, 'iteration'] });
      await trainer.run();
      const { l1, l2 } = model.predictor;
      const settings = [l1.W, l1.b!, l2.W].map(({ updateRule }) => updateRule!.settings);
      return { settings, values: Array.from(await l1.W.tensor.data()) };
    };
    const first = await train(4, 0.1);
    expect(first.settings).to.deep.equal([{ momentum: 0.5, lrScale: 0.1 }, { weightDecay: false }, {}]);
    const second = await train(8, 1, (line) => notes.push(line));
    expect(second.settings).to.deep.equal(first.settings);
    expect(notes[0]).to.match(
      /configured is \{"\/predictor\/l1\/W":\{"momentum":0\.5,"lrScale":0\.1\}.* not \{/,
    );
    await store.remove('snapshot_iter_4');
    await store.remove('snapshot_iter_8');
    const whole = await train(8, 0.1);
    expect(second.values).to.deep.equal(whole.values);
  });

  it('says so when it begins anew', async () => {
    using training = buildTraining();
    training.trainer.extend(snapshot({ autoload: true }));
    const lines = await captured('info', () => training.trainer.run());
    expect(lines).to.deep.equal(['No snapshot in memory: training begins anew.']);
  });

  after(() => setSeed(0));
});
