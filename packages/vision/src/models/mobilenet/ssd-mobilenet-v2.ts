import { checkOptions } from '@chaingrad/core';
import { fromPretrained, type LoadOptions, pretrained, type WeightSource } from '@chaingrad/weights';
import { VisionOptionError } from '../../errors.ts';
import { toldByFile } from '../ssd/about.ts';
import { Multibox } from '../ssd/multibox.ts';
import type { ScoreFunction } from '../ssd/multibox-coder.ts';
import { type InputPreparation, SSD } from '../ssd/ssd.ts';
import { tensorflowCells, tensorflowCoder } from './default-boxes.ts';
import { MobileNetV2Extractor } from './extractor-v2.ts';

/** Side of the input that the pretrained weights were made for. */
const INSIZE = 300;

export interface SSDMobileNetV2Options {
  /** Classes without the background. */
  readonly nFgClass: number;
  /** How class outputs become scores. Default 'sigmoid', as its pretrained heads; new heads may be trained for 'softmax'. */
  readonly scoreFunction?: ScoreFunction;
  /** Side of the input in pixels, 128 or more. Default 300, for which its weights were made; a larger one sees smaller things. */
  readonly insize?: number;
}

export interface PretrainedSSDMobileNetV2Options extends LoadOptions, Partial<SSDMobileNetV2Options> {}

/**
 * A light SSD: MobileNetV2 and six feature maps, scores by sigmoid; 4.95 million parameters for 23 classes.
 *
 * With the weights of MediaPipe Objectron's first stage it detects 23 classes of Open Images V4 (cat, person, chair, ...).
 * Children are `extractor` and `multibox`; the input is 300 x 300 by default, RGB scaled to -1..1.
 */
export class SSDMobileNetV2 extends SSD<MobileNetV2Extractor> {
  static override readonly modelName: string = 'SSDMobileNetV2';
  static readonly pretrained = pretrained.SSDMobileNetV2;
  static readonly inputShape = [1, 300, 300, 3] as const;

  /** @throws VisionOptionError without a positive number of classes. */
  constructor(options: SSDMobileNetV2Options) {
    const {
      nFgClass,
      scoreFunction = 'sigmoid',
      insize = INSIZE,
    } = checkOptions('SSDMobileNetV2', options, {
      nFgClass: 'any',
      scoreFunction: ['softmax', 'sigmoid'],
      insize: 'number',
    });
    if (!Number.isInteger(nFgClass) || nFgClass < 1) {
      throw new VisionOptionError('SSDMobileNetV2', 'nFgClass', 'a positive integer', nFgClass);
    }
    if (!Number.isInteger(insize) || insize < 128) {
      throw new VisionOptionError('SSDMobileNetV2', 'insize', 'a whole number of 128 or more', insize);
    }
    const extractor = new MobileNetV2Extractor(insize);
    super(extractor, new Multibox(nFgClass + 1, tensorflowCells, { ksize: 1, pad: 0 }), {
      coder: tensorflowCoder(extractor.grids, 'last', insize / INSIZE),
      scoreFunction,
    });
    this.scoreThresh = 0.5;
  }

  /**
   * A detector with trained weights and its `labelNames`.
   *
   * ```ts
   * const detector = await SSDMobileNetV2.fromPretrained();                 // 23 classes of Open Images
   * const own = await SSDMobileNetV2.fromPretrained('run/best.npz');        // a fine-tuned one, with its classes
   * ```
   *
   * @param source 'oid': the weights of npm's @mediapipe/objectron, installed or from a CDN; or any source of weights.
   * @throws as `fromPretrained` of @chaingrad/weights.
   */
  static fromPretrained(
    source?: 'oid' | WeightSource,
    options?: PretrainedSSDMobileNetV2Options,
  ): Promise<SSDMobileNetV2> {
    const args = { nFgClass: 'any', scoreFunction: ['softmax', 'sigmoid'], insize: 'number' } as const;
    return fromPretrained(
      SSDMobileNetV2,
      source,
      { args, defaults: { scoreFunction: 'sigmoid', insize: INSIZE }, told: toldByFile },
      options,
    );
  }

  override get preparation(): InputPreparation {
    return { fit: 'stretch', divisor: 127.5, mean: 1 };
  }

  /** Default boxes are fractions of the sides. */
  override boxScale([height, width]: readonly [height: number, width: number]): [y: number, x: number] {
    return [height, width];
  }
}
