import { fromPretrained, type LoadOptions, pretrained, type WeightSource } from '@chaingrad/weights';
import type { ImageSource } from '../../image/index.ts';
import type { Predictions } from '../detection-link.ts';
import { Multibox } from '../ssd/multibox.ts';
import { type InputPreparation, SSD, type SSDPredictOptions } from '../ssd/ssd.ts';
import { tensorflowCells, tensorflowCoder } from './default-boxes.ts';
import { MobileNetV1Extractor512 } from './extractor-v1.ts';

/** The network has a second foreground class, which no face belongs to. */
const CLASSES = 3;
const FACE = 0;

/**
 * A face detector: MobileNetV1 with its batch normalization, six feature maps, scores by sigmoid.
 *
 * The weights are those of npm's @vladmandic/face-api, and the defaults too. Images are padded with black at the bottom and
 * right to a square, so that faces keep their aspect; the input is 512 x 512, RGB scaled to -1..1. Boxes lie where the network
 * puts them: face-api.js moves them by up to a thousandth, as it takes the sides of the resized photo for whole pixels.
 */
export class SSDMobileNetV1Face extends SSD<MobileNetV1Extractor512> {
  static override readonly modelName: string = 'SSDMobileNetV1Face';
  static readonly pretrained = pretrained.SSDMobileNetV1Face;
  static readonly inputShape = [1, 512, 512, 3] as const;

  override labelNames: readonly string[] = pretrained.SSDMobileNetV1Face.face.labelNames;

  constructor() {
    const extractor = new MobileNetV1Extractor512();
    super(extractor, new Multibox(CLASSES, tensorflowCells, { ksize: 1, pad: 0 }), {
      coder: tensorflowCoder(extractor.grids, 'second'),
      scoreFunction: 'sigmoid',
      resizeBackend: 'tf',
    });
    this.scoreThresh = 0.5;
    this.nmsThresh = 0.5;
  }

  /**
   * The face detector with trained weights.
   * @param source 'face' (default): the weights of npm's @vladmandic/face-api, installed or from a CDN; or any source of
   *   weights, e.g. its `ssd_mobilenetv1_model-weights_manifest.json` with the `.bin` file beside it.
   * @throws as `fromPretrained` of @chaingrad/weights.
   */
  static fromPretrained(source?: 'face' | WeightSource, options?: LoadOptions): Promise<SSDMobileNetV1Face> {
    return fromPretrained<object, SSDMobileNetV1Face>(SSDMobileNetV1Face, source, { args: {} }, options);
  }

  override get preparation(): InputPreparation {
    return { fit: 'square', divisor: 127.5, mean: 1 };
  }

  override get nGivenClass(): number {
    return FACE + 1;
  }

  /** Default boxes are fractions of the padded square. */
  override boxScale([height, width]: readonly [height: number, width: number]): [y: number, x: number] {
    const side = Math.max(height, width);
    return [side, side];
  }

  /** Finds faces; every label is 0. */
  override async predict(imgs: readonly ImageSource[], options?: SSDPredictOptions): Promise<Predictions> {
    const { bboxes, labels, scores } = await super.predict(imgs, options);
    const keep = labels.map((label) => label.map((_, i) => i).filter((i) => label[i] === FACE));
    return {
      bboxes: bboxes.map((bbox, n) => bbox.filter((_, i) => labels[n]![Math.floor(i / 4)] === FACE)),
      labels: labels.map((label) => label.filter((l) => l === FACE)),
      scores: scores.map((score, n) => Float32Array.from(keep[n]!, (i) => score[i]!)),
    };
  }
}
