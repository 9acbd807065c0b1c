import { checkOptions, type Link, type OptionKinds } from '@chaingrad/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { Image } from '../../image/index.ts';
import { bestOf, noCandidates } from '../../utils/bbox/best-of.ts';
import type { Detections } from '../../utils/bbox/detections.ts';
import { clipBoxes, loc2bbox, takeBoxes } from '../../utils/bbox/loc.ts';
import { normalizePixels, stack } from '../batch.ts';
import {
  type DetectionPresets,
  type DetectionSettings,
  Detector,
  readAll,
  type Thresholds,
} from '../detector.ts';
import { type DetectorGraph, type ExportableDetector, onnxOfDetector } from '../onnx/onnx-of-detector.ts';
import { scaleImage } from '../scale-image.ts';
import { fasterRCNNGraph } from './onnx-graph.ts';
import type { RegionProposalNetwork } from './region-proposal-network.ts';
import type { LocStatistics } from './target-creators.ts';

/** A link that turns a batch of images into one feature map. */
export interface FasterRCNNExtractor extends Link {
  forward(x: tf.Tensor4D): tf.Tensor | tf.Tensor[];
}

/** A link that says what is in regions of a feature map. */
export interface FasterRCNNHead extends Link {
  /** Classes with the background, which is column 0. */
  readonly nClass: number;
  /**
   * @param rois R * 4 values in pixels of the network's input, roiIndices the image of each.
   * @returns offsets (R, nClass * 4) and class outputs (R, nClass).
   */
  forward(
    x: tf.Tensor4D,
    rois: Float32Array,
    roiIndices: Int32Array,
  ): [roiClsLocs: tf.Tensor2D, roiScores: tf.Tensor2D];
}

export interface FasterRCNNOptions {
  /** Pixels that the shorter side is brought to, and that the longer one has at most. Default 600 and 1000. */
  readonly minSize?: number;
  readonly maxSize?: number;
  /** Mean and standard deviation of the offsets of the head. Default 0 and (0.1, 0.1, 0.2, 0.2). */
  readonly locNormalizeMean?: LocStatistics;
  readonly locNormalizeStd?: LocStatistics;
}

export const fasterRCNNKinds: OptionKinds<FasterRCNNOptions> = {
  minSize: 'number',
  maxSize: 'number',
  locNormalizeMean: 'object',
  locNormalizeStd: 'object',
};

const PRESETS: DetectionPresets = {
  visualize: { nmsThresh: 0.3, scoreThresh: 0.7 },
  evaluate: { nmsThresh: 0.3, scoreThresh: 0.05 },
};

/**
 * A detector of two stages: a network proposes regions, a head says what is in them. Children: extractor, rpn, head.
 *
 * Source: Ren et al., Faster R-CNN (2015). Chainer counterpart: `chainercv.links.model.faster_rcnn.FasterRCNN`.
 */
