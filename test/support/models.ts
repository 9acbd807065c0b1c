/** Generated weights and recorded statistics: whole networks against their goldens. */
import {
  BatchNormalization,
  Chain,
  Convolution2D,
  Linear,
  type Link,
  maxPooling2D,
  relu,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type Every, fnv1a32, generate } from './goldens.ts';

/** One parameter of a golden network. */
export interface ParamRow {
  readonly path: string;
  readonly shape: readonly number[];
  readonly key: string;
  readonly scale: number;
  readonly offset: number;
  readonly every?: Every | undefined;
}

/** The network of the goldens' ten training steps. */
export class ConvNet extends Chain {
  readonly conv1 = new Convolution2D(3, 6, 3, { pad: 1 });
  readonly bn = new BatchNormalization(6);
  readonly conv2 = new Convolution2D(6, 8, 3, { stride: 2, pad: 1 });
  readonly fc = new Linear(null, 5);

  override forward(x: tf.Tensor4D): tf.Tensor2D {
    const h = maxPooling2D(relu(this.bn.call(this.conv1.call(x))), { ksize: 2 });
    return this.fc.call(relu(this.conv2.call(h)));
  }
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Gives every parameter of `model` the generated values of its row; fails where rows and parameters differ. */
export function fillParams(model: Link, rows: readonly ParamRow[]): void {
  const params = new Map(model.namedparams());
  expect(
    rows.map(({ path }) => path),
    'paths of the parameters',
  ).to.deep.equal([...params.keys()]);
  for (const row of rows) {
    const values = tf.tensor(generate(row, sizeOf(row.shape)), [...row.shape]);
    params.get(row.path)!.assign(values);
    values.dispose();
  }
}

/** What the goldens tell of an array they do not hold. */
export interface Stats {
  readonly shape: readonly number[];
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
  readonly l1: number;
  readonly l2: number;
  readonly wsum: number;
}

/** The largest magnitude that the statistics tell of. */
export const magnitude = ({ min, max }: Stats): number => Math.max(Math.abs(min), Math.abs(max));

const seed = fnv1a32('wsum');

/** `unit('wsum', i)` of the goldens' generator, inlined: tens of millions of them are asked for. */
function wsumWeight(i: number): number {
  let h = (seed + Math.imul(i + 1, 0x9e3779b9)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return ((h ^ (h >>> 16)) >>> 8) / 2 ** 23 - 1;
}

/** Expects the sums of `data`, in the order of the goldens (channels first). */
export function expectStats(
  data: ArrayLike<number>,
  want: Pick<Stats, 'shape' | 'l1' | 'l2' | 'wsum'>,
  what: string,
  rtol = 1e-5,
): void {
  expect(data.length, `${what}: length`).to.equal(sizeOf(want.shape));
  let [l1, square, wsum] = [0, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const v = data[i]!;
    l1 += Math.abs(v);
    square += v * v;
    wsum += v * wsumWeight(i);
  }
  expect(l1, `${what}: l1`).to.be.closeTo(want.l1, rtol * want.l1);
  expect(Math.sqrt(square), `${what}: l2`).to.be.closeTo(want.l2, rtol * want.l2);
  expect(wsum, `${what}: wsum`).to.be.closeTo(want.wsum, rtol * want.l2);
}

/** (N, H, W, C) values as (N, C, H, W). */
export function channelsFirst(data: Float32Array, shape: readonly number[]): Float32Array {
  const [n, h, w, c] = shape as [number, number, number, number];
  const out = new Float32Array(data.length);
  const area = h * w;
  for (let b = 0, i = 0; b < n; b++)
    for (let p = 0; p < area; p++) for (let k = 0; k < c; k++) out[(b * c + k) * area + p] = data[i++]!;
  return out;
}

/** Expects the sampled values, each within `atol`. */
export function expectSamples(
  data: ArrayLike<number>,
  index: ArrayLike<number>,
  want: ArrayLike<number>,
  atol: number,
  what: string,
): void {
  expect(want.length, `${what}: samples`).to.equal(index.length);
  let worst = 0;
  for (let i = 0; i < index.length; i++) {
    const d = Math.abs(data[index[i]!]! - want[i]!);
    if (!(d <= worst)) worst = Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
  }
  expect(worst, `${what}: largest difference of ${index.length} samples`).to.be.at.most(atol);
}
