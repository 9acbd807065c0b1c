import type * as tf from '@tensorflow/tfjs-core';
import { AVG_POOL_2D, MAX_POOL_2D, type Pool2DAttrs } from '../attrs.ts';
import { geometryOf } from '../geometry.ts';
import { runKernel } from '../run.ts';
import { checkIntegers, checkTensor, checkWindows } from './validate.ts';

/** Attributes of pooling as a caller gives them: stride is ksize and pad is 0 unless given. */
export type Pool2DOptions = Pick<Pool2DAttrs, 'ksize'> & Partial<Pool2DAttrs>;

function pool2d(op: string, kernel: string, x: tf.Tensor4D, options: Pool2DOptions): tf.Tensor4D {
  const { ksize, stride = ksize, pad = [0, 0, 0, 0] } = options;
  checkTensor(op, 'x', x, ['N', 'H', 'W', 'C']);
  checkIntegers(op, 'ksize', ksize, 2, 1);
  checkIntegers(op, 'stride', stride, 2, 1);
  checkIntegers(op, 'pad', pad, 4, 0);
  checkWindows(op, geometryOf(x.shape, ksize, { stride, pad }));
  return runKernel<tf.Tensor4D>(kernel, { x }, { ksize, stride, pad });
}

/**
 * 2-D max pooling, differentiable on every backend.
 *
 * Padding counts as minus infinity. Chainer's cover-all windows come from a larger pad at the bottom and right; a window
 * wholly in the padding gives minus infinity. The gradient of a window goes to its first maximum in row-major order.
 *
 * @param x activations, float32 (N, H, W, C).
 * @param options ksize; stride (ksize unless given) and pad (0 unless given).
 * @returns float32 (N, OH, OW, C).
 * @throws KernelArgumentError when the arguments do not fit; UnsupportedKernelError on other backends than cpu, wasm, webgpu.
 */
export function maxPool2d(x: tf.Tensor4D, options: Pool2DOptions): tf.Tensor4D {
  return pool2d('maxPool2d', MAX_POOL_2D, x, options);
}

/**
 * 2-D average pooling, differentiable on every backend. The divisor is the whole window: padding counts as zeros
 * (as in Chainer; TensorFlow's own average leaves the padding out).
 *
 * @param x activations, float32 (N, H, W, C).
 * @param options ksize; stride (ksize unless given) and pad (0 unless given).
 * @returns float32 (N, OH, OW, C).
 * @throws KernelArgumentError when the arguments do not fit; UnsupportedKernelError on other backends than cpu, wasm, webgpu.
 */
export function avgPool2d(x: tf.Tensor4D, options: Pool2DOptions): tf.Tensor4D {
  return pool2d('avgPool2d', AVG_POOL_2D, x, options);
}
