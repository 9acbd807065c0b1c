/** Compares two binaries on small cases of each kind of kernel, to the bit. */
import * as tf from '@tensorflow/tfjs-core';
import * as names from '../attrs.ts';
import { release } from '../tfjs-internals.ts';
import type { Binary } from './binaries.ts';
import { convolutionKernels } from './convolution-kernels.ts';
import type { FastKernel } from './kernel.ts';
import { matMulKernels } from './matmul.ts';
import type { Runtime } from './runtime.ts';

type Shape = readonly number[];

interface Sample {
  readonly kind: string;
  readonly kernel: FastKernel;
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly attrs: object;
}

const all: Readonly<Record<string, FastKernel>> = { ...convolutionKernels, ...matMulKernels };

const plainAttrs = {
  ...{ stride: [1, 1], pad: [1, 1, 1, 1], dilation: [1, 1] },
  ...{ groups: 1, activation: 'relu' },
};

/** The three convolutions of a case: forward, and its gradients by input and filter. */
function convolutions(kind: string, x: Shape, filter: Shape, y: Shape, given: object): Sample[] {
  const attrs = { ...plainAttrs, ...given };
  return [
    { kind, kernel: all[names.CONV_2D]!, inputs: { x, filter, bias: [filter[0]!] }, attrs },
    {
      kind: `${kind}, input gradient`,
      kernel: all[names.CONV_2D_BACKPROP_INPUT]!,
      inputs: { dy: y, filter },
      attrs: { ...attrs, inputShape: x },
    },
    {
      kind: `${kind}, filter gradient`,
      kernel: all[names.CONV_2D_BACKPROP_FILTER]!,
      inputs: { x, dy: y },
      attrs: { ...attrs, filterShape: filter },
    },
  ];
}

/** Odd sizes too, so that the ends of blocks are computed. */
const samples: readonly Sample[] = [
  ...convolutions('Winograd F(4,3)', [1, 15, 14, 19], [21, 19, 3, 3], [1, 15, 14, 21], {}),
  ...convolutions('Winograd F(6,3)', [1, 60, 60, 16], [16, 16, 3, 3], [1, 60, 60, 16], {}),
  ...convolutions('implicit GEMM', [1, 17, 15, 11], [29, 11, 3, 3], [1, 9, 8, 29], { stride: [2, 2] }),
  ...convolutions('few channels', [1, 21, 19, 3], [20, 3, 3, 3], [1, 21, 19, 20], {}),
  ...convolutions('pointwise', [1, 13, 13, 40], [48, 40, 1, 1], [1, 13, 13, 48], { pad: [0, 0, 0, 0] }),
  {
    kind: 'in bytes',
    kernel: all[names.CONV_2D]!,
    inputs: { x: [1, 13, 13, 41], filter: [45, 41, 1, 1], bias: [45] },
    attrs: { ...plainAttrs, pad: [0, 0, 0, 0], inputRange: [-1, 1] },
  },
  ...convolutions('depthwise', [1, 15, 15, 27], [27, 1, 3, 3], [1, 15, 15, 27], { groups: 27 }),
  ...[1, 23].map((rows) => ({
    kind: `matrix product of ${rows} rows`,
    kernel: all[tf.BatchMatMul]!,
    inputs: { a: [1, rows, 70], b: [1, 70, 37] },
    attrs: { transposeA: false, transposeB: false },
  })),
];

/** Numbers between -1 and 1 that are no short sums of powers of 2: their products are rounded. */
function fill(values: Float32Array, seed: number): void {
  let state = seed | 0;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = state / 2 ** 31;
  }
}

/** The bits that a sample gives. */
function compute(rt: Runtime, { kind, kernel, inputs, attrs }: Sample): Uint32Array {
  const infos: tf.TensorInfo[] = [];
  const bitsOf = (info: tf.TensorInfo) => {
    const start = rt.heap.pointer(info) / 4;
    return rt.heap.u32.slice(start, start + info.shape.reduce((a, b) => a * b, 1));
  };
  try {
    const given = Object.entries(inputs).map(([name, shape], i) => {
      const info = rt.heap.output(shape);
      infos.push(info);
      const start = rt.heap.pointer(info) / 4;
      fill(rt.heap.f32.subarray(start, start + shape.reduce((a, b) => a * b, 1)), i + 1);
      return [name, info] as const;
    });
    const out = rt.computeKernel(kind, () => kernel(rt, Object.fromEntries(given), attrs)) as tf.TensorInfo;
    infos.push(out);
    return bitsOf(out);
  } finally {
    for (const info of infos) release(rt.backend, info, true);
  }
}

/**
 * Runs every sample with the binary in use and with another one.
 *
 * @returns the kinds whose results differ, or that fail.
 */
export function differences(rt: Runtime, other: Binary): string[] {
  const expected = rt.tryOut(rt.binary, () => samples.map((sample) => compute(rt, sample)));
  return rt.tryOut(other, () =>
    samples.flatMap((sample, i) => {
      try {
        const got = compute(rt, sample);
        return got.every((bits, k) => bits === expected[i]![k]) ? [] : [sample.kind];
      } catch {
        return [sample.kind];
      }
    }),
  );
}
