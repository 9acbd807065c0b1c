/** Operators with weights, and those over windows of pictures. */
import { ChaingradError } from '@chaingrad/core';
import { UnsupportedForm } from '../errors.ts';
import type { HostArray } from '../values/host-array.ts';
import type { Attributes, Ref, TfNode } from './graph-def.ts';
import type { Translation, TranslationTable } from './operators.ts';
import type { AttributeValue, Translator } from './translator.ts';

/** How the axes of an operator's pictures lie: NHWC, or NDHWC, unless it says otherwise. */
function layoutOf(attributes: Attributes): { second: boolean; at(list: readonly number[]): number[] } {
  const second = attributes.text('data_format', 'NHWC').startsWith('NC');
  return { second, at: (list) => (second ? list.slice(2) : list.slice(1, -1)) };
}

/** ONNX' attributes of windows. */
function windows(attributes: Attributes, ksize: readonly number[] | null): Record<string, AttributeValue> {
  const { at } = layoutOf(attributes);
  const list = (name: string) => {
    const values = attributes.integers(name);
    return values === null || values.length < 3 ? null : at(values);
  };
  const [strides, dilations] = [list('strides'), list('dilations')];
  const padding = attributes.text('padding', 'VALID');
  const explicit = attributes.integers('explicit_paddings') ?? [];
  if (!['SAME', 'VALID', 'EXPLICIT'].includes(padding)) throw new UnsupportedForm(`padding '${padding}'.`);
  // Pairs of before and after, axis by axis.
  const before = at(explicit.filter((_, i) => i % 2 === 0));
  const after = at(explicit.filter((_, i) => i % 2 === 1));
  return {
    ...(ksize === null ? {} : { kernel_shape: ksize }),
    ...(strides === null ? {} : { strides }),
    ...(dilations === null ? {} : { dilations }),
    ...(padding === 'SAME' ? { auto_pad: 'SAME_UPPER' } : {}),
    ...(padding === 'EXPLICIT' ? { pads: [...before, ...after] } : {}),
  };
}

/** Gives what a function of pictures gives, whichever way the file's pictures lie. */
function overPictures(
  t: Translator,
  { attributes }: TfNode,
  ref: Ref,
  fn: (picture: string) => string,
  rank = 4,
): void {
  if (!layoutOf(attributes).second) t.alias(fn(t.picture(ref, rank)), rank);
  else t.is(fn(t.plain(ref)));
}

/** A filter (kh, kw, in, out) as (out, in, kh, kw); of a depthwise convolution, (kh, kw, c, m), as (c m, 1, kh, kw). */
function filterOf(
  t: Translator,
  ref: Ref,
  kind: 'full' | 'depthwise',
  rank: number,
): { name: string; groups: number } {
  const space = Array.from({ length: rank - 2 }, (_, i) => i);
  const perm = kind === 'full' ? [rank - 1, rank - 2, ...space] : [2, 3, 0, 1];
  const array = t.constant(ref);
  if (array === null) {
    if (kind === 'depthwise') throw new UnsupportedForm('a depthwise convolution with a computed filter.');
    return { name: t.emit('Transpose', [t.plain(ref)], { perm }), groups: 1 };
  }
  if (array.shape.length !== rank)
    throw new ChaingradError(`expected a filter of ${rank} axes, got (${array.shape.join(', ')}).`);
  const [kh, kw, c, m] = array.shape as [number, number, number, number];
  return kind === 'full'
    ? { name: t.weight(ref, array, perm), groups: 1 }
    : { name: t.weight(ref, array, perm, [c * m, 1, kh, kw]), groups: c };
}

