/** What `exportOnnx` needs for a detector; with its post-processing, from the picture to the boxes in one graph. */
import { checkOptions, type OptionKinds } from '@chaingrad/core';
import type { GraphBuilder, GraphPort, GraphWrap, OnnxExportOptions } from '@chaingrad/onnx';
import { VisionOptionError } from '../../errors.ts';
import type { SSD } from './ssd.ts';

export interface OnnxOfDetectorOptions extends Omit<OnnxExportOptions, 'wrap' | 'size' | 'sizeMultiple'> {
  /**
   * Whether the graph takes the picture as it is and gives what was found. Input: `image`, uint8 (height, width, 3), RGB.
   * Outputs: `boxes` (R, 4), rows of (yMin, xMin, yMax, xMax) in its pixels, `labels` (R) int32, `scores` (R).
   * Default false: prepared images go in, offsets and class outputs of the default boxes come out.
   */
  readonly postprocess?: boolean | undefined;
  /** IoU from which the lower scored of two boxes of a class is dropped; null keeps all. Default the model's. */
  readonly nmsThresh?: number | null | undefined;
  /** Boxes with this score or more are given. Default the model's. */
  readonly scoreThresh?: number | undefined;
}

const onnxKinds: OptionKinds<OnnxOfDetectorOptions> = {
  opset: 'number',
  layout: ['NCHW', 'NHWC'],
  batch: ['dynamic', 'fixed'],
  foldBatchNormalization: 'boolean',
  inputNames: 'object',
  outputNames: 'object',
  about: 'object',
  postprocess: 'boolean',
  nmsThresh: 'number | null',
  scoreThresh: 'number',
};

/**
 * The arguments of `exportOnnx` and `saveOnnx` behind the model.
 *
 * ```ts
 * await saveOnnx('detector.onnx', model, ...onnxOfDetector(model, { postprocess: true }));
 * ```
 *
 * @throws VisionOptionError where operator set and resizing do not go together.
 */
export function onnxOfDetector(
  model: SSD,
  options: OnnxOfDetectorOptions = {},
): [inputs: number[][], options: OnnxExportOptions] {
  const {
    postprocess = false,
    nmsThresh,
    scoreThresh,
    ...rest
  } = checkOptions('onnxOfDetector', options, onnxKinds);
  const { preparation, insize } = model;
  const name = rest.about?.name ?? model.constructor.name;
  const low = range(preparation, 0);
  const high = range(preparation, 255);
  const about = {
    name,
    description: postprocess
      ? `${name} finds objects. Input: one picture, uint8 (height, width, 3), RGB. Outputs: boxes (yMin, xMin, yMax, xMax) ` +
        'in its pixels, labels from 0, scores, class by class in descending order.'
      : `${name} without its post-processing. Input: pictures of ${insize} x ${insize}, RGB, divided by ` +
        `${preparation.divisor}, minus the mean. Outputs: offsets and class outputs of the default boxes.`,
    mean: preparation.mean,
    inputRange: postprocess ? ([0, 255] as const) : ([low, high] as const),
    ...(model.labelNames === null ? {} : { classNames: model.labelNames }),
    ...rest.about,
    more: { ...more(model), ...rest.about?.more },
  };
  const inputs = [[1, insize, insize, 3]];
  if (!postprocess) {
    const outputNames = rest.outputNames ?? ['offsets', 'classes'];
    return [inputs, { ...rest, outputNames, about }];
  }
  if (model.resizeBackend === 'PIL' && (rest.opset ?? 17) < 18) {
    throw new VisionOptionError(
      'onnxOfDetector',
      'opset',
      'at least 18 for resizing as PIL does',
      rest.opset ?? 17,
    );
  }
  const wrap = wrapOf(model, {
    nmsThresh: nmsThresh === undefined ? model.nmsThresh : nmsThresh,
    scoreThresh: scoreThresh ?? model.scoreThresh,
  });
  return [inputs, { ...rest, batch: 'fixed', layout: 'NCHW', about, wrap }];
}

const range = ({ divisor, mean }: SSD['preparation'], value: number): number => {
  const means = [mean].flat() as number[];
  const all = means.map((each) => value / divisor - each);
  return value === 0 ? Math.min(...all) : Math.max(...all);
};

/** What decodes the outputs. */
const more = (model: SSD): Record<string, string> => ({
  score_function: model.scoreFunction,
  variance: JSON.stringify(model.coder.variance),
});

interface Thresholds {
  readonly nmsThresh: number | null;
  readonly scoreThresh: number;
}

function wrapOf(model: SSD, thresholds: Thresholds): GraphWrap {
  // The pixels of the picture in one unit of the boxes, found with the input, used with the output.
  let scale = '';
  return {
    before(graph) {
      const { input, arg, unit } = inputOf(graph, model);
      scale = unit;
      return { inputs: [input], args: [arg] };
    },
    after: (graph, outputs) => outputsOf(graph, model, outputs, scale, thresholds),
  };
}

const RESIZING = {
  cv2: { coordinate_transformation_mode: 'half_pixel' },
  PIL: { coordinate_transformation_mode: 'half_pixel', antialias: 1 },
  tf: { coordinate_transformation_mode: 'asymmetric' },
} as const;

