/** How each case of goldens/functions_more.json is computed here. Inputs and outputs of a row are in Chainer's layout. */
import {
  type RoiAlignOptions,
  roiAverageAlign2D,
  roiAveragePooling2D,
  roiMaxAlign2D,
  roiMaxPooling2D,
  roiPooling2D,
} from '@chaingrad/core';
import type * as tf from '@tensorflow/tfjs-core';
import { type Attrs, channelsLast, type Run } from './golden-table.ts';

/** The attributes that these cases have besides. */
interface More extends Omit<Attrs, 'outsize'> {
  readonly outh: number;
  readonly outw: number;
  readonly outsize: [number, number];
  readonly spatial_scale: number;
  readonly sampling_ratio?: number | [number, number] | null;
}
const more = (attrs: Attrs) => attrs as unknown as More;

const region = (
  fn: (x: tf.Tensor4D, rois: ArrayLike<number>, indices: ArrayLike<number>, o: RoiAlignOptions) => tf.Tensor,
): Run =>
  channelsLast((x, _, a, host) => {
    const { outsize, spatial_scale: spatialScale, sampling_ratio: samplingRatio } = more(a);
    const options = { outsize, spatialScale, ...(samplingRatio === undefined ? {} : { samplingRatio }) };
    return fn(x, host('rois'), host('roi_indices'), options);
  });

export const moreTable: Readonly<Record<string, Run>> = {
  roi_pooling_2d: channelsLast((x, _, a, host) => {
    const { outh, outw, spatial_scale: spatialScale } = more(a);
    return roiPooling2D(x, host('rois'), { outsize: [outh, outw], spatialScale });
  }),
  roi_average_align_2d: region(roiAverageAlign2D),
  roi_max_align_2d: region(roiMaxAlign2D),
  roi_average_pooling_2d: region(roiAveragePooling2D),
  roi_max_pooling_2d: region(roiMaxPooling2D),
};
