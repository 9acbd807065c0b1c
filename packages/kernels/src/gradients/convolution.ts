/**
 * Gradients of tfjs' own convolutions, through this package's kernels: right with any padding, and with dilation, which tfjs
 * refuses on every backend.
 */
import * as tf from '@tensorflow/tfjs-core';
import { CONV_2D_BACKPROP_FILTER, CONV_2D_BACKPROP_INPUT } from '../attrs.ts';
import { dilation2dBackpropFilter, dilation2dBackpropInput } from '../fixes/dilation.ts';
import { assertKernel, runKernel } from '../run.ts';
import { isRecorded } from '../tape.ts';
import { runRegistered } from '../tfjs-internals.ts';
import { convAttrs, type TfjsConvAttrs } from '../tfjs-windows.ts';
import { conv3dBackpropFilter, conv3dBackpropInput, type Shape5, type TfjsConv3DAttrs } from '../volumes.ts';
import { type RuleTable, rule } from './rule.ts';

type Shape4 = [number, number, number, number];

const toNHWC = (x: tf.Tensor, format: 'NHWC' | 'NCHW' = 'NHWC') =>
  (format === 'NHWC' ? x : tf.transpose(x, [0, 2, 3, 1])) as tf.Tensor4D;
/** Attributes whose padding, where it is a list of one pair an axis, is in the order of NHWC. */
function attrsNHWC<A extends TfjsConvAttrs>(attrs: A): A {
  if (attrs.dataFormat !== 'NCHW' || !Array.isArray(attrs.pad)) return attrs;
  const [n, c, h, w] = attrs.pad;
  return { ...attrs, pad: [n, h, w, c] };
}

const fromNHWC = (x: tf.Tensor4D, format: 'NHWC' | 'NCHW' = 'NHWC') =>
  format === 'NHWC' ? x : tf.transpose(x, [0, 3, 1, 2]);

/** A filter layout of tfjs, and OIHW. */
interface Layout {
  readonly groups: (shape: Shape4) => number;
  readonly toOIHW: (filter: tf.Tensor4D) => tf.Tensor4D;
  readonly shapeOIHW: (shape: Shape4) => Shape4;
  readonly fromOIHW: (filter: tf.Tensor4D, shape: Shape4) => tf.Tensor4D;
}

/** (kh, kw, in, out). */
const plain: Layout = {
  groups: () => 1,
  toOIHW: (filter) => tf.transpose(filter, [3, 2, 0, 1]),
  shapeOIHW: ([kh, kw, inChannels, out]) => [out, inChannels, kh, kw],
  fromOIHW: (filter) => tf.transpose(filter, [2, 3, 1, 0]),
};

/** (kh, kw, C, m): a convolution of C groups with m outputs each. */
const depthwise: Layout = {
  groups: ([, , channels]) => channels,
  toOIHW: (filter) => {
    const [kh, kw, channels, multiplier] = filter.shape;
    return tf.reshape(tf.transpose(filter, [2, 3, 0, 1]), [channels * multiplier, 1, kh, kw]);
  },
  shapeOIHW: ([kh, kw, channels, multiplier]) => [channels * multiplier, 1, kh, kw],
  fromOIHW: (filter, [kh, kw, channels, multiplier]) =>
    tf.transpose(tf.reshape(filter, [channels, multiplier, kh, kw]), [2, 3, 0, 1]) as tf.Tensor4D,
};

const convolution = (layout: Layout) =>
  rule<TfjsConvAttrs>({ inputs: ['x', 'filter'] }, (dy, [xAny, filterAny], attrs) => {
    const filter = filterAny as tf.Tensor4D;
    const ours = (x: tf.Tensor) =>
      convAttrs(x.shape, [filter.shape[0], filter.shape[1]], attrsNHWC(attrs), layout.groups(filter.shape));
    return {
      x: () => {
        const x = toNHWC(xAny!, attrs.dataFormat);
        const inputs = { dy: toNHWC(dy, attrs.dataFormat), filter: layout.toOIHW(filter) };
        const dx = runKernel<tf.Tensor4D>(CONV_2D_BACKPROP_INPUT, inputs, {
          ...ours(x),
          inputShape: x.shape,
        });
        return fromNHWC(dx, attrs.dataFormat);
      },
      filter: () => {
        const x = toNHWC(xAny!, attrs.dataFormat);
        const dw = runKernel<tf.Tensor4D>(
          CONV_2D_BACKPROP_FILTER,
          { x, dy: toNHWC(dy, attrs.dataFormat) },
          { ...ours(x), filterShape: layout.shapeOIHW(filter.shape) },
        );
        return layout.fromOIHW(dw, filter.shape);
      },
    };
  });