export class FasterRCNN<
    E extends FasterRCNNExtractor = FasterRCNNExtractor,
    H extends FasterRCNNHead = FasterRCNNHead,
  >
  extends Detector
  implements ExportableDetector
{
  static override readonly modelName: string = 'FasterRCNN';
  readonly scoreFunction = 'softmax';
  readonly minSize: number;
  readonly maxSize: number;
  readonly locNormalizeMean: LocStatistics;
  readonly locNormalizeStd: LocStatistics;

  /** @param mean RGB, subtracted from every pixel. */
  constructor(
    readonly extractor: E,
    readonly rpn: RegionProposalNetwork,
    readonly head: H,
    readonly mean: number | readonly number[],
    options: FasterRCNNOptions = {},
  ) {
    super(PRESETS);
    const {
      minSize = 600,
      maxSize = 1000,
      locNormalizeMean = [0, 0, 0, 0],
      locNormalizeStd = [0.1, 0.1, 0.2, 0.2],
    } = checkOptions('FasterRCNN', options, fasterRCNNKinds);
    this.minSize = minSize;
    this.maxSize = maxSize;
    this.locNormalizeMean = locNormalizeMean;
    this.locNormalizeStd = locNormalizeStd;
  }

  get nFgClass(): number {
    return this.head.nClass - 1;
  }

  /**
   * Needs a backend whose values can be read at once: on WebGPU `predict` works.
   * @param x prepared images (N, H, W, 3).
   * @param scales of the inputs to the images as given. Default 1.
   */
  override forward(x: tf.Tensor4D, scales?: readonly number[]) {
    const h = this.extractor.call(x) as tf.Tensor4D;
    const { rois, roiIndices } = this.rpn.call(h, [x.shape[1], x.shape[2]], scales);
    const [roiClsLocs, roiScores] = this.head.call(h, rois, roiIndices);
    return { roiClsLocs, roiScores, rois, roiIndices };
  }

  /** What an ONNX file of it needs to be told: `save('detector.onnx', model)`. */
  onnxArguments(): ReturnType<typeof onnxOfDetector> {
    return onnxOfDetector(this);
  }

  /** Its graph, for `onnxOfDetector`. @throws VisionOptionError for a head whose pooling is its own. */
  onnxGraph(): DetectorGraph {
    return fasterRCNNGraph(this as unknown as FasterRCNN);
  }

  /** An image as the network wants it: its shorter side `minSize` pixels, minus the mean. @param img (H, W, 3), RGB, 0..255. */
  prepare(img: Image, resizeBackend = this.resizeBackend): Image<Float32Array> {
    const { data, shape } = scaleImage(img, this.minSize, this.maxSize, resizeBackend);
    return { data: normalizePixels(data, this.mean), shape };
  }

  /** One image after the other: they differ in size. */
  protected override async detect(
    images: readonly Image[],
    { resizeBackend, ...thresholds }: DetectionSettings,
  ): Promise<Detections[]> {
    const found: Detections[] = [];
    for (const img of images)
      found.push(await this.detectOne(img, this.prepare(img, resizeBackend), thresholds));
    return found;
  }

  private async detectOne(
    img: Image,
    prepared: Image<Float32Array>,
    thresholds: Thresholds,
  ): Promise<Detections> {
    const [height, width] = prepared.shape;
    // The ratio of the widths, for both axes.
    const scale = width / img.shape[1];
    const [h, ...outputs] = this.evaluating((): [tf.Tensor4D, tf.Tensor3D, tf.Tensor3D] => {
      const h = this.extractor.call(stack([prepared])) as tf.Tensor4D;
      return [h, ...this.rpn.outputs(h)];
    });
    try {
      const [locs, scores] = await readAll(outputs);
      const anchor = this.rpn.anchorOf(h);
      const { rois, roiIndices } = this.rpn.propose(locs!, scores!, anchor, [height, width], [scale], false);
      const [clsLocs, clsScores] = await readAll(this.evaluating(() => this.head.call(h, rois, roiIndices)));
      return this.decode(
        rois,
        clsLocs!,
        clsScores!,
        { scale, size: [img.shape[0], img.shape[1]] },
        thresholds,
      );
    } finally {
      h.dispose();
    }
  }

  /**
   * The detections in the outputs of the head for one image. A score must exceed the threshold, unlike in other detectors.
   * @param rois R * 4 values in pixels of the input, `scale` of which are one of the image.
   */
  decode(
    rois: Float32Array,
    roiClsLocs: Float32Array,
    roiScores: Float32Array,
    { scale, size }: { readonly scale: number; readonly size: readonly [height: number, width: number] },
    { nmsThresh, scoreThresh }: Thresholds = this,
  ): Detections {
    const { nClass } = this.head;
    const loc = roiClsLocs.map(
      (value, i) => value * this.locNormalizeStd[i % 4]! + this.locNormalizeMean[i % 4]!,
    );
    const bbox = clipBoxes(
      loc2bbox(
        rois.map((value) => value / scale),
        loc,
      ),
      size,
    );
    const candidates = noCandidates(nClass - 1);
    for (let r = 0; r < rois.length / 4; r++) {
      const row = roiScores.subarray(r * nClass, (r + 1) * nClass);
      const largest = Math.max(...row);
      const exponential = Array.from(row, (value) => Math.exp(value - largest));
      const sum = exponential.reduce((a, b) => a + b, 0);
      for (let l = 1; l < nClass; l++) {
        const score = Math.fround(exponential[l]! / sum);
        if (!(score > Math.fround(scoreThresh))) continue;
        candidates[l - 1]!.rows.push(r);
        candidates[l - 1]!.scores.push(score);
      }
    }
    const boxesOf = (rows: readonly number[], label: number) =>
      takeBoxes(
        bbox,
        rows.map((row) => row * nClass + label + 1),
      );
    return bestOf(candidates, boxesOf, nmsThresh);
  }
}
