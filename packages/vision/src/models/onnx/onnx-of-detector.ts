/** What `exportOnnx` needs for a detector; with its post-processing, from the picture to the boxes in one graph. */
import { checkOptions, type OptionKinds } from '@chaingrad/core';
import type { GraphPort, GraphWrap, OnnxAbout, OnnxExportOptions } from '@chaingrad/onnx';
import { VisionOptionError } from '../../errors.ts';
import { type Detector, nameOf, type Thresholds } from '../detector.ts';
import type { Sketch } from './sketch.ts';

/** A detector as a graph. */
export interface DetectorGraph {
  /** The input of the network, channels last. */
  readonly inputs: number[][];
  /** What is told of the network without post-processing, whose description says what goes in and what comes out. */
  readonly about: OnnxAbout;
  /** How the network is exported, with post-processing and without. */
  readonly options?: Pick<OnnxExportOptions, 'size' | 'sizeMultiple'>;
  /** ... and without. */
  readonly alone: Pick<OnnxExportOptions, 'batch' | 'outputNames' | 'wrap'>;
  /** In which order objects are given, or what else is. */
  readonly order?: string;
  /** From the picture to what is in it. */
  whole(thresholds: Thresholds): GraphWrap;
}

/** A detector that goes out as ONNX. */
export interface ExportableDetector extends Detector {
  /** Its graph, for `onnxOfDetector`. */
  onnxGraph(): DetectorGraph;
}

export interface OnnxOfDetectorOptions extends Omit<OnnxExportOptions, 'wrap' | 'size' | 'sizeMultiple'> {
  /**
   * Whether the graph takes the picture as it is and gives what was found. Input: `image`, uint8 (height, width, 3), RGB.
   * Outputs: `boxes` (R, 4), rows of (yMin, xMin, yMax, xMax) in its pixels, `labels` (R) int32, `scores` (R), and of Mask R-CNN
   * `masks` (R, height, width) uint8.
   * Default false: prepared images go in, what the network gives comes out.
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
  model: ExportableDetector,
  options: OnnxOfDetectorOptions = {},
): [inputs: number[][], options: OnnxExportOptions] {
  const {
    postprocess = false,
    nmsThresh = model.nmsThresh,
    scoreThresh = model.scoreThresh,
    ...rest
  } = checkOptions('onnxOfDetector', options, onnxKinds);
  const graph = model.onnxGraph();
  const name = rest.about?.name ?? nameOf(model);
  const about = {
    ...graph.about,
    name,
    description: postprocess
      ? `${name} finds objects. Input: one picture, uint8 (height, width, 3), RGB. Outputs: boxes (yMin, xMin, yMax, xMax) ` +
        `in its pixels, labels from 0, scores, ${graph.order ?? 'class by class in descending order'}.`
      : graph.about.description,
    inputRange: postprocess ? ([0, 255] as const) : graph.about.inputRange,
    ...(model.labelNames === null ? {} : { classNames: model.labelNames }),
    ...rest.about,
    more: { ...graph.about.more, ...rest.about?.more },
  };
  if (!postprocess) {
    const { outputNames, batch, wrap } = graph.alone;
    return [
      graph.inputs,
      {
        ...rest,
        ...graph.options,
        outputNames: rest.outputNames ?? outputNames,
        batch: batch ?? rest.batch,
        // What is drawn around a network is drawn for pictures channels first.
        layout: wrap === undefined ? rest.layout : 'NCHW',
        wrap,
        about,
      },
    ];
  }
  if (model.resizeBackend === 'PIL' && (rest.opset ?? 17) < 18) {
    throw new VisionOptionError(
      'onnxOfDetector',
      'opset',
      'at least 18 for resizing as PIL does',
      rest.opset ?? 17,
    );
  }
  const wrap = graph.whole({ nmsThresh, scoreThresh });
  return [graph.inputs, { ...rest, ...graph.options, batch: 'fixed', layout: 'NCHW', about, wrap }];
}

/**
 * The outputs of a detector.
 * @param boxes (R, 4) in pixels of the picture. @param labels (R) int64. @param scores (R).
 */
export function detectionPorts(s: Sketch, boxes: string, labels: string, scores: string): GraphPort[] {
  return [
    { name: s.named('boxes', boxes), shape: ['found', 4], dtype: 'float32' },
    { name: s.named('labels', s.cast(labels, 'int32')), shape: ['found'], dtype: 'int32' },
    { name: s.named('scores', scores), shape: ['found'], dtype: 'float32' },
  ];
}
