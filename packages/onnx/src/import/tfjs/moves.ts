/** Operators that move elements about, make them, or sample pictures. */
import { UnsupportedForm } from '../errors.ts';
import { hostArray } from '../values/host-array.ts';
import type { Attributes } from './graph-def.ts';
import type { Translation, TranslationTable } from './operators.ts';
import type { AttributeValue } from './translator.ts';

const flagsOf = (attributes: Attributes, ...names: string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, attributes.flag(name) ? 1 : 0]));

const own =
  (op: string, ...flags: string[]): Translation =>
  (t, { attributes }) =>
    t.give(`tf.${op}`, t.plains(), flagsOf(attributes, ...flags));

const plain =
  (op: string): Translation =>
  (t) =>
    t.give(op, t.plains());

const transpose: Translation = (t) =>
  t.give('Transpose', [t.plain(t.ref(0))], { perm: t.numbers(1, 'permutations') });

const squeeze: Translation = (t, { attributes }) => {
  const axes = attributes.integers('squeeze_dims') ?? attributes.integers('axis') ?? [];
  t.give('Squeeze', [t.plain(t.ref(0)), ...(axes.length > 0 ? [t.integers(axes)] : [])]);
};

const expandDims: Translation = (t) =>
  t.give('Unsqueeze', [t.plain(t.ref(0)), t.integers(t.numbers(1, 'axes').slice(0, 1))]);

const concat =
  (axisFirst: boolean): Translation =>
  (t, { inputs }) => {
    const at = axisFirst ? 0 : inputs.length - 1;
    const [axis = 0] = t.numbers(at, 'axes');
    const values = axisFirst ? t.plains(1) : t.plains(0, at);
    t.give('Concat', values, { axis });
  };

const pack: Translation = (t, { attributes, inputs }) => {
  const axis = attributes.number('axis', 0);
  const wide = inputs.map((ref) => t.emit('Unsqueeze', [t.plain(ref), t.integers([axis])]));
  t.give('Concat', wide, { axis });
};

/** No node has more outputs than this. */
const mostParts = 4096;

function partsOf(attributes: Attributes, name: string): number {
  const count = attributes.number(name, 1);
  if (!(Number.isInteger(count) && count > 0 && count <= mostParts))
    throw new UnsupportedForm(`${count} parts.`);
  return count;
}

const unpack: Translation = (t, { attributes }) => {
  const count = partsOf(attributes, 'num');
  t.give('tf.Unpack', [t.plain(t.ref(0))], { axis: attributes.number('axis', 0) }, count);
};

const split: Translation = (t, { attributes }) => {
  const [axis = 0] = t.numbers(0, 'axes');
  const count = partsOf(attributes, 'num_split');
  t.give('Split', [t.plain(t.ref(1))], { axis, num_outputs: count }, count);
};

const splitV: Translation = (t, { attributes }) => {
  const [axis = 0] = t.numbers(2, 'axes');
  t.give('tf.SplitV', t.plains(0, 2), { axis }, partsOf(attributes, 'num_split'));
};

const masks = ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'];
const stridedSlice: Translation = (t, { attributes }) =>
  t.give(
    'tf.StridedSlice',
    t.plains(),
    Object.fromEntries(masks.map((name) => [name, attributes.number(name, 0)])),
  );

const gather: Translation = (t, { attributes, inputs }) => {
  const [axis = 0] = inputs.length > 2 ? t.numbers(2, 'axes') : [];
  const batch = attributes.number('batch_dims', 0);
  if (batch === 0) t.give('Gather', t.plains(0, 2), { axis });
  else t.give('tf.BatchGather', t.plains(0, 2), { axis, batch });
};

const pad =
  (mode: (attributes: Attributes) => string): Translation =>
  (t, { attributes, inputs }) => {
    const pairs = t.numbers(1, 'paddings');
    const pads = [...pairs.filter((_, i) => i % 2 === 0), ...pairs.filter((_, i) => i % 2 === 1)];
    const more = inputs.length > 2 ? [t.plain(t.ref(2))] : [];
    t.give('Pad', [t.plain(t.ref(0)), t.integers(pads), ...more], { mode: mode(attributes) });
  };

const mirror = (attributes: Attributes): string => {
  const mode = attributes.text('mode', 'REFLECT');
  if (mode !== 'REFLECT' && mode !== 'SYMMETRIC') throw new UnsupportedForm(`padding in mode '${mode}'.`);
  return mode.toLowerCase();
};

