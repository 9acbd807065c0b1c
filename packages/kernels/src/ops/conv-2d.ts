import * as tf from '@tensorflow/tfjs-core';
import { CONV_2D, CONV_2D_BATCH_NORM, type Conv2DAttrs, isInputRange, SEPARABLE_CONV_2D } from '../attrs.ts';
import { KernelArgumentError } from '../errors.ts';
import { geometryOf } from '../geometry.ts';
import { runKernel } from '../run.ts';
import { isRecorded } from '../tape.ts';
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
  checkTensor(op, 'x', x, ['N', 'H', 'W', 'C']);
  const step = { filter, bias, attrs, normalization };
  return convolved(x, step, completed(op, x.shape, step));
}

/** What a step gives whose arguments are checked. @param attrs all of them. */
function convolved(x: tf.Tensor4D, step: Conv2DStep, attrs: Conv2DAttrs): tf.Tensor4D {
  const { filter, bias, normalization } = step;
  if (normalization !== null) return tf.tidy(() => normalized(x, filter, bias, attrs, normalization));
  return runKernel<tf.Tensor4D>(CONV_2D, bias === null ? { x, filter } : { x, filter, bias }, attrs);
}

/** A convolution, as the arguments of `conv2d` tell it. */
export interface Conv2DStep {
  readonly filter: tf.Tensor4D;
  readonly bias: tf.Tensor1D | null;
  readonly attrs: Partial<Conv2DAttrs>;
  readonly normalization: BatchStatistics | null;
}

/** All attributes of a convolution, whose arguments are checked. @param xShape (N, H, W, C). */
function completed(
  op: string,
  xShape: readonly number[],
  { filter, bias, attrs, normalization }: Conv2DStep,
): Conv2DAttrs {
  const { stride = [1, 1], pad = [0, 0, 0, 0], dilation = [1, 1], groups = 1, activation = 'linear' } = attrs;
  const { inputRange = null } = attrs;
  checkTensor(op, 'filter', filter, ['out', 'in / groups', 'kh', 'kw']);
  checkIntegers(op, 'stride', stride, 2, 1);
  checkIntegers(op, 'pad', pad, 4, 0);
  checkIntegers(op, 'dilation', dilation, 2, 1);
  checkIntegers(op, 'groups', [groups], 1, 1);
  if (!activations.includes(activation))
    throw new KernelArgumentError(op, 'activation', `one of ${activations.join(', ')}`, String(activation));
  if (inputRange !== null && !isInputRange(inputRange))
    throw new KernelArgumentError(
      op,
      'inputRange',
      'two numbers around 0, at most 1e30 apart',
      String(inputRange),
    );
  const [out, inPerGroup, kh, kw] = filter.shape;
  if (xShape[3] !== inPerGroup * groups)
    throw new KernelArgumentError(
      op,
      'x',
      `of ${inPerGroup * groups} channels (filter in-channels ${inPerGroup} x groups ${groups})`,
      `${xShape[3]} channels, shape ${shown(xShape)}`,
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
  checkWindows(op, geometryOf(xShape, [kh, kw], { stride, pad, dilation }));
  return { stride, pad, dilation, groups, activation, inputRange: isRecorded() ? null : inputRange };
}

/**
 * A depthwise convolution, and a pointwise one of what it gives: `conv2d` twice. On wasm filters of 3x3 and then 1x1 are computed in one
 * pass, with the same bits, unless that is recorded for gradients: the map between the two is never written.
 *
 * @param x activations, float32 (N, H, W, C).
 * @returns float32 (N, OH, OW, out) of the second convolution.
 * @throws KernelArgumentError, UnsupportedKernelError as `conv2d`.
 */
export function separableConv2d(x: tf.Tensor4D, depthwise: Conv2DStep, pointwise: Conv2DStep): tf.Tensor4D {
  const op = 'separableConv2d';
  checkTensor(op, 'x', x, ['N', 'H', 'W', 'C']);
  const first = completed(op, x.shape, depthwise);
  const [width, , kh, kw] = depthwise.filter.shape;
  const { outHeight, outWidth } = geometryOf(x.shape, [kh, kw], first);
  const second = completed(op, [x.shape[0], outHeight, outWidth, width], pointwise);
  const isOnePass =
    isDepthwise3x3(x, depthwise.filter, first) &&
    isPointwise(pointwise.filter, second) &&
    hasKernel(SEPARABLE_CONV_2D) &&
    !isRecorded();
  return tf.tidy(() => {
    if (!isOnePass) return convolved(convolved(x, depthwise, first), pointwise, second);
    const withEpsilon = (attrs: Conv2DAttrs, { normalization }: Conv2DStep) => ({
      ...attrs,
      epsilon: normalization?.epsilon ?? 0,
    });
    const steps = [withEpsilon(first, depthwise), withEpsilon(second, pointwise)];
    const inputs = { x, ...numbered(0, depthwise), ...numbered(1, pointwise) };
    return runRegistered<tf.Tensor4D>(SEPARABLE_CONV_2D, inputs, { steps });
  });
}

/** Whether the fused kernel takes it. */
const isDepthwise3x3 = (
  { shape: [, , , channels] }: tf.Tensor4D,
  { shape: [out, , kh, kw] }: tf.Tensor4D,
  { groups, stride, dilation }: Conv2DAttrs,
) =>
  groups > 1 &&
  groups === channels &&
  groups === out &&
  kh === 3 &&
  kw === 3 &&
  stride[1] <= 2 &&
  dilation[1] === 1;

const isPointwise = ({ shape: [, , kh, kw] }: tf.Tensor4D, { groups, stride, pad }: Conv2DAttrs) =>
  groups === 1 && kh === 1 && kw === 1 && Math.max(...stride) === 1 && Math.max(...pad) === 0;

const vectorsOf = (normalization: BatchStatistics | null) => {
  if (normalization === null) return {};
  const { mean, variance, gamma, beta } = normalization;
  return { mean, variance, gamma, beta };
};

/** What the kernels take of a normalization that follows a convolution with a bias. */
function normalizationInputs({ mean, variance, gamma, beta }: BatchStatistics, bias: tf.Tensor1D | null) {
  return {
    mean: bias === null ? mean : tf.sub<tf.Tensor1D>(mean, bias),
    variance,
    gamma: gamma ?? tf.onesLike(mean),
    beta: beta ?? tf.zerosLike(mean),
  };
}

/** The inputs of a step under their names with a number behind. */
function numbered(i: number, { filter, bias, normalization }: Conv2DStep): Record<string, tf.Tensor> {
  const after =
    normalization !== null ? normalizationInputs(normalization, bias) : bias === null ? {} : { bias };
  return Object.fromEntries(Object.entries({ filter, ...after }).map(([name, t]) => [`${name}${i}`, t]));
}

function normalized(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  bias: tf.Tensor1D | null,
  attrs: Conv2DAttrs,
  normalization: BatchStatistics,
): tf.Tensor4D {
  const { epsilon } = normalization;
  if (hasKernel(CONV_2D_BATCH_NORM)) {
    const inputs = { x, filter, ...normalizationInputs(normalization, bias) };
    return runRegistered<tf.Tensor4D>(CONV_2D_BATCH_NORM, inputs, { ...attrs, epsilon });
  }
  const { activation } = attrs;
  const { mean, variance, gamma, beta } = normalizationInputs(normalization, null);
  const h = conv2d(x, filter, bias, { ...attrs, activation: 'linear' });
  const y = tf.batchNorm(h, mean, variance, beta, gamma, epsilon);
  return activation === 'relu' ? tf.relu(y) : activation === 'relu6' ? tf.relu6(y) : y;
}
