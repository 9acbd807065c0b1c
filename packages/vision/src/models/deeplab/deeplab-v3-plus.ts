import {
  type BatchNormalizationLinkOptions,
  Chain,
  checkOptions,
  InvalidArgumentError,
  type Link,
  type OptionKinds,
  pickOptions,
  resizeImages,
  softmax,
} from '@chaingrad/core';
import {
  type DeepLabParam,
  fromPretrained,
  type LoadOptions,
  pretrained,
  type WeightSource,
} from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import type { Image, ImageSource } from '../../image/index.ts';
import { flip as flipImage, resize } from '../../transforms/index.ts';
import type { LabelMap } from '../../utils/mask/label-map.ts';
import { stack } from '../batch.ts';
import { readAll } from '../detector.ts';
import { classesOf } from '../fg-class.ts';
import { type SegmentationLink, segmentEach } from '../segmentation-link.ts';
import { toldClasses } from '../told-classes.ts';
import { SeparableASPP } from './aspp.ts';
import { Decoder } from './decoder.ts';
import { Xception65 } from './xception.ts';

/** A network that gives a fine map and a coarse one. */
export interface DeepLabExtractor extends Link {
  /** RGB, 0..255: what images are padded with. */
  readonly mean: readonly [number, number, number];
  forward(x: tf.Tensor4D): [lowlevel: tf.Tensor4D, highlevel: tf.Tensor4D];
}

export interface DeepLabV3plusOptions {
  /** Height and width that smaller images are padded to. Default 513 and 513. */
  readonly minInputSize?: readonly [height: number, width: number];
  /** Sizes of the image at which it is looked at: the probabilities are averaged. Default the image's own, 1. */
  readonly scales?: readonly number[];
  /** Whether the image is looked at from left to right, too. Default false. */
  readonly flip?: boolean;
}

export interface DeepLabV3plusXception65Options extends DeepLabV3plusOptions {
  /** Classes. */
  readonly nClass: number;
}

export interface PretrainedDeepLabV3plusOptions
  extends LoadOptions,
    Partial<DeepLabV3plusXception65Options> {}

const kinds: OptionKinds<DeepLabV3plusOptions> = {
  minInputSize: 'object',
  scales: 'object',
  flip: 'boolean',
};
const xceptionKinds: OptionKinds<DeepLabV3plusXception65Options> = { ...kinds, nClass: 'any' };

/**
 * Gives every pixel a class: features at two scales, the coarse ones with their wide surroundings. Children: feature_extractor,
 * aspp, decoder.
 *
 * Source: Chen et al., DeepLab v3+ (2018). Chainer counterpart: `chainercv.links.model.deeplab.DeepLabV3plus`.
 */