/** What `fused_ops` says that follows: the bias is an input of the layer, the rest are nodes behind it. */
function fusedWith(
  t: Translator,
  { attributes, inputs }: TfNode,
): { bias: string[]; after: (y: string, rank: number) => string } {
  const ops = attributes.texts('fused_ops').filter((op) => op !== 'NoOp');
  const hasBias = ops[0] === 'BiasAdd';
  const [activation, ...others] = hasBias ? ops.slice(1) : ops;
  if (others.length > 0 || (activation !== undefined && !Object.hasOwn(activations, activation)))
    throw new UnsupportedForm(`fused operators ${ops.join(', ')}.`);
  return {
    bias: hasBias ? [t.plain(t.ref(2))] : [],
    after: (y, rank) =>
      activation === undefined
        ? y
        : activations[activation]!(t, y, attributes, inputs[hasBias ? 3 : 2], rank),
  };
}

type Activation = (
  t: Translator,
  y: string,
  attributes: Attributes,
  slope: Ref | undefined,
  rank: number,
) => string;

const plainActivation =
  (op: string): Activation =>
  (t, y) =>
    t.emit(op, [y]);

const activations: Readonly<Record<string, Activation>> = {
  Relu: plainActivation('Relu'),
  Relu6: (t, y) => t.emit('Clip', [y, t.float(0), t.float(6)]),
  Elu: plainActivation('Elu'),
  Sigmoid: plainActivation('Sigmoid'),
  Tanh: plainActivation('Tanh'),
  LeakyRelu: (t, y, attributes) =>
    t.emit('LeakyRelu', [y], { alpha: attributes.number('leakyrelu_alpha', 0.2) }),
  Prelu: (t, y, _, slope, rank) => {
    if (slope === undefined) throw new ChaingradError('expected slopes for Prelu, got none.');
    return t.emit('PRelu', [y, rank === 4 ? slopeOf(t, slope) : t.plain(slope)]);
  },
};

/** The slopes of a Prelu behind a picture with its channels second: (h, w, c) as (c, h, w). */
export function slopeOf(t: Translator, ref: Ref): string {
  const array = t.constant(ref);
  if (array === null) throw new UnsupportedForm('computed slopes of Prelu.');
  const own: HostArray = array.shape.length === 1 ? { ...array, shape: [1, 1, ...array.shape] } : array;
  return t.weight(ref, own, own.shape.length === 3 ? [2, 0, 1] : [0, 3, 1, 2]);
}

const convolution =
  (kind: 'full' | 'depthwise', rank = 4): Translation =>
  (t, node) => {
    const filter = filterOf(t, t.ref(1), kind, rank);
    const { bias, after } = fusedWith(t, node);
    // Files of TFLite have groups, those of tfjs none.
    const group = node.attributes.number('groups', filter.groups);
    const attributes = { ...windows(node.attributes, null), group };
    overPictures(
      t,
      node,
      t.ref(0),
      (x) => after(t.emit('Conv', [x, filter.name, ...bias], attributes), 4),
      rank,
    );
  };

/** The gradient of a convolution: the filter is (kh, kw, out, in), the size of the output is given. */
const transposedConvolution: Translation = (t, node) => {
  const array = t.constant(t.ref(1));
  const name =
    array === null
      ? t.emit('Transpose', [t.plain(t.ref(1))], { perm: [3, 2, 0, 1] })
      : t.weight(t.ref(1), array, [3, 2, 0, 1]);
  const { at, second } = layoutOf(node.attributes);
  const sizes = sizesOf(t, t.ref(0));
  if (node.attributes.text('padding', 'VALID') === 'EXPLICIT')
    throw new UnsupportedForm('a transposed convolution with explicit paddings.');
  const more = { ...windows(node.attributes, null), auto_pad: 'SAME_UPPER' };
  overPictures(t, node, t.ref(2), (x) => {
    if (sizes !== null && at(sizes).every((n) => n !== null))
      return t.emit('ConvTranspose', [x, name], { ...more, output_shape: at(sizes as number[]) });
    return t.emit('tf.ConvTranspose', [x, name, t.plain(t.ref(0))], { ...more, second: second ? 1 : 0 });
  });
};