/** tfjs' transposed convolution: its own gradient is a convolution of what arrives. */
const transposedConvolution = rule<TfjsConvAttrs & { inputShape: Shape4 }>(
  { inputs: ['dy', 'filter'] },
  (ddx, [dy, filterAny], { inputShape: _, ...attrs }) => {
    const filter = filterAny as tf.Tensor4D;
    return {
      dy: () => runRegistered('Conv2D', { x: ddx, filter }, { ...attrs, dilations: 1 }),
      filter: () => {
        const x = toNHWC(ddx, attrs.dataFormat);
        const ours = convAttrs(x.shape, [filter.shape[0], filter.shape[1]], attrsNHWC(attrs), 1);
        const inputs = { x, dy: toNHWC(dy!, attrs.dataFormat) };
        const filterShape = plain.shapeOIHW(filter.shape);
        return plain.fromOIHW(
          runKernel(CONV_2D_BACKPROP_FILTER, inputs, { ...ours, filterShape }),
          filter.shape,
        );
      },
    };
  },
);

const dilation2d = rule<TfjsConvAttrs>({ inputs: ['x', 'filter'] }, (dy, [x, filter], attrs) => {
  const inputs = { x: x!, filter: filter!, dy };
  // The compositions can be differentiated; where a backend has kernels of its own these are faster.
  const call = { inputs, attrs, backend: tf.backend() };
  return {
    x: () =>
      isRecorded() ? dilation2dBackpropInput(call) : runKernel('Dilation2DBackpropInput', inputs, attrs),
    filter: () =>
      isRecorded() ? dilation2dBackpropFilter(call) : runKernel('Dilation2DBackpropFilter', inputs, attrs),
  };
});

/** The gradient of a filter, which tf.fused.conv2d asks for. It is linear in both of its inputs. */
const filterGradient = rule<TfjsConvAttrs & { filterShape: Shape4 }>(
  { inputs: ['x', 'dy'] },
  (ddw, [x, dy], { filterShape: _, ...attrs }) => ({
    x: () =>
      runRegistered('Conv2DBackpropInput', { dy: dy!, filter: ddw }, { ...attrs, inputShape: x!.shape }),
    dy: () => runRegistered('Conv2D', { x: x!, filter: ddw }, { ...attrs, dilations: 1 }),
  }),
);

/** What tf.fused.depthwiseConv2d asks for. */
const depthwiseInputGradient = rule<TfjsConvAttrs & { inputShape: Shape4 }>(
  { inputs: ['dy', 'filter'] },
  (ddx, [dy, filter], { inputShape: _, ...attrs }) => ({
    dy: () =>
      runRegistered('DepthwiseConv2dNative', { x: ddx, filter: filter! }, { ...attrs, dataFormat: 'NHWC' }),
    filter: () =>
      runRegistered(
        'DepthwiseConv2dNativeBackpropFilter',
        { x: ddx, dy: dy! },
        { ...attrs, filterShape: filter!.shape },
      ),
  }),
);

const depthwiseFilterGradient = rule<TfjsConvAttrs & { filterShape: Shape4 }>(
  { inputs: ['x', 'dy'] },
  (ddw, [x, dy], { filterShape: _, ...attrs }) => ({
    x: () =>
      runRegistered(
        'DepthwiseConv2dNativeBackpropInput',
        { dy: dy!, filter: ddw },
        { ...attrs, inputShape: x!.shape },
      ),
    dy: () =>
      runRegistered('DepthwiseConv2dNative', { x: x!, filter: ddw }, { ...attrs, dataFormat: 'NHWC' }),
  }),
);

/** tf.conv3dTranspose. */
const transposedConvolution3d = rule<TfjsConv3DAttrs & { inputShape: Shape5 }>(
  { inputs: ['dy', 'filter'] },
  (ddx, [dy, filter], { inputShape: _, ...attrs }) => {
    assertKernel(CONV_2D_BACKPROP_FILTER);
    return {
      dy: () => runRegistered('Conv3D', { x: ddx, filter: filter! }, { ...attrs, dilations: 1 }),
      filter: () =>
        conv3dBackpropFilter(ddx as tf.Tensor5D, dy as tf.Tensor5D, filter!.shape as Shape5, attrs),
    };
  },
);

export const convolutionRules: RuleTable = {
  Conv2D: convolution(plain),
  Conv2DBackpropFilter: filterGradient,
  Conv2DBackpropInput: transposedConvolution,
  Conv3D: rule<TfjsConv3DAttrs>({ inputs: ['x', 'filter'] }, (dy, [x, filter], attrs) => {
    assertKernel(CONV_2D_BACKPROP_INPUT);
    return {
      x: () => conv3dBackpropInput(dy as tf.Tensor5D, filter as tf.Tensor5D, x!.shape as Shape5, attrs),
      filter: () => conv3dBackpropFilter(x as tf.Tensor5D, dy as tf.Tensor5D, filter!.shape as Shape5, attrs),
    };
  }),
  Conv3DBackpropInputV2: transposedConvolution3d,
  DepthwiseConv2dNative: convolution(depthwise),
  DepthwiseConv2dNativeBackpropFilter: depthwiseFilterGradient,
  DepthwiseConv2dNativeBackpropInput: depthwiseInputGradient,
  Dilation2D: dilation2d,
};
