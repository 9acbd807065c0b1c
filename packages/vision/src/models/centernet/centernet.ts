/** A detector that finds objects as peaks of a map: Zhou et al., Objects as Points (2019). */
import { checkOptions, type Link, ShapeMismatchError } from '@chaingrad/core';
import { cocoBboxLabelNames } from '@chaingrad/weights';
import type * as tf from '@tensorflow/tfjs-core';
import type { Image } from '../../image/index.ts';
import { paste } from '../../transforms/image/paste.ts';
import { type ResizeBackend, resize } from '../../transforms/index.ts';
import type { Detections } from '../../utils/bbox/detections.ts';
import { nonMaximumSuppression } from '../../utils/index.ts';
import { stack } from '../batch.ts';
import { type DetectionPresets, type DetectionSettings, Detector, readAll } from '../detector.ts';
import { type DetectorGraph, type ExportableDetector, onnxOfDetector } from '../onnx/onnx-of-detector.ts';
import { centerNetGraph } from './onnx-graph.ts';

export interface CenterNetOptions {
  /** Side of the square input in pixels. Default 512. */
  readonly insize?: number;
  /** Names of the classes in the order of the map's channels. Default the 80 of COCO. */
  readonly labelNames?: readonly string[];
  /** The network's outputs by name: the map of the classes, and the distances to the sides. Default `CenterNet.outputs`. */
  readonly outputs?: readonly [peaks: string, sides: string];
}

const PRESETS: DetectionPresets = {
  visualize: { nmsThresh: 0.45, scoreThresh: 0.4 },
  evaluate: { nmsThresh: 0.45, scoreThresh: 0.01 },
};

/** The most objects of an image, as the network's own graph has it. */
const mostObjects = 100;

/**
 * CenterNet: a network that gives a map of scores (B, H, W, classes), whose peaks are centres of objects, and for each place the
 * distances from there to the sides of its box (B, H, W, 4), left, top, right, bottom, in pixels of the input.
 *
 * The network comes from anywhere; `importTfjs` brings one for COCO's classes:
 *
 * ```ts
 * const model = new CenterNet(await importTfjs('centernet-mobilenetv3-coco', { outputs: [...CenterNet.outputs] }));
 * const { bboxes, labels, scores } = await model.predict([image]);
 * ```
 */
export class CenterNet extends Detector implements ExportableDetector {
  static override readonly modelName: string = 'CenterNet';
  /** What the pretrained network calls its outputs. */
  static readonly outputs: readonly [peaks: string, sides: string] = ['tower_0/keypoints', 'tower_0/wh'];
  override readonly resizeBackend = 'tf';
  override readonly scoreFunction = 'sigmoid';
  override labelNames: readonly string[];
  readonly insize: number;
  private readonly names: readonly [peaks: string, sides: string];

  /** @param network takes images (B, insize, insize, 3) of 0..255, and gives a record with the two outputs. */
  constructor(
    readonly network: Link & { call(x: tf.Tensor4D): unknown },
    options: CenterNetOptions = {},
  ) {
    super(PRESETS);
    const {
      insize = 512,
      labelNames = cocoBboxLabelNames,
      outputs = CenterNet.outputs,
    } = checkOptions('CenterNet', options, { insize: 'number', labelNames: 'object', outputs: 'object' });
    this.insize = insize;
    this.labelNames = labelNames;
    this.names = outputs;
  }

  override get nFgClass(): number {
    return this.labelNames.length;
  }

  /** What an ONNX file of it needs to be told: `save('detector.onnx', model)`. */
  onnxArguments(): ReturnType<typeof onnxOfDetector> {
    return onnxOfDetector(this);
  }

  /** Its graph, for `onnxOfDetector`. */
  onnxGraph(): DetectorGraph {
    return centerNetGraph(this, mostObjects);
  }

