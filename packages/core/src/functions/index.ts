/** Functions over tensors, after `chainer.functions`. Activations are NHWC. What tfjs-core has right is not repeated here. */
export { withGradient } from '@chaingrad/kernels';
export * from './activation.ts';
export * from './affine.ts';
export type { Axes, IntOrPair } from './arguments.ts';
export * from './arithmetic.ts';
export * from './attention.ts';
export * from './axes.ts';
export { bilinear } from './bilinear.ts';
export {
  type Convolution2DOptions,
  type Convolution2DStep,
  convolution2D,
  type Deconvolution2DOptions,
  deconvolution2D,
  depthwiseConvolution2D,
  dilatedConvolution2D,
  separableConvolution2D,
} from './convolution.ts';
export {
  averagePooling1D,
  averagePooling3D,
  type Convolution1DOptions,
  type Convolution3DOptions,
  convolution1D,
  convolution3D,
  deconvolution1D,
  deconvolution3D,
  type IntOrTriple,
  maxPooling1D,
  maxPooling3D,
  type Pooling1DOptions,
  type Pooling3DOptions,
} from './convolution-nd.ts';
export * from './ctc.ts';
export * from './dropout.ts';
export * from './evaluation.ts';
export { forget } from './forget.ts';
export { getItem, type ItemIndex, type Range } from './get-item.ts';
export { linear } from './linear.ts';
export * from './loss.ts';
export * from './metric-loss.ts';
export * from './noise.ts';
export {
  type BatchNormalizationOptions,
  type BatchNormalized,
  batchNormalization,
  fixedBatchNormalization,
  groupNormalization,
  layerNormalization,
  localResponseNormalization,
  normalize,
} from './normalization.ts';
export * from './pooling.ts';
export * from './rearranging.ts';
export * from './recurrent.ts';
export {
  type RoiAlignOptions,
  type RoiOptions,
  roiAverageAlign2D,
  roiAveragePooling2D,
  roiMaxAlign2D,
  roiMaxPooling2D,
  roiPooling2D,
} from './roi.ts';
export * from './selection.ts';
export * from './softmax-cross-entropy.ts';
export * from './spatial-transformer.ts';
export { getConvOutsize, getDeconvOutsize, type Window1D } from './windows.ts';
