/**
 * A program of its own for wasm.test.ts: tfjs' WASM backend is started once in a process, with one number of threads. Trains a
 * detector and a classifier on our kernels, prints JSON. `node --expose-gc wasm-program.ts THREADS`
 */
import { createHash } from 'node:crypto';
import {
  Adam,
  BatchNormalization,
  Chain,
  Classifier,
  Convolution2D,
  dropout,
  Linear,
  type Link,
  MomentumSGD,
  maxPooling2D,
  Random,
  relu,
  setSeed,
  useBackend,
} from '@chaingrad/core';
import {
  Evaluator,
  ExponentialShift,
  type LogEntry,
  LogReport,
  MemoryStore,
  SerialIterator,
  StandardUpdater,
  type Store,
  snapshot,
  snapshotBest,
  Trainer,
  TransformDataset,
  TupleDataset,
} from '@chaingrad/training';
import { MultiboxTrainChain, type SSDTrainExample, ssdBatch, ssdTransform } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { valuesOf } from '../../support/serializable.ts';
import { TinySSD } from '../models/tiny-ssd.ts';
import { squares } from '../squares.ts';

interface Training extends Disposable {
  readonly trainer: Trainer;
}

/** An SSD, with the augmentation of its paper. */
function detection(iterations: number, store: Store, seed: number): Training {
  setSeed(seed);
  const model = new TinySSD().initialize([1, 32, 32, 3]);
  const optimizer = new MomentumSGD({ lr: 3e-3 }).setup(new MultiboxTrainChain(model));
  const augmentation = new Random(seed + 1);
  const transform = ssdTransform(model, { rng: augmentation, iouThresh: 0.4 });
  const iterator = new SerialIterator<SSDTrainExample>(new TransformDataset(squares(6), transform), 4);
  const updater = new StandardUpdater<SSDTrainExample>(iterator, optimizer, { converter: ssdBatch });
  const random = { augmentation };
  const trainer = new Trainer(updater, [iterations, 'iteration'], { out: store, random });
  return disposing(trainer, optimizer, model);
}

/** Convolution, running statistics, pooling, dropout. */
class Net extends Chain {
  readonly conv1 = new Convolution2D(3, 16, 3, { pad: 1, nobias: true });
  readonly bn = new BatchNormalization(16);
  readonly conv2 = new Convolution2D(null, 24, 3, { pad: 1 });
  readonly fc = new Linear(null, 4);

  override forward(x: tf.Tensor4D): tf.Tensor2D {
    const h = maxPooling2D(relu(this.bn.call(this.conv1.call(x))), { ksize: 2 });
    return this.fc.call(dropout(maxPooling2D(this.conv2.call(h, 'relu'), { ksize: 2 }), 0.3));
  }
}

function images(count: number, seed: number): TupleDataset<[tf.TensorLike, number]> {
  const rng = new Random(seed);
  const pixels = () =>
    Array.from({ length: 12 }, () => Array.from({ length: 12 }, () => [0, 0, 0].map(() => rng.normal())));
  return new TupleDataset<[tf.TensorLike, number]>(
    Array.from({ length: count }, pixels),
    Int32Array.from({ length: count }, () => rng.integer(4)),
  );
}

function classification(iterations: number, store: Store, seed: number): Training {
  setSeed(seed);
  const model = new Classifier(new Net());
  const optimizer = new Adam({ alpha: 0.01 }).setup(model);
  const updater = new StandardUpdater(new SerialIterator(images(20, 5), 8), optimizer);
  const trainer = new Trainer(updater, [iterations, 'iteration'], { out: store });
  const validation = new SerialIterator(images(8, 6), 8, { repeat: false, shuffle: false });
  trainer.extend(new Evaluator(validation, model), { trigger: [5, 'iteration'] });
  trainer.extend(new ExponentialShift('alpha', 0.9), { trigger: [3, 'iteration'] });
  return disposing(trainer, optimizer, model);
}

function disposing(trainer: Trainer, optimizer: { dispose(): void }, model: Link): Training {
  return {
    trainer,
    [Symbol.dispose]() {
      optimizer.dispose();
      model.dispose();
    },
  };
}

type Build = typeof detection;

/** Trains, from the snapshot in the store if there is one. @returns a hash of every value, the log and the best model. */
async function train(build: Build, iterations: number, store: Store, seed: number): Promise<string> {
  using training = build(iterations, store, seed);
  const { trainer } = training;
  const log = new LogReport({ trigger: [3, 'iteration'] });
  trainer.extend(log);
  const target = trainer.updater.getOptimizer('main').target!;
  trainer.extend(snapshotBest(target, 'main/loss', { interval: [2, 'iteration'] }));
  trainer.extend(snapshot({ autoload: true, log() {} }), { trigger: [4, 'iteration'] });
  await trainer.run();
  const { _snapshot_elapsed_time, ...values } = await valuesOf(trainer);
  const timeless = log.log.map((entry): LogEntry => ({ ...entry, elapsed_time: 0 }));
  values['extensions/LogReport/_log'] = JSON.stringify(timeless);
  const hash = createHash('sha256').update(JSON.stringify(values));
  return hash.update(await store.read('best_model')).digest('hex');
}

async function resumes(build: Build): Promise<{ whole: string; resumed: string[] }> {
  const whole = await train(build, 14, new MemoryStore(), 1);
  const resumed: string[] = [];
  for (const end of [5, 11]) {
    const store = new MemoryStore();
    await train(build, end, store, 1);
    // Another seed: what is not restored would show.
    resumed.push(await train(build, 14, store, 99));
  }
  return { whole, resumed };
}

interface Usage {
  readonly tensors: number;
  readonly buffers: number;
  readonly heap: number;
  /** How many blocks of 4 KiB the lower part of the heap has room for: what is not freed takes it away. */
  readonly room: number;
  readonly rss: number;
}

function usage(): Usage {
  const { wasm } = tf.backend() as unknown as {
    wasm: { HEAPU8: Uint8Array; _malloc(bytes: number): number; _free(pointer: number): void };
  };
  const blocks: number[] = [];
  do blocks.push(wasm._malloc(2 ** 12));
  while (blocks.at(-1)! < 3 * 2 ** 22);
  for (const block of blocks) wasm._free(block);
  const room = blocks.length;
  globalThis.gc!();
  const { numTensors, numDataBuffers } = tf.memory();
  const heap = wasm.HEAPU8.buffer.byteLength;
  return { tensors: numTensors, buffers: numDataBuffers, heap, room, rss: process.memoryUsage.rss() };
}

/** What is in use after 100, 200, ... 500 steps. */
async function memory(build: Build): Promise<Usage[]> {
  using training = build(500, new MemoryStore(), 1);
  const used: Usage[] = [];
  training.trainer
    .extend(new LogReport({ trigger: [50, 'iteration'] }))
    .extend(() => void used.push(usage()), { name: 'usage', trigger: [100, 'iteration'], priority: -1000 });
  await training.trainer.run();
  return used;
}

const { wasm } = await useBackend('wasm', { threads: Number(process.argv[2]) });
const report: Record<string, object> = {};
for (const build of [detection, classification]) {
  report[build.name] = { ...(await resumes(build)), usage: await memory(build) };
}
console.log(JSON.stringify({ threads: wasm?.threads, tensors: tf.memory().numTensors, ...report }));
process.exit(0);
