import {
  BatchNormalization,
  Chain,
  Convolution2D,
  callNormalized,
  checkOptions,
  HeNormal,
  type InitializerLike,
  localResponseNormalization,
  maxPooling2D,
  maxPooling2DIndices,
  relu,
  upsampling2D,
} from '@chaingrad/core';
import { fromPretrained, type LoadOptions, pretrained, type WeightSource } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import type { ImageSource } from '../../image/index.ts';
import { resize } from '../../transforms/index.ts';
import type { LabelMap } from '../../utils/mask/label-map.ts';
import { stack } from '../batch.ts';
import { readAll } from '../detector.ts';
import { classesOf } from '../fg-class.ts';
import { type SegmentationLink, segmentEach } from '../segmentation-link.ts';
import { toldClasses } from '../told-classes.ts';

export interface SegNetBasicOptions {
  /** Classes. */
  readonly nClass: number;
  /** Initial kernels. Default `HeNormal`. */
  readonly initialW?: InitializerLike;
}

export interface PretrainedSegNetBasicOptions
  extends LoadOptions,
    Partial<Pick<SegNetBasicOptions, 'nClass'>> {}

const WIDTH = 64;
const window = { ksize: 2 } as const;

/** What was pooled, and where it came from. */
const pool = (x: tf.Tensor4D) => [maxPooling2D(x, window), maxPooling2DIndices(x, window)] as const;

/** Values back at the places they were pooled from; of maps of different sizes what both have. */
function unpool(x: tf.Tensor4D, places: tf.Tensor4D): tf.Tensor4D {
  const [height, width] = [1, 2].map((axis) => Math.min(x.shape[axis]!, places.shape[axis]!)) as [
    number,
    number,
  ];
  const cut = (t: tf.Tensor4D): tf.Tensor4D =>
    t.shape[1] === height && t.shape[2] === width
      ? t
      : tf.slice(t, [0, 0, 0, 0], [t.shape[0], height, width, t.shape[3]]);
  return upsampling2D(cut(x), cut(places), { ...window, outsize: [2 * height, 2 * width] });
}

/**
 * Gives every pixel a class: four convolutions with pooling, and four that put values back to where they were pooled from.
 * Children: conv1, conv1_bn, ..., conv_decode1_bn, conv_classifier.
 *
 * Input is (N, H, W, 3), RGB, 0..255; output is (N, H', W', nClass) scores, where the sides are rounded up to even numbers.
 * Source: Badrinarayanan et al., SegNet (2015). Chainer counterpart: `chainercv.links.SegNetBasic`.
 */
export class SegNetBasic extends Chain implements SegmentationLink {
  static readonly modelName: string = 'SegNetBasic';
  static readonly pretrained = pretrained.SegNetBasic;
  static readonly inputShape = [1, 32, 32, 3] as const;

  readonly conv1: Convolution2D;
  readonly conv1_bn = normalization();
  readonly conv2: Convolution2D;
  readonly conv2_bn = normalization();
  readonly conv3: Convolution2D;
  readonly conv3_bn = normalization();
  readonly conv4: Convolution2D;
  readonly conv4_bn = normalization();
  readonly conv_decode4: Convolution2D;
  readonly conv_decode4_bn = normalization();
  readonly conv_decode3: Convolution2D;
  readonly conv_decode3_bn = normalization();
  readonly conv_decode2: Convolution2D;
  readonly conv_decode2_bn = normalization();
  readonly conv_decode1: Convolution2D;
  readonly conv_decode1_bn = normalization();
  readonly conv_classifier: Convolution2D;
  readonly nClass: number;
  /** Names of the classes in the order of the labels, where the weights came with some. */
  labelNames: readonly string[] | null = null;

  constructor(options: SegNetBasicOptions) {
    super();
    const { initialW = new HeNormal() } = checkOptions('SegNetBasic', options, {
      nClass: 'any',
      initialW: 'any',
    });
    const convolution = (inChannels: number | null) =>
      new Convolution2D(inChannels, WIDTH, 7, { pad: 3, nobias: true, initialW });
    const nClass = classesOf('SegNetBasic', options);
    this.nClass = nClass;
    this.conv1 = convolution(null);
    this.conv2 = convolution(WIDTH);
    this.conv3 = convolution(WIDTH);
    this.conv4 = convolution(WIDTH);
    this.conv_decode4 = convolution(WIDTH);
    this.conv_decode3 = convolution(WIDTH);
    this.conv_decode2 = convolution(WIDTH);
    this.conv_decode1 = convolution(WIDTH);
    this.conv_classifier = new Convolution2D(WIDTH, nClass, 1, { initialW });
  }

  /**
   * A SegNet with trained weights.
   * @param source 'camvid' (default; Chainer's cache is used, in Node), or any source of weights: a file tells its number of classes.
   * @throws PretrainedArgumentError when nClass is missing, or is not the one that the weights are made for; MismatchError,
   *   DownloadError, SourceError when they cannot be loaded.
   */
  static fromPretrained(
    source?: 'camvid' | WeightSource,
    options: PretrainedSegNetBasicOptions = {},
  ): Promise<SegNetBasic> {
    const spec = { args: { nClass: 'any' }, told: toldClasses('conv_classifier/b') } as const;
    return fromPretrained<{ nClass: number }, SegNetBasic>(SegNetBasic, source, spec, options);
  }

  /** @param x (N, H, W, 3). @returns (N, H', W', nClass). */
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    const normalized = localResponseNormalization(x, { n: 5, k: 1, alpha: 1e-4 / 5, beta: 0.75 });
    const [h1, places1] = pool(callNormalized(this.conv1, this.conv1_bn, relu, normalized));
    const [h2, places2] = pool(callNormalized(this.conv2, this.conv2_bn, relu, h1));
    const [h3, places3] = pool(callNormalized(this.conv3, this.conv3_bn, relu, h2));
    const [h4, places4] = pool(callNormalized(this.conv4, this.conv4_bn, relu, h3));
    const d4 = callNormalized(this.conv_decode4, this.conv_decode4_bn, null, unpool(h4, places4));
    const d3 = callNormalized(this.conv_decode3, this.conv_decode3_bn, null, unpool(d4, places3));
    const d2 = callNormalized(this.conv_decode2, this.conv_decode2_bn, null, unpool(d3, places2));
    const d1 = callNormalized(this.conv_decode1, this.conv_decode1_bn, null, unpool(d2, places1));
    return this.conv_classifier.call(d1);
  }

  /**
   * The classes of the pixels of images of any sizes. Timers, input and rendering have a turn before each image.
   * @param imgs RGB, 0..255: (H, W, 3) tensors, `Image`s, `ImageData`, canvases, image bitmaps. Tensors stay the caller's.
   */
  predict(imgs: readonly ImageSource[]): Promise<LabelMap[]> {
    return segmentEach(imgs, async ({ data, shape }) => {
      const x = stack([{ data: new Float32Array(data), shape }]);
      const score = this.evaluating(() => this.call(x));
      x.dispose();
      const [, height, width] = score.shape;
      const [values] = await readAll([score]);
      return resize({ data: values!, shape: [height, width, this.nClass] }, [shape[0], shape[1]], {
        backend: 'cv2',
      });
    });
  }
}

function normalization(): BatchNormalization {
  return new BatchNormalization(WIDTH, { initialBeta: 0.001 });
}