const PREPARE = '/prepare';

function inputOf(g: GraphBuilder, model: SSD): { input: GraphPort; arg: string; unit: string } {
  const { insize, preparation, resizeBackend } = model;
  const one = (op: string, inputs: string[], attrs = {}) => g.one(PREPARE, op, inputs, attrs);
  const image = g.unique('image');
  const size = one('Shape', [image], { start: 0, end: 2 });
  const square = preparation.fit === 'square';
  const side = square ? one('ReduceMax', [size], axes(g)) : size;
  const float = one('Cast', [image], { to: 1 });
  const channelsFirst = one('Transpose', [float], { perm: [2, 0, 1] });
  let x = one('Unsqueeze', [channelsFirst, g.ints([0])]);
  if (square) {
    const pads = one('Concat', [g.ints([0, 0, 0, 0, 0, 0]), one('Sub', [side, size])], { axis: 0 });
    x = one('Pad', [x, pads]);
  }
  x = one('Resize', [x, '', '', g.ints([1, 3, insize, insize])], {
    mode: 'linear',
    ...RESIZING[resizeBackend],
  });
  if (preparation.divisor !== 1) x = one('Div', [x, g.scalar(preparation.divisor)]);
  const { mean } = preparation;
  if (typeof mean === 'number') {
    if (mean !== 0) x = one('Sub', [x, g.scalar(mean)]);
  } else x = one('Sub', [x, g.floats(mean, [3, 1, 1])]);
  const unit = one('Mul', [one('Cast', [side], { to: 1 }), g.floats(model.boxScale([1, 1]))]);
  return {
    input: { name: image, shape: ['height', 'width', 3], dtype: 'uint8' },
    arg: x,
    unit: one('Concat', [unit, unit], { axis: 0 }),
  };
}

/** ReduceMax over everything, to one element: axes are its input from operator set 18 on. */
const axes = ({ opset }: GraphBuilder) => (opset >= 18 ? { keepdims: 1 } : { axes: [0], keepdims: 1 });

const DECODE = '/decode';

function outputsOf(
  g: GraphBuilder,
  model: SSD,
  [offsets, classes]: readonly GraphPort[],
  scale: string,
  { nmsThresh, scoreThresh }: Thresholds,
): GraphPort[] {
  const { coder, scoreFunction, nGivenClass } = model;
  const one = (op: string, inputs: string[], attrs = {}) => g.one(DECODE, op, inputs, attrs);
  const count = coder.length;
  const [position, size] = coder.variance;
  const column = (at: number) =>
    Array.from({ length: count * 2 }, (_, i) => coder.defaultBbox[4 * (i >> 1) + at + (i % 2)]!);
  const [centres, sides] = [column(0), column(2)];

  const [move, stretch] = g.node(DECODE, 'Split', [offsets!.name, g.ints([2, 2])], { axis: 2 }, 2) as [
    string,
    string,
  ];
  const lengths = one('Mul', [
    one('Exp', [one('Mul', [stretch, g.scalar(size)])]),
    g.floats(sides, [count, 2]),
  ]);
  const moved = one('Mul', [
    move,
    g.floats(
      sides.map((side) => side * position),
      [count, 2],
    ),
  ]);
  const middle = one('Add', [moved, g.floats(centres, [count, 2])]);
  const low = one('Sub', [middle, one('Mul', [lengths, g.scalar(0.5)])]);
  const boxes = one('Concat', [low, one('Add', [low, lengths])], { axis: 2 });

  const all =
    scoreFunction === 'softmax'
      ? one('Softmax', [classes!.name], { axis: 2 })
      : one('Sigmoid', [classes!.name]);
  // Column 0 is the background.
  const foreground = one('Slice', [all, g.ints([1]), g.ints([1 + nGivenClass]), g.ints([2])]);
  const scores = one('Transpose', [foreground], { perm: [0, 2, 1] });

  const found = one('NonMaxSuppression', [
    boxes,
    scores,
    g.ints([count]),
    // No two boxes have an IoU above 1.
    g.floats([nmsThresh ?? 1]),
    g.floats([below(Math.fround(scoreThresh))]),
  ]);
  const nth = (i: number) => one('Gather', [found, g.scalar(i, 'int64')], { axis: 1 });
  const kept = one('Gather', [one('Squeeze', [boxes, g.ints([0])]), nth(2)], { axis: 0 });
  return [
    { name: rename(g, one('Mul', [kept, scale]), 'boxes'), shape: ['found', 4], dtype: 'float32' },
    { name: rename(g, one('Cast', [nth(1)], { to: 6 }), 'labels'), shape: ['found'], dtype: 'int32' },
    { name: rename(g, one('GatherND', [scores, found]), 'scores'), shape: ['found'], dtype: 'float32' },
  ];
}

function rename(g: GraphBuilder, from: string, to: string): string {
  const name = g.unique(to);
  g.rename(from, name);
  return name;
}

/** The largest float32 below a positive one: ONNX keeps scores above its threshold, we those at it too. */
function below(value: number): number {
  if (value <= 0) return -1;
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  view.setUint32(0, view.getUint32(0) - 1);
  return view.getFloat32(0);
}
