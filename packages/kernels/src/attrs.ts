/** The kernels that chaingrad adds to tfjs: their names, inputs and attributes. Activations are NHWC. */

import type { CSRMatrix } from './csr-matrix.ts';

/** Space added at the [top, bottom, left, right]; may be asymmetric (TensorFlow's SAME, Chainer's cover-all). */
export type Pad2D = readonly [top: number, bottom: number, left: number, right: number];

/** The ends of the values of an input, min <= 0 <= max; at most 1e30 apart, so that float32 holds what is between. */
export type InputRange = readonly [min: number, max: number];

/** Whether it is an `InputRange`. */
export function isInputRange(range: unknown): range is InputRange {
  if (!Array.isArray(range) || range.length !== 2) return false;
  const [min, max] = range as unknown[];
  if (typeof min !== 'number' || typeof max !== 'number') return false;
  return min <= 0 && max >= 0 && max - min <= 1e30;
}

export type FusedActivation = 'linear' | 'relu' | 'relu6';

/** Attributes of a 2-D convolution whose filter is OIHW: (out, in / groups, kh, kw). */
export interface Conv2DAttrs {
  readonly stride: readonly [y: number, x: number];
  readonly pad: Pad2D;
  readonly dilation: readonly [y: number, x: number];
  /** Channel groups: 1 is a plain convolution, the number of in-channels a depthwise one. */
  readonly groups: number;
  /** Applied to the output after the bias. Only the forward kernel looks at it. */
  readonly activation: FusedActivation;
  /**
   * The ends of the values of x, where it may be rounded to 127 steps between them, and the filter to 8 bits; null where not. Only the forward
   * kernel of wasm looks at it.
   */
  readonly inputRange?: InputRange | null;
}

/** Attributes of a 2-D convolution and a batch normalization in one. */
export interface Conv2DBatchNormAttrs extends Conv2DAttrs {
  /** Added to the variance. */
  readonly epsilon: number;
}

/** Attributes of the two convolutions; the epsilon of one without statistics is not looked at. */
export interface SeparableAttrs {
  readonly steps: readonly [depthwise: Conv2DBatchNormAttrs, pointwise: Conv2DBatchNormAttrs];
}

/** Attributes of 2-D pooling. Windows must lie within the padded input. */
export interface Pool2DAttrs {
  readonly ksize: readonly [y: number, x: number];
  readonly stride: readonly [y: number, x: number];
  readonly pad: Pad2D;
}

/** Convolution. Inputs: x (N,H,W,C), filter (O,C/groups,kh,kw), optional bias (O). Output (N,OH,OW,O). */
export const CONV_2D = 'ChaingradConv2D';
/**
 * Convolution, normalization by given statistics, activation, in one pass. Inputs: x, filter, mean, variance, gamma, beta, the last
 * four (O). Attributes: Conv2DBatchNormAttrs. Where a backend has no such kernel it is composed.
 */
export const CONV_2D_BATCH_NORM = 'ChaingradConv2DBatchNorm';
/**
 * A 1x1 convolution of a depthwise 3x3 one, each with a bias, or normalized, in one pass that keeps nothing between the two. Inputs: x,
 * and of both, with 0 and 1 behind their names, filter, bias (may be absent) or mean, variance, gamma, beta. Attributes: SeparableAttrs.
 * It has no gradient, and only wasm has it.
 */
export const SEPARABLE_CONV_2D = 'ChaingradSeparableConv2D';
/** Inputs: dy (N,OH,OW,O), filter. Attributes: Conv2DAttrs and inputShape. Output: the gradient of x. */
export const CONV_2D_BACKPROP_INPUT = 'ChaingradConv2DBackpropInput';
/** Inputs: x, dy. Attributes: Conv2DAttrs and filterShape. Output: the gradient of the filter, OIHW. */
export const CONV_2D_BACKPROP_FILTER = 'ChaingradConv2DBackpropFilter';
/** Input: x. Padding counts as minus infinity; a window wholly in the padding gives minus infinity. */
export const MAX_POOL_2D = 'ChaingradMaxPool2D';
/** Inputs: dy, x, y. Each window's gradient goes to its first maximum in row-major order. */
export const MAX_POOL_2D_GRAD = 'ChaingradMaxPool2DGrad';
/** Input: x. The divisor is the full window: padding counts as zeros. */
export const AVG_POOL_2D = 'ChaingradAvgPool2D';
/** Input: dy. Attributes: Pool2DAttrs and inputShape. */
export const AVG_POOL_2D_GRAD = 'ChaingradAvgPool2DGrad';
/** Input: x (M, C). Attributes: CSRAttrs, of a matrix (N, M). Output (N, C): the matrix times x. */
export const SPARSE_MAT_MUL = 'ChaingradSparseMatMul';
/**
 * Input: x (M, C). Attributes: CSRAttrs, of a matrix (N, M). Output int32 (N, C): where in x's elements the first largest of the rows
 * is that a row of the matrix names; -1 by a row without entries.
 */
export const SPARSE_ARG_MAX = 'ChaingradSparseArgMax';
/** Gradient before an activation: inputs {dy, y}, y the output; ActivationGradAttrs. Where a backend has no such kernel it is composed. */
export const ACTIVATION_GRAD = 'ChaingradActivationGrad';

export interface CSRAttrs {
  readonly matrix: CSRMatrix;
}

export interface ActivationGradAttrs {
  readonly activation: 'relu' | 'relu6';
}
