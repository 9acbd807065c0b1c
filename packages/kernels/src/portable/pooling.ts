/** Pooling and its gradients composed of tfjs' own kernels, for any backend. */
import * as tf from '@tensorflow/tfjs-core';
import type { Pool2DAttrs } from '../attrs.ts';
import { type Geometry, geometryOf } from '../geometry.ts';
import { type Composition, inputTensor } from '../kernel.ts';
import { originalTensor, padOrCrop, scatterTaps, tapsOf } from './tensors.ts';

/** Whether a window lies wholly in the padding, for which tfjs' MaxPool has no value. */
function hasEmptyWindow({ inHeight, inWidth, outHeight, outWidth, ksize, stride, pad }: Geometry): boolean {
  return (
    pad[0] >= ksize[0] ||
    pad[2] >= ksize[1] ||
    (outHeight - 1) * stride[0] - pad[0] >= inHeight ||
    (outWidth - 1) * stride[1] - pad[2] >= inWidth
  );
}

export const maxPool2d: Composition<Pool2DAttrs> = (call) =>
  tf.tidy(() => {
    const x = inputTensor<tf.Tensor4D, Pool2DAttrs>(call, 'x');
    const { ksize, stride, pad } = call.attrs;
    const g = geometryOf(x.shape, ksize, call.attrs);
    if (x.size === 0) return tf.zeros([g.batch, g.outHeight, g.outWidth, x.shape[3]]);
    const isPadded = hasEmptyWindow(g);
    return originalTensor(
      call,
      'MaxPool',
      { x: isPadded ? padOrCrop(x, pad, Number.NEGATIVE_INFINITY) : x },
      {
        filterSize: [...ksize],
        strides: [...stride],
        pad: isPadded
          ? 'valid'
          : [
              [0, 0],
              [pad[0], pad[1]],
              [pad[2], pad[3]],
              [0, 0],
            ],
      },
    );
  });

/** Loops of JavaScript, also on wasm: with a good many kernels a tap, a composition takes twice as long there. */
export { maxPool2dGrad } from '../cpu/pooling.ts';

/** What lies in `values` (N, H, W, C) where each window of x has its first maximum y. */
export function atFirstMaximum(
  values: tf.Tensor4D,
  x: tf.Tensor4D,
  y: tf.Tensor4D,
  { ksize, stride, pad }: Pool2DAttrs,
): tf.Tensor4D {
  const g = geometryOf(x.shape, ksize, { stride, pad });
  const tap = tapsOf(padOrCrop(x, pad, Number.NEGATIVE_INFINITY), g);
  const value = tapsOf(padOrCrop(values, pad), g);
  let found = tf.zerosLike(y);
  // From the last tap to the first, so that the first maximum has the last word.
  for (let ky = ksize[0] - 1; ky >= 0; ky--)
    for (let kx = ksize[1] - 1; kx >= 0; kx--)
      found = tf.where(tf.equal(tap(ky, kx), y), value(ky, kx), found);
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
