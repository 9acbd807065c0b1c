/** tfjs' pooling kernels that wasm has wrong, from this package's own. */
import * as tf from '@tensorflow/tfjs-core';
import { AVG_POOL_2D_GRAD, MAX_POOL_2D_GRAD } from '../attrs.ts';
import { input, inputTensor, type Kernel, type KernelCall } from '../kernel.ts';
import * as portable from '../portable/pooling.ts';
import { runOriginal, runRegistered } from '../tfjs-internals.ts';
import { divisorCorrection, mayOverhang, poolAttrs, type TfjsPoolAttrs } from '../tfjs-windows.ts';
import { maxPool3dGrad as gradient3d, maxPool3d as pool3d, type TfjsPool3DAttrs } from '../volumes.ts';

/** Windows that reach out of the padding read other memory on wasm. */
export const maxPool: Kernel<TfjsPoolAttrs> = (call) => {
  if (!mayOverhang(call.attrs)) return runOriginal('MaxPool', call);
  return portable.maxPool2d({ ...call, attrs: poolAttrs(input(call, 'x').shape, call.attrs) });
};

/** tfjs' average leaves the padding out of its divisor. */
export const avgPool: Kernel<TfjsPoolAttrs> = (call) => {
  if (!mayOverhang(call.attrs)) return runOriginal('AvgPool', call);
  return tf.tidy(() => {
    const { shape } = input(call, 'x');
    const attrs = poolAttrs(shape, call.attrs);
    const y = portable.avgPool2d({ ...call, attrs }) as tf.Tensor4D;
    const correction = divisorCorrection(shape, attrs);
    return correction === null ? y : tf.mul(y, correction);
  });
};

/** On wasm tfjs takes no maximum below zero for one, and of equal ones, as on webgpu, the last. */
export const maxPoolGrad: Kernel<TfjsPoolAttrs> = (call) =>
  tf.tidy(() => {
    const x = inputTensor<tf.Tensor4D, TfjsPoolAttrs>(call, 'input');
    const inputs = { dy: inputTensor(call, 'dy'), x, y: inputTensor(call, 'output') };
    return runRegistered(MAX_POOL_2D_GRAD, inputs, poolAttrs(x.shape, call.attrs));
  });

/** tfjs' gradient divides by the whole window, though its average leaves the padding out. */
export const avgPoolGrad: Kernel<TfjsPoolAttrs> = (call) =>
  tf.tidy(() => {
    const { shape } = input(call, 'input');
    const attrs = poolAttrs(shape, call.attrs);
    const correction = divisorCorrection(shape, attrs);
    const dy = inputTensor<tf.Tensor4D, TfjsPoolAttrs>(call, 'dy');
    const shares = correction === null ? dy : tf.mul(dy, correction);
    return runRegistered(AVG_POOL_2D_GRAD, { dy: shares }, { ...attrs, inputShape: shape });
  });

/** The maxima, and where in the image (or the batch) the first of each window is. */
export const maxPoolWithArgmax: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const call: KernelCall<TfjsPoolAttrs> = {
    inputs,
    attrs: attrs as unknown as TfjsPoolAttrs,
    backend: backend as tf.KernelBackend,
  };
  return tf.tidy(() => {
    const x = inputTensor<tf.Tensor4D, TfjsPoolAttrs>(call, 'x');
    const [n, h, w, c] = x.shape;
    const ours = poolAttrs(x.shape, call.attrs);
    const y = portable.maxPool2d({ ...call, attrs: ours }) as tf.Tensor4D;
    const positions = tf.range(0, h * w * c, 1, 'int32');
    const inImage = tf.tile(tf.reshape(positions, [1, h, w, c]), [n, 1, 1, 1]);
    const perImage = tf.mul(tf.range(0, n, 1, 'int32'), tf.scalar(h * w * c, 'int32'));
    const places = attrs!['includeBatchInIndex']
      ? tf.add(inImage, tf.reshape(perImage, [n, 1, 1, 1]))
      : inImage;
    const index = portable.atFirstMaximum(places as tf.Tensor4D, x, y, ours);
    return [y, index];
  });
};

export const maxPool3d: Kernel<TfjsPool3DAttrs> = (call) =>
  tf.tidy(() => pool3d(inputTensor(call, 'x'), call.attrs));

export const maxPool3dGrad: Kernel<TfjsPool3DAttrs> = (call) =>
  tf.tidy(() => {
    const x = inputTensor<tf.Tensor5D, TfjsPool3DAttrs>(call, 'input');
    // Not the call's `output`: tfjs' other backends do not look at it either.
    return gradient3d(inputTensor(call, 'dy'), x, pool3d(x, call.attrs), call.attrs);
  });