export class DeepLabV3plus<E extends DeepLabExtractor = DeepLabExtractor>
  extends Chain
  implements SegmentationLink
{
  readonly minInputSize: readonly [height: number, width: number];
  readonly scales: readonly number[];
  readonly flip: boolean;
  /** Names of the classes in the order of the labels, where the weights came with some. */
  labelNames: readonly string[] | null = null;

  /** @throws InvalidArgumentError where no scale is given, or one that is not positive. */
  constructor(
    readonly feature_extractor: E,
    readonly aspp: SeparableASPP,
    readonly decoder: Decoder,
    options: DeepLabV3plusOptions = {},
  ) {
    super();
    const {
      minInputSize = [513, 513],
      scales = [1],
      flip = false,
    } = checkOptions('DeepLabV3plus', options, kinds);
    if (scales.length === 0 || !scales.every((scale) => scale > 0))
      throw new InvalidArgumentError('DeepLabV3plus scales', 'positive numbers, one at least', scales);
    this.minInputSize = minInputSize;
    this.scales = scales;
    this.flip = flip;
  }

  /** @param x prepared images (N, H, W, 3). @returns scores (N, H', W', nClass) of a quarter of the sides. */
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    const [lowlevel, highlevel] = this.feature_extractor.call(x);
    return this.decoder.call(lowlevel, this.aspp.call(highlevel));
  }

  /**
   * An image as the network wants it: -1..1, with the mean pixel at the bottom and right where it is too small.
   * @param img (H, W, 3), RGB, 0..255.
   */
  prepare(img: Image): Image<Float32Array> {
    const [height, width] = img.shape;
    const shape = [Math.max(this.minInputSize[0], height), Math.max(this.minInputSize[1], width), 3] as const;
    const { mean } = this.feature_extractor;
    const data = Float32Array.from({ length: shape[0] * shape[1] * 3 }, (_, i) => mean[i % 3]! / 127.5 - 1);
    for (let y = 0; y < height; y++) {
      for (let i = 0; i < width * 3; i++)
        data[y * shape[1] * 3 + i] = img.data[y * width * 3 + i]! / 127.5 - 1;
    }
    return { data, shape };
  }

  /**
   * The classes of the pixels of images of any sizes. Timers, input and rendering have a turn before each image.
   * @param imgs RGB, 0..255: (H, W, 3) tensors, `Image`s, `ImageData`, canvases, image bitmaps. Tensors stay the caller's.
   */
  predict(imgs: readonly ImageSource[]): Promise<LabelMap[]> {
    return segmentEach(imgs, (img) => this.probabilities(img));
  }

  /**
   * The mean probabilities of the classes, (H, W, nClass), over the scales, and the mirror images where `flip` is on.
   * @param img (H, W, 3), RGB, 0..255.
   */
  async probabilities(img: Image): Promise<Image<Float32Array>> {
    const views = this.scales.flatMap((scale) =>
      this.flip
        ? [
            { scale, mirror: false },
            { scale, mirror: true },
          ]
        : [{ scale, mirror: false }],
    );
    let sum: Image<Float32Array> | null = null;
    for (const { scale, mirror } of views) {
      const found = await this.look(img, scale, mirror);
      if (sum === null) sum = found;
      else for (let i = 0; i < found.data.length; i++) sum.data[i]! += found.data[i]!;
    }
    const { data, shape } = sum!;
    return { data: data.map((value) => value / views.length), shape };
  }

  private async look(img: Image, scale: number, mirror: boolean): Promise<Image<Float32Array>> {
    const seen = mirror ? flipImage(img, { xFlip: true }) : img;
    const [height, width] = img.shape;
    const [h, w] = scale === 1 ? [height, width] : [Math.trunc(height * scale), Math.trunc(width * scale)];
    const prepared = this.prepare(scale === 1 ? seen : resize(seen, [h, w], { backend: 'cv2' }));
    const x = stack([prepared]);
    const scores = this.evaluating(() => {
      const large = resizeImages(softmax(this.call(x)), [prepared.shape[0], prepared.shape[1]]);
      return tf.slice(large, [0, 0, 0, 0], [1, h, w, large.shape[3]]);
    });
    x.dispose();
    const nClass = scores.shape[3];
    const [data] = await readAll([scores]);
    const own = resize({ data: data!, shape: [h, w, nClass] }, [height, width], { backend: 'cv2' });
    return mirror ? flipImage(own, { xFlip: true }) : own;
  }
}

/** ... of every batch normalization behind the extractor. */
const bn: BatchNormalizationLinkOptions = { decay: 0.9997, eps: 1e-5 };

/**
 * DeepLab v3+ with Xception-65. Chainer counterpart: `chainercv.links.DeepLabV3plusXception65`.
 *
 * ```ts
 * const model = await DeepLabV3plusXception65.fromPretrained('voc');
 * const [label] = await model.predict([image]);       // { data: Int32Array, shape: [height, width] }
 * ```
 */
export class DeepLabV3plusXception65 extends DeepLabV3plus<Xception65> {
  static readonly modelName: string = 'DeepLabV3plusXception65';
  static readonly pretrained = pretrained.DeepLabV3plusXception65;
  static readonly inputShape = [1, 65, 65, 3] as const;
  readonly nClass: number;

  constructor(options: DeepLabV3plusXception65Options) {
    checkOptions('DeepLabV3plusXception65', options, xceptionKinds);
    const nClass = classesOf('DeepLabV3plusXception65', options);
    super(
      new Xception65({ bn: { decay: 0.9997, eps: 1e-3 } }),
      new SeparableASPP(2048, 256, { bn }),
      new Decoder(256, nClass, 48, 256, { bn }),
      pickOptions(options, kinds),
    );
    this.nClass = nClass;
  }

  /**
   * A DeepLab with trained weights.
   * @param source 'voc' (default; 21 classes with the background), 'cityscapes' or 'ade20k', of which Chainer's cache is used in
   *   Node, or any source of weights: a file tells its number of classes.
   * @throws PretrainedArgumentError when nClass is missing, or an argument is not the one that the weights are made for;
   *   MismatchError, DownloadError, SourceError when they cannot be loaded.
   */
  static fromPretrained(
    source?: 'voc' | 'cityscapes' | 'ade20k' | WeightSource,
    options: PretrainedDeepLabV3plusOptions = {},
  ): Promise<DeepLabV3plusXception65> {
    const args = { nClass: 'any', minInputSize: 'any', scales: 'any', flip: 'any' } as const;
    const defaults = { minInputSize: [513, 513], scales: [1], flip: false } as const;
    const told = toldClasses('decoder/conv_logits/b');
    return fromPretrained<DeepLabParam, DeepLabV3plusXception65>(
      DeepLabV3plusXception65,
      source,
      { args, defaults, told },
      options,
    );
  }
}
