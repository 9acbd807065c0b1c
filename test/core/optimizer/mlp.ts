/** The two-layer network of the goldens (4 -> 6, tanh, -> 3, softmax cross entropy), from plain tfjs operations. */
import '@chaingrad/kernels';
import { Chain, Link, Parameter } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { generate, readJson, readNpz } from '../../support/goldens.ts';

interface OptimizerGolden {
  losses: number[];
  attrs: Record<string, number>;
  t: number;
  hyperparams: Record<string, number>;
  state_keys: string[];
}

interface ParamRow {
  path: string;
  shape: number[];
  key: string;
  scale: number;
  offset: number;
}

export const golden = readJson<{
  optimizers: Record<string, OptimizerGolden>;
  mlp_params: ParamRow[];
  optimizer_semantics: { case: string; returns: unknown }[];
  npz: Record<string, { keys: Record<string, [number[], string]> }>;
}>('goldens/training.json');

const arrays = readNpz('goldens/training.npz');

export function goldenArray(name: string): Float32Array {
  const found = arrays.get(name);
  if (found === undefined) throw new Error(`training.npz has no '${name}'`);
  return found.data as Float32Array;
}

/** y = x W^T + b */
export class Dense extends Link {
  readonly W: Parameter;
  readonly b: Parameter;

  constructor(inSize: number | null, outSize: number) {
    super();
    this.W = inSize === null ? new Parameter(0.5) : new Parameter(0.5, [outSize, inSize]);
    this.b = new Parameter(0, [outSize]);
  }

  override forward(x: tf.Tensor2D): tf.Tensor2D {
    if (!this.W.isInitialized) this.W.initialize([this.b.size, x.shape[1]]);
    return tf.add(tf.matMul(x, this.W.tensor as tf.Tensor2D, false, true), this.b.tensor);
  }
}

export class MLP extends Chain {
  readonly l1: Dense;
  readonly l2 = new Dense(6, 3);

  constructor(lazy = false) {
    super();
    this.l1 = new Dense(lazy ? null : 4, 6);
  }

  override forward(x: tf.Tensor2D): tf.Tensor2D {
    return this.l2.call(tf.tanh(this.l1.call(x)));
  }
}

/** The network with the weights of the goldens; a lazy one finds the shape of `/l1/W` at its first call. */
export function goldenMLP(lazy = false): MLP {
  const model = new MLP(lazy);
  const rows = new Map(golden.mlp_params.map((row) => [row.path, row]));
  for (const [path, param] of model.namedparams(false)) {
    const row = rows.get(path)!;
    tf.tidy(() => param.assign(tf.tensor(generate(row, param.size), row.shape)));
  }
  return model;
}

/** The batch of the goldens: 8 inputs, and their labels as one-hot rows. */
export function batch(): { x: tf.Tensor2D; t: tf.Tensor2D } {
  const labels = Array.from(arrays.get('opt/t')!.data as Int32Array);
  const rows = labels.map((label) => [0, 1, 2].map((c) => (c === label ? 1 : 0)));
  return { x: tf.tensor2d(goldenArray('opt/x'), [8, 4]), t: tf.tensor2d(rows) };
}

/** Softmax cross entropy of the batch. */
export function lossOf(model: MLP, x: tf.Tensor2D, t: tf.Tensor2D): tf.Tensor {
  return tf.tidy(() => {
    const y = model.call(x);
    return tf.mean(tf.sub(tf.logSumExp(y, 1), tf.sum(tf.mul(y, t), 1)));
  });
}
