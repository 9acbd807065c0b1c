/** References in float64, drawn shapes, and the comparison of the tests of the WASM kernels. */
import '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { Conv2DAttrs } from '../../../packages/kernels/src/attrs.ts';
import { registerWasmKernels } from '../../../packages/kernels/src/wasm/index.ts';

export async function useFastWasm() {
  await tf.setBackend('wasm');
  await tf.ready();
  return registerWasmKernels();
}

/** What Node 20 needs to multiply bytes: the unoptimized code of its V8 has the product wrong, so that the kernels do without. */
export const bytesFlags: readonly string[] = process.versions.v8.startsWith('11.') ? ['--no-liftoff'] : [];

/** A seeded generator of uniform numbers in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export type Random = () => number;

export const integer = (random: Random, least: number, most: number) =>
  least + Math.floor(random() * (most - least + 1));

export const pick = <T>(random: Random, values: readonly T[]): T =>
  values[Math.floor(random() * values.length)]!;

export const floats = (random: Random, n: number) => Float32Array.from({ length: n }, () => random() * 2 - 1);

export const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Runs a kernel on the active backend, outside the tape. */
export function run(name: string, inputs: Record<string, tf.Tensor>, attrs: object = {}): tf.Tensor {
  return tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap) as tf.Tensor;
}

/** The largest difference, relative to the largest value expected. */
export function worst(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(got.length).to.equal(expected.length);
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    if (got[i] === expected[i] && !Number.isFinite(expected[i])) continue; // equal infinities
    largest = Math.max(largest, Math.abs(expected[i]!));
    const d = Math.abs(got[i]! - expected[i]!);
    if (!(d <= difference)) difference = d; // a NaN stays
  }
  return largest === 0 ? difference : difference / largest;
}

export interface Case {
  readonly xShape: [number, number, number, number];
  readonly filterShape: [number, number, number, number];
  readonly attrs: Conv2DAttrs;
}

export function outputShape({ xShape, filterShape, attrs }: Case): [number, number, number, number] {
  const along = (i: number, k: number, at: 0 | 1) =>
    Math.floor(
      (i + attrs.pad[2 * at]! + attrs.pad[2 * at + 1]! - attrs.dilation[at] * (k - 1) - 1) / attrs.stride[at],
    ) + 1;
  return [
    xShape[0],
    along(xShape[1], filterShape[2], 0),
    along(xShape[2], filterShape[3], 1),
    filterShape[0],
  ];
}

/** Calls `visit` with the flat indices (x, filter, output) of every product of the convolution. */
function products(c: Case, visit: (x: number, w: number, y: number) => void): void {
  const [n, h, w, channels] = c.xShape;
  const [out, perGroup, kh, kw] = c.filterShape;
  const [, oh, ow] = outputShape(c);
  const { stride, pad, dilation, groups } = c.attrs;
  const outPerGroup = out / groups;
  for (let b = 0; b < n; b++)
    for (let y = 0; y < oh; y++)
      for (let x = 0; x < ow; x++)
        for (let ky = 0; ky < kh; ky++) {
          const iy = y * stride[0] - pad[0] + ky * dilation[0];
          if (iy < 0 || iy >= h) continue;
          for (let kx = 0; kx < kw; kx++) {
            const ix = x * stride[1] - pad[2] + kx * dilation[1];
            if (ix < 0 || ix >= w) continue;
            for (let o = 0; o < out; o++) {
              const first = Math.floor(o / outPerGroup) * perGroup;
              for (let i = 0; i < perGroup; i++)
                visit(
                  ((b * h + iy) * w + ix) * channels + first + i,
                  ((o * perGroup + i) * kh + ky) * kw + kx,
                  ((b * oh + y) * ow + x) * out + o,
                );
            }
          }
        }
}

export function convolution(
  c: Case,
  x: Float32Array,
  w: Float32Array,
  bias: Float32Array | null,
): Float64Array {
  const y = new Float64Array(size(outputShape(c)));
  products(c, (i, j, k) => {
    y[k]! += x[i]! * w[j]!;
  });
  const { activation } = c.attrs;
  return y.map((v, k) => {
    const sum = v + (bias === null ? 0 : bias[k % bias.length]!);
    return activation === 'linear' ? sum : Math.min(Math.max(0, sum), activation === 'relu6' ? 6 : Infinity);
  });
}

export function inputGradient(c: Case, w: Float32Array, dy: Float32Array): Float64Array {
  const dx = new Float64Array(size(c.xShape));
  products(c, (i, j, k) => {
    dx[i]! += dy[k]! * w[j]!;
  });
  return dx;
}

export function filterGradient(c: Case, x: Float32Array, dy: Float32Array): Float64Array {
  const dw = new Float64Array(size(c.filterShape));
  products(c, (i, j, k) => {
    dw[j]! += dy[k]! * x[i]!;
  });
  return dw;
}

/** A convolution that exists: every window lies within the padded input. */
export function drawCase(
  random: Random,
  { channels = [1, 2, 3, 4, 5, 8, 9, 16, 23, 64, 70], widest = 14 } = {},
): Case {
  for (;;) {
    const k = pick(random, [1, 2, 3, 3, 3, 3, 5, 7]);
    const kind = pick(random, ['plain', 'plain', 'plain', 'plain', 'depthwise', 'groups']);
    const groups = kind === 'plain' ? 1 : kind === 'groups' ? integer(random, 2, 4) : integer(random, 2, 19);
    const perGroup = kind === 'depthwise' ? 1 : pick(random, channels);
    const outPerGroup = kind === 'depthwise' ? 1 : integer(random, 1, 21);
    const stride = pick(random, [1, 1, 1, 2, 3]);
    const dilation = pick(random, [1, 1, 1, 2, 3]);
    const pad = () => integer(random, 0, pick(random, [1, 2, k * dilation + 2]));
    const c: Case = {
      xShape: [integer(random, 1, 3), integer(random, 1, 14), integer(random, 1, widest), perGroup * groups],
      filterShape: [outPerGroup * groups, perGroup, k, pick(random, [k, k, k, integer(random, 1, 4)])],
      attrs: {
        stride: [stride, pick(random, [stride, stride, integer(random, 1, 3)])],
        pad: [pad(), pad(), pad(), pad()],
        dilation: [dilation, pick(random, [dilation, dilation, integer(random, 1, 3)])],
        groups,
        activation: pick(random, ['linear', 'relu', 'relu6']),
      },
    };
    const [, oh, ow] = outputShape(c);
    if (oh >= 1 && ow >= 1) return c;
  }
}

/** The product of two matrices in float64. */
export function matrixProduct(
  a: Float32Array,
  b: Float32Array,
  m: number,
  n: number,
  k: number,
  transposeA: boolean,
  transposeB: boolean,
): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++)
      for (let l = 0; l < k; l++)
        c[i * n + j]! += a[transposeA ? l * m + i : i * k + l]! * b[transposeB ? j * k + l : l * n + j]!;
  return c;
}
