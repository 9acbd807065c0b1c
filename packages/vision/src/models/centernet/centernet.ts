/** A detector that finds objects as peaks of a map: Zhou et al., Objects as Points (2019). */
import {
  Chain,
  checkOptions,
  type Link,
  ShapeMismatchError,
  usingConfig,
  yieldToEventLoop,
} from '@chaingrad/core';
import { cocoBboxLabelNames } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { type Image, type ImageSource, toImage } from '../../image/index.ts';
import { resize } from '../../transforms/index.ts';
import { nonMaximumSuppression } from '../../utils/index.ts';
import { stack } from '../batch.ts';
import type { DetectionLink, Predictions, PredictOptions } from '../detection-link.ts';

export interface CenterNetOptions {
  /** Side of the square input in pixels. Default 512. */
  readonly insize?: number;
  /** Names of the classes in the order of the map's channels. Default the 80 of COCO. */
  readonly labelNames?: readonly string[];
  /** The network's outputs by name: the map of the classes, and the distances to the sides. Default `CenterNet.outputs`. */
  readonly outputs?: readonly [peaks: string, sides: string];
}

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
export class CenterNet extends Chain implements DetectionLink {
  /** What the pretrained network calls its outputs. */
  static readonly outputs: readonly [peaks: string, sides: string] = ['tower_0/keypoints', 'tower_0/wh'];
  readonly insize: number;
  readonly labelNames: readonly string[];
  /** Peaks with this score or more are objects. */
  scoreThresh = 0.4;
  /** IoU from which the lower scored of two boxes of a class is dropped; null keeps all. */
  nmsThresh: number | null = 0.45;
  private readonly names: readonly [peaks: string, sides: string];

  /** @param network takes images (B, insize, insize, 3) of 0..255, and gives a record with the two outputs. */
  constructor(
    readonly network: Link & { call(x: tf.Tensor4D): unknown },
    options: CenterNetOptions = {},
  ) {
    super();
    const {
      insize = 512,
      labelNames = cocoBboxLabelNames,
      outputs = CenterNet.outputs,
    } = checkOptions('CenterNet', options, { insize: 'number', labelNames: 'object', outputs: 'object' });
    this.insize = insize;
    this.labelNames = labelNames;
    this.names = outputs;
  }

  /**
   * @param x prepared images (B, insize, insize, 3).
   * @returns scores (B, H, W, classes) and distances to the sides (B, H, W, 4).
   */
  override forward(x: tf.Tensor4D): [peaks: tf.Tensor4D, sides: tf.Tensor4D] {
    const out = this.network.call(x) as Record<string, tf.Tensor4D>;
    const [peaks, sides] = [out[this.names[0]]!, out[this.names[1]]!];
    const shape = [...peaks.shape.slice(0, 3), this.labelNames.length];
    if (shape.some((n, i) => n !== peaks.shape[i]))
      throw new ShapeMismatchError(
        'CenterNet',
        shape,
        peaks.shape,
        'Give as many labelNames as the map has channels.',
      );
    return [peaks, sides];
  }

  /** An image as the network wants it: stretched to its size as TensorFlow does, 0..255. */
  prepare(img: Image): Image<Float32Array> {
    return resize(img, [this.insize, this.insize], { backend: 'tf' });
  }

  /**
   * Finds the objects in images of any sizes, one after the other. Boxes are not clipped to the image; of an image the best come
   * first, a hundred at most. Batch normalization works as in a test, whatever `config.train` says.
   *
   * @param imgs RGB, 0..255: (H, W, 3) tensors, `Image`s, `ImageData`, canvases, image bitmaps. Tensors stay the caller's.
   */
  async predict(
    imgs: readonly ImageSource[],
    options: Pick<PredictOptions, 'nmsThresh' | 'scoreThresh'> = {},
  ): Promise<Predictions> {
    const { nmsThresh = this.nmsThresh, scoreThresh = this.scoreThresh } = checkOptions(
      'CenterNet.predict',
      options,
      {
        nmsThresh: 'number | null',
        scoreThresh: 'number',
      },
    );
    const out: Predictions = { bboxes: [], labels: [], scores: [] };
    for (const source of imgs) {
      const img = await toImage(source);
      await yieldToEventLoop();
      const tensors = usingConfig('train', false, () => tf.tidy(() => this.call(stack([this.prepare(img)]))));
      try {
        const [peaks, sides] = await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
        const [, height, width] = tensors[0].shape;
        const found = this.decode(peaks!, sides!, [height, width], scoreThresh);
        const kept = nmsThresh === null ? found : withoutOverlaps(found, nmsThresh);
        const [y, x] = [img.shape[0] / this.insize, img.shape[1] / this.insize];
        out.bboxes.push(
          Float32Array.from(kept.flatMap(({ box: [t, l, b, r] }) => [t * y, l * x, b * y, r * x])),
        );
        out.labels.push(Int32Array.from(kept, ({ label }) => label));
        out.scores.push(Float32Array.from(kept, ({ score }) => score));
      } finally {
        tf.dispose(tensors);
      }
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