const oneHot: Translation = (t, { attributes }) => {
  const [on, off] = [t.constant(t.ref(2)), t.constant(t.ref(3))];
  if (on === null || off === null) throw new UnsupportedForm('computed values of OneHot.');
  const values = t.initializer('Const', hostArray(on.dtype, [2], [off.data[0]!, on.data[0]!]));
  t.give('OneHot', [...t.plains(0, 2), values], { axis: attributes.number('axis', -1) });
};

/** Depths are counted as ONNX counts them: of pictures with their channels second. */
const blocks =
  (op: string): Translation =>
  (t, { attributes }) => {
    if (attributes.text('data_format', 'NHWC') !== 'NHWC')
      throw new UnsupportedForm(`${op} of pictures (N, C, H, W).`);
    t.givePicture(op, [t.picture(t.ref(0))], { blocksize: attributes.number('block_size', 1) });
  };

const cropAndResize: Translation = (t, { attributes }) => {
  const more: Record<string, AttributeValue> = {
    method: attributes.text('method', 'bilinear'),
    extrapolation_value: attributes.number('extrapolation_value', 0),
  };
  t.give('tf.CropAndResize', t.plains(), more);
};

const suppression =
  (kind: 'scored' | 'padded' | 'plain'): Translation =>
  (t, { attributes }) =>
    t.give(
      'tf.NonMaxSuppression',
      t.plains(),
      {
        iou_threshold: attributes.number('iou_threshold', 0.5),
        ...(kind === 'padded' ? flagsOf(attributes, 'pad_to_max_output_size') : {}),
      },
      kind === 'scored' ? 3 : kind === 'padded' ? 2 : 1,
    );

/** Where elements are true: ONNX gives the coordinates the other way round. */
const where: Translation = (t, { inputs }) => {
  if (inputs.length === 3) t.give('Where', t.plains());
  else t.give('Transpose', [t.emit('NonZero', t.plains())], { perm: [1, 0] });
};

export const moveOperators: Readonly<Record<string, TranslationTable>> = {
  'Shapes and moves': {
    Shape: plain('Shape'),
    Size: plain('Size'),
    Rank: (t) => t.give('Size', [t.emit('Shape', t.plains())]),
    Reshape: (t) => t.give('Reshape', t.plains(), { allowzero: 1 }),
    Transpose: transpose,
    Squeeze: squeeze,
    ExpandDims: expandDims,
    Concat: concat(true),
    ConcatV2: concat(false),
    Pack: pack,
    Unpack: unpack,
    Split: split,
    SplitV: splitV,
    Slice: own('Slice'),
    StridedSlice: stridedSlice,
    Gather: gather,
    GatherV2: gather,
    GatherNd: plain('GatherND'),
    ScatterNd: own('ScatterNd'),
    TensorScatterUpdate: plain('ScatterND'),
    Where: where,
    Tile: plain('Tile'),
    BroadcastTo: plain('Expand'),
    Fill: (t) => t.give('Expand', [t.plain(t.ref(1)), t.plain(t.ref(0))]),
    Range: plain('Range'),
    ZerosLike: own('ZerosLike'),
    OnesLike: own('OnesLike'),
    OneHot: oneHot,
    Reverse: own('Reverse'),
    ReverseV2: own('Reverse'),
    Pad: pad(() => 'constant'),
    PadV2: pad(() => 'constant'),
    MirrorPad: pad(mirror),
    DepthToSpace: blocks('DepthToSpace'),
    SpaceToDepth: blocks('SpaceToDepth'),
    SpaceToBatchND: own('SpaceToBatchND'),
    BatchToSpaceND: own('BatchToSpaceND'),
  },
  'Resizing and detection': {
    ResizeBilinear: own('ResizeBilinear', 'align_corners', 'half_pixel_centers'),
    ResizeNearestNeighbor: own('ResizeNearestNeighbor', 'align_corners', 'half_pixel_centers'),
    CropAndResize: cropAndResize,
    NonMaxSuppressionV2: suppression('plain'),
    NonMaxSuppressionV3: suppression('plain'),
    NonMaxSuppressionV4: suppression('padded'),
    NonMaxSuppressionV5: suppression('scored'),
  },
};
