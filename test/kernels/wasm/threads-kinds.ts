/** Something of every kind that the kernels compute on threads, for threads-program.ts. */
import * as tf from '@tensorflow/tfjs-core';
import * as names from '../../../packages/kernels/src/attrs.ts';
import { fusedUpdate } from '../../../packages/kernels/src/ops/fused-update.ts';
import { type Case, floats, generator, outputShape, run, size } from './support.ts';

export interface Kind {
  readonly name: string;
  /** Computes it from new tensors; to be called in a tidy. */
  run(): tf.Tensor[];
}

const random = generator(43);

interface Layer {
  readonly x: readonly [batch: number, height: number, width: number, channels: number];
  readonly out: number;
  readonly ksize?: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly groups?: number;
  readonly inputRange?: readonly [min: number, max: number];
}

/** As many outputs as inputs, where the stride is 1. */
function caseOf({ x, out, ksize = 3, stride = 1, dilation = 1, groups = 1, inputRange }: Layer): Case {
  const pad = (dilation * (ksize - 1)) / 2;
  return {
    xShape: [...x],
    filterShape: [out, x[3] / groups, ksize, ksize],
    attrs: {
      ...{ stride: [stride, stride], pad: [pad, pad, pad, pad], dilation: [dilation, dilation] },
      ...{ groups, activation: 'linear', inputRange: inputRange ?? null },
    },
  };
}

/** A convolution, its gradients, and both filter kernels once more with the filter that is prepared by then. */
function convolution(name: string, layer: Layer): Kind {
  const c = caseOf(layer);
  const [x, w, dy] = [c.xShape, c.filterShape, outputShape(c)].map((shape) => floats(random, size(shape)));
  return {
    name,
    run() {
      const xs = tf.tensor(x!, c.xShape);
      const filter = tf.tensor(w!, c.filterShape);
      const dys = tf.tensor(dy!, outputShape(c));
      const both = () => [
        run(names.CONV_2D, { x: xs, filter }, c.attrs),
        run(names.CONV_2D_BACKPROP_INPUT, { dy: dys, filter }, { ...c.attrs, inputShape: c.xShape }),
      ];
      const attrs = { ...c.attrs, filterShape: c.filterShape };
      return [...both(), ...both(), run(names.CONV_2D_BACKPROP_FILTER, { x: xs, dy: dys }, attrs)];
    },
  };
}

/** A function of tensors of these shapes. */
function of(name: string, shapes: readonly number[][], fn: (...tensors: tf.Tensor[]) => tf.Tensor[]): Kind {
  const values = shapes.map((shape) => floats(random, size(shape)));
  return { name, run: () => fn(...values.map((data, i) => tf.tensor(data, shapes[i]!))) };
}

const pool = (ksize: number, stride: number): names.Pool2DAttrs => ({
  ...{ ksize: [ksize, ksize], stride: [stride, stride], pad: [0, 0, 0, 0] },
});

function pooling(name: string, attrs: names.Pool2DAttrs): Kind {
  return of(name, [[2, 21, 21, 48]], (x) => {
    const max = run(names.MAX_POOL_2D, { x: x! }, attrs);
    const average = run(names.AVG_POOL_2D, { x: x! }, attrs);
    return [
      ...[max, average],
      run(names.MAX_POOL_2D_GRAD, { dy: average, x: x!, y: max }, { ...attrs }),
      run(names.AVG_POOL_2D_GRAD, { dy: max }, { ...attrs, inputShape: x!.shape }),
    ];
  });
}

const N = 70001;

export const kinds: readonly Kind[] = [
  convolution('Winograd, 4x4', { x: [3, 44, 44, 24], out: 48 }),
  convolution('Winograd, 6x6', { x: [1, 72, 72, 16], out: 24 }),
  convolution('Winograd, shared tiles', { x: [1, 19, 19, 64], out: 72 }),
  convolution('Winograd, dilated', { x: [1, 20, 20, 16], out: 16, dilation: 2 }),
  convolution('product, 5x5', { x: [2, 19, 19, 12], out: 20, ksize: 5 }),
  convolution('product, 1x1', { x: [1, 19, 19, 72], out: 40, ksize: 1 }),
  convolution('product, dilated', { x: [1, 20, 20, 9], out: 16, ksize: 5, dilation: 3 }),
  convolution('direct, dilated', { x: [1, 20, 20, 5], out: 16, dilation: 3 }),
  convolution('direct, strided', { x: [2, 40, 40, 3], out: 20, ksize: 7, stride: 2 }),
  convolution('product, strided', { x: [1, 24, 24, 48], out: 32, stride: 2 }),
  convolution('product in bytes', { x: [2, 9, 9, 530], out: 40, ksize: 1, inputRange: [-0.5, 1] }),
  convolution('product in bytes, strided', {
    ...{ x: [1, 24, 24, 50], out: 33, stride: 2, inputRange: [-0.9, 0.7] },
  }),
  convolution('groups', { x: [1, 20, 20, 24], out: 36, groups: 3 }),
  convolution('depthwise', { x: [2, 19, 19, 40], out: 40, groups: 40 }),
  convolution('depthwise, 5x5', { x: [1, 20, 20, 12], out: 12, groups: 12, ksize: 5 }),
  convolution('depthwise, strided', { x: [1, 20, 20, 24], out: 24, groups: 24, stride: 2 }),
  of(
    'matrix products',
    [
      [101, 120],
      [120, 130],
    ],
    (a, b) => [
      tf.matMul(a!, b!),
      tf.matMul(b!, a!, true, true),
      tf.matMul(a!, a!, true, false),
      tf.matMul(b!, b!, false, true),
    ],
  ),
  of(
    'matrix products, batch',
    [
      [3, 40, 30],
      [3, 30, 50],
    ],
    (a, b) => [tf.matMul(a!, b!)],
  ),
  of(
    'matrix products, few rows',
    [
      [2, 300],
      [300, 400],
      [400, 300],
    ],
    (a, b, c) => [tf.matMul(a!, b!), tf.matMul(a!, c!, false, true)],
  ),
  pooling('pooling, windows apart', pool(2, 2)),
  pooling('pooling, windows that overlap', pool(3, 1)),
  of('sum', [[2, 60, 60, 24]], (x) => [tf.sum(x!, [0, 1, 2])]),
  of('activation gradient', [[N], [N]], (dy, x) =>
    (['relu', 'relu6'] as const).map((activation) => {
      const y = activation === 'relu' ? tf.relu(x!) : tf.relu6(tf.mul(x!, 10));
      return run(names.ACTIVATION_GRAD, { dy: dy!, y }, { activation });
    }),
  ),
  of('updates', [[N], [N], [N], [N]], (p, g, m, v) => [
    ...fusedUpdate('sgd', p!, g!, [], { lr: 0.1, weightDecay: 0.01 }),
    ...fusedUpdate('momentum', p!, g!, [m!], { lr: 0.1, momentum: 0.9 }),
    ...fusedUpdate('adam', p!, g!, [m!, tf.abs(v!)], { rate: 0.03, beta1: 0.9, beta2: 0.999, eps: 1e-3 }),
  ]),
];