  /**
   * @param x prepared images (B, insize, insize, 3).
   * @returns scores (B, H, W, classes) and distances to the sides (B, H, W, 4).
   */
  override forward(x: tf.Tensor4D): [peaks: tf.Tensor4D, sides: tf.Tensor4D] {
    const out = this.network.call(x) as Record<string, tf.Tensor4D>;
    const [peaks, sides] = [out[this.names[0]]!, out[this.names[1]]!];
    const shape = [...peaks.shape.slice(0, 3), this.nFgClass];
    if (shape.some((n, i) => n !== peaks.shape[i]))
      throw new ShapeMismatchError(
        'CenterNet',
        shape,
        peaks.shape,
        'Give as many labelNames as the map has channels.',
      );
    return [peaks, sides];
  }

  /**
   * An image as the network wants it: black is added at the bottom or the right until it is square, as it was trained (stretched
   * to a square it finds less), then it is brought to the network's size, 0..255.
   *
   * @param img (H, W, 3), RGB, 0..255.
   * @returns (insize, insize, 3).
   */
  prepare(img: Image, resizeBackend: ResizeBackend = this.resizeBackend): Image<Float32Array> {
    const side = Math.max(img.shape[0], img.shape[1]);
    const square = paste(img, [side, side], [0, 0], 0);
    return resize(square, [this.insize, this.insize], { backend: resizeBackend });
  }

  /** Images one after the other; of an image the best come first, a hundred at most. */
  protected override async detect(
    images: readonly Image[],
    { nmsThresh, scoreThresh, resizeBackend }: DetectionSettings,
  ): Promise<Detections[]> {
    const out: Detections[] = [];
    for (const img of images) {
      const tensors = this.evaluating(() => this.call(stack([this.prepare(img, resizeBackend)])));
      const [, height, width] = tensors[0].shape;
      const [peaks, sides] = await readAll(tensors);
      const found = this.decode(peaks!, sides!, [height, width], scoreThresh);
      const kept = nmsThresh === null ? found : withoutOverlaps(found, nmsThresh);
      const scale = Math.max(img.shape[0], img.shape[1]) / this.insize;
      out.push({
        bbox: Float32Array.from(kept.flatMap(({ box }) => box.map((value) => value * scale))),
        label: Int32Array.from(kept, ({ label }) => label),
        score: Float32Array.from(kept, ({ score }) => score),
      });
    }
    return out;
  }

  /** The objects at the peaks of one image's map: places that no neighbour's score of the class exceeds. Best first. */
  private decode(
    peaks: Float32Array,
    sides: Float32Array,
    [height, width]: readonly [height: number, width: number],
    scoreThresh: number,
  ): Peak[] {
    const classes = this.labelNames.length;
    const step = this.insize / width;
    const found: Peak[] = [];
    for (let at = 0; at < peaks.length; at++) {
      const score = peaks[at]!;
      if (!(score >= scoreThresh)) continue;
      const label = at % classes;
      const place = (at - label) / classes;
      const column = place % width;
      const row = (place - column) / width;
      let isPeak = true;
      for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r++)
        for (let c = Math.max(0, column - 1); c <= Math.min(width - 1, column + 1); c++)
          isPeak &&= peaks[(r * width + c) * classes + label]! <= score;
      if (!isPeak) continue;
      const [left, top, right, bottom] = sides.subarray(4 * place, 4 * place + 4) as unknown as Box;
      const [x, y] = [column * step, row * step];
      found.push({ label, score, box: [y - top, x - left, y + bottom, x + right] });
    }
    return found.sort((a, b) => b.score - a.score).slice(0, mostObjects);
  }
}

type Box = readonly [number, number, number, number];

interface Peak {
  readonly label: number;
  readonly score: number;
  /** (yMin, xMin, yMax, xMax) in pixels of the input. */
  readonly box: Box;
}

/** Of each class the peaks whose boxes overlap no better one. */
function withoutOverlaps(peaks: readonly Peak[], thresh: number): Peak[] {
  const kept = new Set<Peak>();
  for (const label of new Set(peaks.map((peak) => peak.label))) {
    const own = peaks.filter((peak) => peak.label === label);
    for (const i of nonMaximumSuppression(
      own.flatMap(({ box }) => box),
      thresh,
    ))
      kept.add(own[i]!);
  }
  return peaks.filter((peak) => kept.has(peak));
}
