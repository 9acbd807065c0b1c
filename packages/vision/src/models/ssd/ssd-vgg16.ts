import { checkOptions } from '@chaingrad/core';
import { fromPretrained, type LoadOptions, pretrained, type WeightSource } from '@chaingrad/weights';
import { fgClassOf, otherFgClassNames } from '../fg-class.ts';
import { toldByFile } from './about.ts';
import { Multibox } from './multibox.ts';
import { SSD } from './ssd.ts';
import { VGG16Extractor300, VGG16Extractor512 } from './vgg16-extractor.ts';

export interface SSDVGG16Options {
  /** Classes without the background. */
  readonly nFgClass: number;
}

export interface PretrainedSSDOptions extends LoadOptions, Partial<SSDVGG16Options> {}

/** Mean of the training images, RGB. */
const MEAN = [123, 117, 104] as const;

function heads(
  name: 'SSD300' | 'SSD512',
  options: SSDVGG16Options | undefined,
  aspectRatios: readonly number[][],
): Multibox {
  checkOptions<Partial<SSDVGG16Options>>(name, options ?? {}, { nFgClass: 'any' }, otherFgClassNames);
  return new Multibox(fgClassOf(name, options) + 1, aspectRatios);
}

/**
 * SSD on VGG-16 for images of 300 x 300: 8732 default boxes.
 *
 * Source: Liu et al., SSD (2016). Chainer counterpart: `chainercv.links.SSD300`.
 */
export class SSD300 extends SSD<VGG16Extractor300> {
  static override readonly modelName: string = 'SSD300';
  static readonly pretrained = pretrained.SSD300;
  static readonly inputShape = [1, 300, 300, 3] as const;

  /** @throws PretrainedArgumentError without `nFgClass`; VisionOptionError unless it is a positive whole number. */
  constructor(options: SSDVGG16Options) {
    // First, so that nothing is made when it fails.
    const multibox = heads('SSD300', options, [[2], [2, 3], [2, 3], [2, 3], [2], [2]]);
    super(new VGG16Extractor300(), multibox, {
      steps: [8, 16, 32, 64, 100, 300],
      sizes: [30, 60, 111, 162, 213, 264, 315],
      mean: MEAN,
    });
  }

  /**
   * SSD300 with trained weights.
   *
   * ```ts
   * const detector = await SSD300.fromPretrained('voc0712');                        // 20 classes of Pascal VOC
   * const start = await SSD300.fromPretrained('imagenet', { nFgClass: 3 });         // only the VGG part is trained
   * const own = await SSD300.fromPretrained('./mine.npz', { nFgClass: 3 });
   * ```
   *
   * 'voc0712' must fit whole. Elsewhere names that only the file or only the model has are left alone, as in ChainerCV, with a
   * warning if the file is one's own.
   *
   * @param source 'voc0712' (default) or 'imagenet' (Chainer's cache is used, in Node), or any source of weights.
   * @throws PretrainedArgumentError when nFgClass is missing, or is not the one that the weights are made for; MismatchError,
   *   DownloadError, SourceError when they cannot be loaded.
   */
  static fromPretrained(
    source?: 'voc0712' | 'imagenet' | WeightSource,
    options?: PretrainedSSDOptions,
  ): Promise<SSD300> {
    return fromPretrained(
      SSD300,
      source,
      { args: { nFgClass: 'any' }, told: toldByFile, match: 'common' },
      options,
    );
  }
}

/**
 * SSD on VGG-16 for images of 512 x 512: 24564 default boxes.
 *
 * Source: Liu et al., SSD (2016). Chainer counterpart: `chainercv.links.SSD512`.
 */
export class SSD512 extends SSD<VGG16Extractor512> {
  static override readonly modelName: string = 'SSD512';
  static readonly pretrained = pretrained.SSD512;
  static readonly inputShape = [1, 512, 512, 3] as const;

  /** @throws PretrainedArgumentError without `nFgClass`; VisionOptionError unless it is a positive whole number. */
  constructor(options: SSDVGG16Options) {
    const multibox = heads('SSD512', options, [[2], [2, 3], [2, 3], [2, 3], [2, 3], [2], [2]]);
    super(new VGG16Extractor512(), multibox, {
      steps: [8, 16, 32, 64, 128, 256, 512],
      sizes: [35.84, 76.8, 153.6, 230.4, 307.2, 384, 460.8, 537.6],
      mean: MEAN,
    });
  }

  /**
   * SSD512 with trained weights.
   *
   * ```ts
   * const detector = await SSD512.fromPretrained('voc0712');                        // 20 classes of Pascal VOC
   * const start = await SSD512.fromPretrained('imagenet', { nFgClass: 3 });         // only the VGG part is trained
   * const own = await SSD512.fromPretrained('./mine.npz', { nFgClass: 3 });
   * ```
   *
   * 'voc0712' must fit whole. Elsewhere names that only the file or only the model has are left alone, as in ChainerCV, with a
   * warning if the file is one's own.
   *
   * @param source 'voc0712' (default) or 'imagenet' (Chainer's cache is used, in Node), or any source of weights.
   * @throws PretrainedArgumentError when nFgClass is missing, or is not the one that the weights are made for; MismatchError,
   *   DownloadError, SourceError when they cannot be loaded.
   */
  static fromPretrained(
    source?: 'voc0712' | 'imagenet' | WeightSource,
    options?: PretrainedSSDOptions,
  ): Promise<SSD512> {
    return fromPretrained(
      SSD512,
      source,
      { args: { nFgClass: 'any' }, told: toldByFile, match: 'common' },
      options,
    );
  }
}
