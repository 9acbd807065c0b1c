/** Pooling and its gradients composed of tfjs' elementwise kernels, for any backend. */
import * as tf from '@tensorflow/tfjs-core';
import type { Pool2DAttrs } from '../attrs.ts';
import { geometryOf } from '../geometry.ts';
import { type Composition, inputTensor } from '../kernel.ts';
import { padOrCrop, scatterTaps, tapOf } from './tensors.ts';

/** tfjs' own MaxPool has no value for windows wholly in the padding, hence minus infinity and one maximum a tap. */
export const maxPool2d: Composition<Pool2DAttrs> = (call) =>
  tf.tidy(() => {
    const x = inputTensor<tf.Tensor4D, Pool2DAttrs>(call, 'x');
    const { ksize, pad } = call.attrs;
    const g = geometryOf(x.shape, ksize, call.attrs);
    const padded = padOrCrop(x, pad, Number.NEGATIVE_INFINITY);
    let y = tapOf(padded, g, 0, 0);
    for (let ky = 0; ky < ksize[0]; ky++) {
      for (let kx = ky === 0 ? 1 : 0; kx < ksize[1]; kx++) {
        const before = y;
        y = tf.tidy(() => tf.maximum(before, tapOf(padded, g, ky, kx)));
        before.dispose();
      }
    }
    return y;
  });

export const maxPool2dGrad: Composition<Pool2DAttrs> = (call) =>
  tf.tidy(() => {
    const x = inputTensor<tf.Tensor4D, Pool2DAttrs>(call, 'x');
    const y = inputTensor<tf.Tensor4D, Pool2DAttrs>(call, 'y');
    const { ksize, pad } = call.attrs;
    const g = geometryOf(x.shape, ksize, call.attrs);
    const padded = padOrCrop(x, pad, Number.NEGATIVE_INFINITY);
    const nothing = tf.zerosLike(y);
    // What is left to hand out: a window's gradient until its first maximum took it.
    let rest = tf.clone(inputTensor<tf.Tensor4D, Pool2DAttrs>(call, 'dy'));
    const dx = scatterTaps(g, x.shape[3], (ky, kx) => {
      const isMaximum = tf.equal(tapOf(padded, g, ky, kx), y);
      const taken = tf.where(isMaximum, rest, nothing) as tf.Tensor4D;
      const left = tf.where(isMaximum, nothing, rest) as tf.Tensor4D;
      rest.dispose();
      rest = tf.keep(left);
      return taken;
    });
    rest.dispose();
    return dx;
  });

/** What lies in `values` (N, H, W, C) where each window of x has its first maximum y. */
export function atFirstMaximum(
  values: tf.Tensor4D,
  x: tf.Tensor4D,
  y: tf.Tensor4D,
  { ksize, stride, pad }: Pool2DAttrs,
): tf.Tensor4D {
  const g = geometryOf(x.shape, ksize, { stride, pad });
  const paddedX = padOrCrop(x, pad, Number.NEGATIVE_INFINITY);
  const padded = padOrCrop(values, pad);
  let found = tf.zerosLike(y);
  // From the last tap to the first, so that the first maximum has the last word.
  for (let ky = ksize[0] - 1; ky >= 0; ky--)
    for (let kx = ksize[1] - 1; kx >= 0; kx--)
      found = tf.where(tf.equal(tapOf(paddedX, g, ky, kx), y), tapOf(padded, g, ky, kx), found);
  return found;
}

export const avgPool2d: Composition<Pool2DAttrs> = (call) =>
  tf.tidy(() => {
    const x = inputTensor<tf.Tensor4D, Pool2DAttrs>(call, 'x');
    const { ksize, stride, pad } = call.attrs;
    if (x.size === 0) {
      const g = geometryOf(x.shape, ksize, call.attrs);
      return tf.zeros([g.batch, g.outHeight, g.outWidth, x.shape[3]]);
    }
    // Padded by hand: tfjs' average leaves padding out of the divisor.
    return tf.avgPool(padOrCrop(x, pad), [...ksize], [...stride], 'valid');
  });

export const avgPool2dGrad: Composition<Pool2DAttrs & { inputShape: readonly number[] }> = (call) =>
  tf.tidy(() => {
    const { inputShape, ksize } = call.attrs;
    const g = geometryOf(inputShape, ksize, call.attrs);
    const share = tf.div(
      inputTensor<tf.Tensor4D, Pool2DAttrs>(call, 'dy'),
      ksize[0] * ksize[1],
    ) as tf.Tensor4D;
    return scatterTaps(g, inputShape[3]!, () => share);
  });
