/** tfjs' strided slice reads the wrong elements where an axis is dropped or added and another has a stride. */
import * as tf from '@tensorflow/tfjs-core';
import { input, inputTensor, type Kernel } from '../kernel.ts';
import { type StridedSliceAttrs, stridedSliceInfo } from '../strided-slice-info.ts';
import { release, runOriginal, runRegistered, valuesOf } from '../tfjs-internals.ts';

/** Slices every axis by itself, none dropped or added; the shape comes afterwards. */
export const stridedSlice: Kernel<StridedSliceAttrs> = (call) => {
  const a = call.attrs;
  const x = input(call, 'x');
  if (a.newAxisMask === 0 && a.shrinkAxisMask === 0) return runOriginal('StridedSlice', call);
  return tf.tidy(() => {
    const { begin, end, strides, finalShape } = stridedSliceInfo(x.shape, a);
    // A backward slice up to the very first element ends at -1, which would mean the last one.
    const endMask = end.reduce((mask, e, axis) => (e < 0 ? mask | (1 << axis) : mask), 0);
    const dense = {
      begin,
      end,
      strides,
      beginMask: 0,
      endMask,
      ellipsisMask: 0,
      newAxisMask: 0,
      shrinkAxisMask: 0,
    };
    const sliced = runRegistered('StridedSlice', { x: inputTensor(call, 'x') }, dense);
    return tf.reshape(sliced, finalShape);
  });
};

/** On wasm tfjs moves four bytes an element, and calls the result float32 whatever it was. */
export const stridedSliceOnWasm: Kernel<StridedSliceAttrs> = (call) => {
  const a = call.attrs;
  const x = input(call, 'x');
  const isWhole = a.newAxisMask === 0 && a.shrinkAxisMask === 0;
  if (!isWhole || (x.dtype !== 'int32' && x.dtype !== 'bool')) return stridedSlice(call);
  const { backend } = call;
  return tf.tidy(() => {
    const words = tf.cast(inputTensor<tf.Tensor, StridedSliceAttrs>(call, 'x'), 'int32');
    const moved = runOriginal('StridedSlice', { ...call, inputs: { x: words } });
    const { shape, dtype } = moved;
    const values = valuesOf(backend, moved);
    release(backend, moved);
    const integers =
      dtype === 'int32' ? (values as Int32Array) : new Int32Array((values as Float32Array).slice().buffer);
    const sliced = tf.tensor(integers, shape, 'int32');
    return x.dtype === 'bool' ? tf.cast(sliced, 'bool') : sliced;
  });
};
