/** A small network on a small problem, and trainers of it. */
import { Chain, Classifier, dropout, Linear, MomentumSGD, Random, relu, setSeed } from '@chaingrad/core';
import {
  MemoryStore,
  SerialIterator,
  StandardUpdater,
  type Store,
  Trainer,
  type TrainerOptions,
  type TriggerLike,
  TupleDataset,
} from '@chaingrad/training';
import type * as tf from '@tensorflow/tfjs-core';

/** The next batches, `count` at most. */
export async function take<E>(iterator: AsyncIterator<E[]>, count: number): Promise<E[][]> {
  const batches: E[][] = [];
  for (let i = 0; i < count; i++) {
    const { done, value } = await iterator.next();
    if (done) break;
    batches.push(value);
  }
  return batches;
}

/** Two layers with dropout between. */
export class Mlp extends Chain {
  readonly l1 = new Linear(4, 16);
  readonly l2 = new Linear(null, 3);

  override forward(x: tf.Tensor2D): tf.Tensor2D {
    return this.l2.call(dropout(relu(this.l1.call(x)), 0.3));
  }
}

/** `n` points in three clouds, with labels. */
export function clouds(n = 50, seed = 3): TupleDataset<[Float32Array, number]> {
  const rng = new Random(seed);
  const labels = Int32Array.from({ length: n }, () => rng.integer(3));
  const points = Array.from(labels, (label) =>
    Float32Array.from({ length: 4 }, (_, i) => (i === label ? 1.5 : 0) + rng.normal()),
  );
  return new TupleDataset<[Float32Array, number]>(points, labels);
}

export interface Training extends Disposable {
  readonly model: Classifier<Mlp>;
  readonly optimizer: MomentumSGD;
  readonly iterator: SerialIterator<[Float32Array, number]>;
  readonly updater: StandardUpdater<[Float32Array, number]>;
  readonly trainer: Trainer;
  readonly store: Store;
}

export interface TrainingOptions extends TrainerOptions {
  readonly stop?: TriggerLike;
  readonly seed?: number;
  readonly store?: Store;
  readonly batchSize?: number;
}

/** Everything from one seed: two of them train alike. */
export function buildTraining({
  stop = [3, 'epoch'],
  seed = 1,
  store = new MemoryStore(),
  batchSize = 8,
  ...options
}: TrainingOptions = {}): Training {
  setSeed(seed);
  const model = new Classifier(new Mlp());
  const optimizer = new MomentumSGD({ lr: 0.05 }).setup(model);
  const iterator = new SerialIterator(clouds(), batchSize);
  const updater = new StandardUpdater(iterator, optimizer);
  const trainer = new Trainer(updater, stop, { out: store, ...options });
  return {
    model,
    optimizer,
    iterator,
    updater,
    trainer,
    store,
    [Symbol.dispose]() {
      optimizer.dispose();
      model.dispose();
    },
  };
}

/** Text of a file in a store. */
export const textOf = async (store: Store, name: string): Promise<string> =>
  new TextDecoder().decode(await store.read(name));

/** What a console function is called with while `fn` runs; nothing is printed. */
export async function captured(
  method: 'warn' | 'error' | 'info' | 'log',
  fn: () => unknown,
): Promise<string[]> {
  const original = console[method];
  const lines: string[] = [];
  console[method] = (...args: unknown[]) => void lines.push(args.map(String).join(' '));
  try {
    await fn();
  } finally {
    console[method] = original;
  }
  return lines;
}