/** The sizes that a shape has, null where they are computed; null as a whole where all are. */
function sizesOf(t: Translator, ref: Ref): number[] | null {
  const array = t.constant(ref);
  if (array !== null) return [...array.data];
  const node = t.graph.nodes.get(ref.node)!;
  if (node.op !== 'Pack') return null;
  // What is computed is mostly the batch alone, which nobody asks for.
  return node.inputs.map((each) => t.constant(each)?.data[0] ?? null) as number[];
}

const pool =
  (op: 'MaxPool' | 'AveragePool', rank = 4): Translation =>
  (t, node) => {
    const ksize = layoutOf(node.attributes).at(node.attributes.integers('ksize') ?? []);
    overPictures(t, node, t.ref(0), (x) => t.emit(op, [x], windows(node.attributes, ksize)), rank);
  };

const batchNormalization: Translation = (t, node) => {
  const weights = t.plains(1, 5);
  const epsilon = node.attributes.number('epsilon', 1e-3);
  overPictures(t, node, t.ref(0), (x) => t.emit('BatchNormalization', [x, ...weights], { epsilon }));
};

const localResponse: Translation = (t, { attributes }) => {
  const size = 2 * attributes.number('depth_radius', 5) + 1;
  const more = { size, bias: attributes.number('bias', 1), alpha: attributes.number('alpha', 1) * size };
  t.givePicture('LRN', [t.picture(t.ref(0))], { ...more, beta: attributes.number('beta', 0.5) });
};

/** A product with a constant matrix is a layer, whose weight is (out, in). */
const matMul: Translation = (t, node) => {
  const [a, b] = [t.ref(0), t.ref(1)];
  const { attributes } = node;
  const { bias, after } = fusedWith(t, node);
  const array = t.constant(b);
  const turnedB = attributes.flag('transpose_b');
  const x = attributes.flag('transpose_a') ? t.emit('Transpose', [t.plain(a)], { perm: [1, 0] }) : t.plain(a);
  const [weight, transB] =
    array?.shape.length === 2
      ? [t.weight(b, array, turnedB ? [0, 1] : [1, 0]), 1]
      : [t.plain(b), turnedB ? 1 : 0];
  t.is(after(t.emit('Gemm', [x, weight, ...bias], { transB }), 2));
};

const batchMatMul: Translation = (t, { attributes }) => {
  const operand = (index: number, turned: boolean) =>
    turned ? t.emit('tf.SwapLastAxes', [t.plain(t.ref(index))]) : t.plain(t.ref(index));
  t.give('MatMul', [operand(0, attributes.flag('adj_x')), operand(1, attributes.flag('adj_y'))]);
};

export const layerOperators: Readonly<Record<string, TranslationTable>> = {
  'Matrices and convolutions': {
    Conv2D: convolution('full'),
    _FusedConv2D: convolution('full'),
    Conv3D: convolution('full', 5),
    DepthwiseConv2d: convolution('depthwise'),
    DepthwiseConv2dNative: convolution('depthwise'),
    FusedDepthwiseConv2dNative: convolution('depthwise'),
    Conv2DBackpropInput: transposedConvolution,
    MatMul: matMul,
    _FusedMatMul: matMul,
    BatchMatMul: batchMatMul,
    BatchMatMulV2: batchMatMul,
    Einsum: (t, node) => t.give('Einsum', t.plains(), { equation: node.attributes.text('equation', '') }),
  },
  Pools: {
    MaxPool: pool('MaxPool'),
    AvgPool: pool('AveragePool'),
    MaxPool3D: pool('MaxPool', 5),
    AvgPool3D: pool('AveragePool', 5),
  },
  Normalizations: {
    FusedBatchNorm: batchNormalization,
    FusedBatchNormV2: batchNormalization,
    FusedBatchNormV3: batchNormalization,
    LRN: localResponse,
  },
};
