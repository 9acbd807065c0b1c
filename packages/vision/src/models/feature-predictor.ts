import { Chain, checkOptions, type Link, yieldToEventLoop } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { VisionOptionError } from '../errors.ts';
import { type Image, type ImageSource, toImage } from '../image/index.ts';
import { centerCrop, type ResizeBackend, resize, scale, tenCrop } from '../transforms/index.ts';
import { normalizePixels, stack } from './batch.ts';

/** A network whose features are wanted, e.g. `VGG16`. */
export interface Extractor extends Link {
  readonly mean?: number | readonly number[];
  forward(x: tf.Tensor4D): tf.Tensor | tf.Tensor[];
}

export type Crop = 'center' | '10';

type Size = number | readonly [height: number, width: number];

export interface FeaturePredictorOptions {
  /** Size of the network's input: a side, or [height, width]. */
  readonly cropSize: Size;
  /** A number: the shorter side is scaled to it. [height, width]: stretched to it. Default: not scaled. */
  readonly scaleSize?: Size | null;
  /** The centre (default), or the centre, the four corners and the mirror images of these, averaged. */
  readonly crop?: Crop;
  /** Subtracted from every pixel. Default: the extractor's. */
  readonly mean?: number | readonly number[];
  /** Whose resizing. Default `cv2`. */
  readonly resizeBackend?: ResizeBackend;
}

/** Features of a batch: (B, ...), spatial ones (B, H, W, C). */
export interface FeatureArray {
  readonly data: Float32Array;
  readonly shape: number[];
}

/** Crops that run at once: more would need more memory, and gain little. */
const CROPS_PER_RUN = 16;

/**
 * Features of images of any sizes: scales, crops, subtracts the mean, runs the network, averages over the crops.
 *
 * Chainer counterpart: `chainercv.links.FeaturePredictor`.
 *
 * ```ts
 * const predictor = new FeaturePredictor(vgg, { cropSize: 224, scaleSize: 256 });
 * const prob = await predictor.predict([image]);
 * ```
 */
export class FeaturePredictor<E extends Extractor = Extractor> extends Chain {
  readonly cropSize: readonly [height: number, width: number];
  readonly scaleSize: Size | null;
  readonly crop: Crop;
  readonly mean: number | readonly number[];
  readonly resizeBackend: ResizeBackend;

  /** @throws VisionOptionError for an unknown crop, and when neither the extractor nor the options have a mean. */
  constructor(
    readonly extractor: E,
    options: FeaturePredictorOptions,
  ) {
    super();
    const {
      cropSize,
      scaleSize = null,
      crop = 'center',
      mean = extractor.mean,
      resizeBackend = 'cv2',
    } = checkOptions('FeaturePredictor', options, {
      cropSize: 'any',
      scaleSize: 'any',
      crop: 'any',
      mean: 'any',
      resizeBackend: 'any',
    });
    if (crop !== 'center' && crop !== '10')
      throw new VisionOptionError('FeaturePredictor', 'crop', "'center' or '10'", crop);
    if (mean === undefined) {
      throw new VisionOptionError('FeaturePredictor', 'mean', 'given', mean, 'The extractor has none.');
    }
    this.cropSize = typeof cropSize === 'number' ? [cropSize, cropSize] : cropSize;
    this.scaleSize = scaleSize;
    this.crop = crop;
    this.mean = mean;
    this.resizeBackend = resizeBackend;
  }

  /**
   * The crops of one image as the network wants them.
   * @param img (H, W, C), RGB, 0..255; not changed.
   */
  prepare(img: Image): Image<Float32Array>[] {
    const { scaleSize, cropSize } = this;
    const options = { backend: this.resizeBackend };
    const scaled =
      scaleSize === null
        ? img
        : typeof scaleSize === 'number'
          ? scale(img, scaleSize, options)
          : resize(img, scaleSize, options);
    const crops = this.crop === '10' ? tenCrop(scaled, cropSize) : [centerCrop(scaled, cropSize)];
    return crops.map(({ data, shape }) => ({
      data: normalizePixels(new Float32Array(data), this.mean),
      shape,
    }));
  }

  /** The features of prepared crops. */
  override forward(x: tf.Tensor4D): tf.Tensor | tf.Tensor[] {
    return this.extractor.call(x);
  }

  /**
   * Timers, input and rendering have a turn before each batch.
   * @param imgs RGB, 0..255: (H, W, 3) tensors, `Image`s, `ImageData`, canvases, image bitmaps.
   * @returns the features of all images: one array, or one for each name if the extractor picks several.
   */
  async predict(imgs: readonly ImageSource[]): Promise<FeatureArray | FeatureArray[]> {
    if (imgs.length === 0)
      throw new VisionOptionError('FeaturePredictor.predict', 'imgs', 'one image or more', []);
    const images = await Promise.all(imgs.map((img) => toImage(img)));
    const nCrop = this.crop === '10' ? 10 : 1;
    const perRun = Math.max(1, Math.floor(CROPS_PER_RUN / nCrop));
    const parts: FeatureArray[][] = [];
    let single = true;
    for (let i = 0; i < images.length; i += perRun) {
      await yieldToEventLoop();
      const crops = images.slice(i, i + perRun).flatMap((img) => this.prepare(img));
      const features = this.evaluating(() => {
        const out = this.call(stack(crops));
        single = !Array.isArray(out);
        return [out].flat().map((feature) => averageCrops(feature, nCrop));
      });
      try {
        const data = await Promise.all(features.map((feature) => feature.data<'float32'>()));
        parts.push(features.map(({ shape }, k) => ({ data: data[k]!, shape })));
      } finally {
        tf.dispose(features);
      }
    }
    if (nCrop > 1 && parts[0]!.some(({ shape }) => shape.length === 4)) {
      console.warn(
        'FeaturePredictor: features with rows and columns are averaged over crops that show different places.',
      );
    }
    const whole = parts[0]!.map((_, k) => join(parts.map((part) => part[k]!)));
    return single ? whole[0]! : whole;
  }
}

/** The mean over each image's crops. */
function averageCrops(feature: tf.Tensor, nCrop: number): tf.Tensor {
  if (nCrop === 1) return feature;
  const [n, ...rest] = feature.shape;
  return tf.mean(tf.reshape(feature, [n! / nCrop, nCrop, ...rest]), 1);
}

/** One batch of several. */
function join(parts: readonly FeatureArray[]): FeatureArray {
  if (parts.length === 1) return parts[0]!;
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let offset = 0;
  for (const part of parts) {
    data.set(part.data, offset);
    offset += part.data.length;
  }
  const batch = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
  return { data, shape: [batch, ...parts[0]!.shape.slice(1)] };
}
