/** Links with parameters, after `chainer.links` and `chainercv.links`. */
export * from './activations.ts';
export * from './batch-normalization.ts';
export { Bilinear } from './bilinear.ts';
export * from './classifier.ts';
export * from './conv-2d-activ.ts';
export {
  Convolution2D,
  type Convolution2DArguments,
  type Convolution2DLinkOptions,
  convolution2DKinds,
  DilatedConvolution2D,
} from './convolution-2d.ts';
export * from './convolution-nd.ts';
export * from './deconvolution-2d.ts';
export * from './depthwise-convolution-2d.ts';
export * from './embed-id.ts';
export * from './linear.ts';
export * from './multi-head-attention.ts';
export * from './normalize.ts';
export * from './recurrent.ts';
export * from './sample-normalization.ts';
export * from './scale.ts';
