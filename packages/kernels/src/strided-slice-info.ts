/** What a strided slice reads, with its masks resolved. */
import * as tf from '@tensorflow/tfjs-core';

export interface StridedSliceAttrs {
  begin: number[];
  end: number[];
  strides: number[];
  beginMask: number;
  endMask: number;
  ellipsisMask: number;
  newAxisMask: number;
  shrinkAxisMask: number;
}

/** Of every axis of the input, none dropped or added; and the shape of the result. */
export function stridedSliceInfo(shape: number[], a: StridedSliceAttrs) {
  const { begin, end, strides, finalShape } = tf.slice_util.sliceInfo(
    shape,
    a.begin,
    a.end,
    a.strides,
    a.beginMask,
    a.endMask,
    a.ellipsisMask,
    a.newAxisMask,
    a.shrinkAxisMask,
  );
  return { begin: begin!, end: end!, strides: strides!, finalShape };
}
