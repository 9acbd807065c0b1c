/** tfjs' convolution kernels that wasm lacks or has wrong, from this package's own. */
import * as tf from '@tensorflow/tfjs-core';
import { input, inputTensor, type Kernel, type KernelCall } from '../kernel.ts';
import * as portable from '../portable/convolution.ts';
import { runOriginal, tensorOf } from '../tfjs-internals.ts';
import { convAttrs, mayOverhang, type TfjsConvAttrs } from '../tfjs-windows.ts';
import {
  conv3dBackpropFilter as filterGradient3d,
  conv3dBackpropInput as inputGradient3d,
  type Shape5,
  type TfjsConv3DAttrs,
} from '../volumes.ts';

type Shape4 = [number, number, number, number];

function refuseNCHW({ dataFormat }: TfjsConvAttrs): void {
  if (dataFormat === 'NCHW')
    throw new Error('The wasm backend has no convolution of NCHW maps: transpose them to NHWC.');
}

export const conv2dBackpropFilter: Kernel<TfjsConvAttrs & { filterShape: Shape4 }> = (call) =>
  tf.tidy(() => {
    refuseNCHW(call.attrs);
    const [kh, kw, inChannels, out] = call.attrs.filterShape;
    const ours = convAttrs(input(call, 'x').shape, [kh, kw], call.attrs, 1);
    const filterShape: Shape4 = [out, inChannels, kh, kw];
    const oihw = portable.conv2dBackpropFilter({ ...call, attrs: { ...ours, filterShape } });
    return tf.transpose(oihw as tf.Tensor4D, [2, 3, 1, 0]);
  });

export const depthwiseBackpropFilter: Kernel<TfjsConvAttrs & { filterShape: Shape4 }> = (call) =>
  tf.tidy(() => {
    const [kh, kw, channels, multiplier] = call.attrs.filterShape;
    const ours = convAttrs(input(call, 'x').shape, [kh, kw], call.attrs, channels);
    const filterShape: Shape4 = [channels * multiplier, 1, kh, kw];
    const oihw = portable.conv2dBackpropFilter({ ...call, attrs: { ...ours, filterShape } });
    return tf.transpose(tf.reshape(oihw as tf.Tensor4D, [channels, multiplier, kh, kw]), [2, 3, 0, 1]);
  });

export const depthwiseBackpropInput: Kernel<TfjsConvAttrs & { inputShape: Shape4 }> = (call) =>
  tf.tidy(() => {
    const { inputShape } = call.attrs;
    const filter = inputTensor<tf.Tensor4D, unknown>(call, 'filter');
    const [kh, kw, channels, multiplier] = filter.shape;
    const oihw = tf.reshape(tf.transpose(filter, [2, 3, 0, 1]), [channels * multiplier, 1, kh, kw]);
    const ours = convAttrs(inputShape, [kh, kw], call.attrs, channels);
    return portable.conv2dBackpropInput({
      ...call,
      inputs: { dy: input(call, 'dy'), filter: oihw },
      attrs: { ...ours, inputShape },
    });
  });

/** tfjs' own kernel; where rounding lets windows reach out of the padding, with so much more padding. */
export function withRoomForWindows(kernelName: string): Kernel<TfjsConvAttrs> {
  return (call) => {
    const attrs = mayOverhang(call.attrs)
      ? explicit(call, input(call, 'filter').shape as Shape4, false)
      : call.attrs;
    return runOriginal(kernelName, { ...call, attrs });
  };
}

/** tfjs' own kernel on wasm is wrong, and writes where it should not, unless the filter is square: so it is made square. */
export function depthwise(kernelName: string): Kernel<TfjsConvAttrs> {
  return (call) => {
    const shape = input(call, 'filter').shape as Shape4;
    if (shape[0] === shape[1]) return withRoomForWindows(kernelName)(call);
    return tf.tidy(() => {
      const filter = portable.squareFilter(inputTensor<tf.Tensor4D, TfjsConvAttrs>(call, 'filter'));
      const inputs = { ...call.inputs, filter };
      return tensorOf(runOriginal(kernelName, { ...call, inputs, attrs: explicit(call, shape) }));
    });
  };
}

/** The call's attributes with explicit padding, enough also for a depthwise filter that was made square. */
function explicit(call: KernelCall<TfjsConvAttrs>, [kh, kw]: Shape4, makeSquare = true): object {
  const ours = convAttrs(input(call, 'x').shape, [kh, kw], call.attrs, 1);
  const [top, bottom, left, right] = makeSquare
    ? portable.squarePad(ours.pad, [kh, kw], ours.dilation)
    : ours.pad;
  return {
    ...call.attrs,
    pad: [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ],
    dimRoundingMode: 'floor',
  };
}

export const conv3dBackpropInput: Kernel<TfjsConv3DAttrs & { inputShape: Shape5 }> = (call) =>
  tf.tidy(() =>
    inputGradient3d(inputTensor(call, 'dy'), inputTensor(call, 'filter'), call.attrs.inputShape, call.attrs),
  );

export const conv3dBackpropFilter: Kernel<TfjsConv3DAttrs & { filterShape: Shape5 }> = (call) =>
  tf.tidy(() =>
    filterGradient3d(inputTensor(call, 'x'), inputTensor(call, 'dy'), call.attrs.filterShape, call.attrs),
  );
