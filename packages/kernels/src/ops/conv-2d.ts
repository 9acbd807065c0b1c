import * as tf from '@tensorflow/tfjs-core';
import { CONV_2D, CONV_2D_BATCH_NORM, type Conv2DAttrs } from '../attrs.ts';
import { KernelArgumentError } from '../errors.ts';
import { geometryOf } from '../geometry.ts';
import { runKernel } from '../run.ts';
import { hasKernel, runRegistered } from '../tfjs-internals.ts';
import { checkIntegers, checkTensor, checkWindows, shown } from './validate.ts';

const activations = ['linear', 'relu', 'relu6'];

/** What a batch normalization knows: statistics, scale and shift of each out-channel. */
export interface BatchStatistics {
  /** float32 (out). */
  readonly mean: tf.Tensor1D;
  /** float32 (out). */
  readonly variance: tf.Tensor1D;
  /** float32 (out); null is one. */
  readonly gamma: tf.Tensor1D | null;
  /** float32 (out); null is zero. */
  readonly beta: tf.Tensor1D | null;
  /** Added to the variance. */
  readonly epsilon: number;
}

/**
 * 2-D convolution (cross-correlation) with an optional bias and activation, differentiable on every backend.
 *
 * @param x activations, float32 (N, H, W, C).
 * @param filter float32 OIHW: (out, C / groups, kh, kw), as Chainer, PyTorch and ONNX have it.
 * @param bias float32 (out), or null.
 * @param attrs stride 1, pad 0, dilation 1, groups 1 and activation 'linear' unless given.
 * @param normalization the outputs are normalized by these statistics before the activation: on wasm in the same pass.
 * @returns float32 (N, OH, OW, out) with OH = floor((H + top + bottom - dilation (kh - 1) - 1) / stride) + 1.
 * @throws KernelArgumentError when shapes, channels and groups do not fit each other.
 * @throws UnsupportedKernelError when the active backend is none of cpu, wasm, webgpu.
 */
export function conv2d(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  bias: tf.Tensor1D | null = null,
  attrs: Partial<Conv2DAttrs> = {},
  normalization: BatchStatistics | null = null,
): tf.Tensor4D {
  const op = 'conv2d';
  const { stride = [1, 1], pad = [0, 0, 0, 0], dilation = [1, 1], groups = 1, activation = 'linear' } = attrs;
  checkTensor(op, 'x', x, ['N', 'H', 'W', 'C']);
  checkTensor(op, 'filter', filter, ['out', 'in / groups', 'kh', 'kw']);
  checkIntegers(op, 'stride', stride, 2, 1);
  checkIntegers(op, 'pad', pad, 4, 0);
  checkIntegers(op, 'dilation', dilation, 2, 1);
  checkIntegers(op, 'groups', [groups], 1, 1);
  if (!activations.includes(activation))
    throw new KernelArgumentError(op, 'activation', `one of ${activations.join(', ')}`, String(activation));
  const [out, inPerGroup, kh, kw] = filter.shape;
  if (x.shape[3] !== inPerGroup * groups)
    throw new KernelArgumentError(
      op,
      'x',
      `of ${inPerGroup * groups} channels (filter in-channels ${inPerGroup} x groups ${groups})`,
      `${x.shape[3]} channels, shape ${shown(x.shape)}`,
    );
  if (out % groups !== 0)
    throw new KernelArgumentError(
      op,
      'filter',
      `of a number of out-channels divisible by groups ${groups}`,
      shown(filter.shape),
    );
  for (const [name, vector] of Object.entries({ bias, ...vectorsOf(normalization) })) {
    if (vector === null) continue;
    checkTensor(op, name, vector, ['out']);
    if (vector.shape[0] !== out)
      throw new KernelArgumentError(op, name, `of shape (${out})`, shown(vector.shape));
  }
  checkWindows(op, geometryOf(x.shape, [kh, kw], { stride, pad, dilation }));
  const all = { stride, pad, dilation, groups, activation };
  if (normalization !== null) return tf.tidy(() => normalized(x, filter, bias, all, normalization));
  return runKernel<tf.Tensor4D>(CONV_2D, bias === null ? { x, filter } : { x, filter, bias }, all);
}

const vectorsOf = (normalization: BatchStatistics | null) => {
  if (normalization === null) return {};
  const { mean, variance, gamma, beta } = normalization;
  return { mean, variance, gamma, beta };
};

function normalized(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  bias: tf.Tensor1D | null,
  attrs: Conv2DAttrs,
  { mean, variance, epsilon, ...given }: BatchStatistics,
): tf.Tensor4D {
  const gamma = given.gamma ?? tf.onesLike(mean);
  const beta = given.beta ?? tf.zerosLike(mean);
  if (hasKernel(CONV_2D_BATCH_NORM)) {
    const shifted = bias === null ? mean : tf.sub(mean, bias);
    const inputs = { x, filter, mean: shifted, variance, gamma, beta };
    return runRegistered<tf.Tensor4D>(CONV_2D_BATCH_NORM, inputs, { ...attrs, epsilon });
  }
  const { activation } = attrs;
  const h = conv2d(x, filter, bias, { ...attrs, activation: 'linear' });
  const y = tf.batchNorm(h, mean, variance, beta, gamma, epsilon);
  return activation === 'relu' ? tf.relu(y) : activation === 'relu6' ? tf.relu6(y) : y;
}
