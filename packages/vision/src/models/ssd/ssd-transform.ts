import { checkOptions, defaultRandom } from '@chaingrad/core';
import type { DetectionExample } from '../../datasets/index.ts';
import type { Image } from '../../image/index.ts';
import type { Rng } from '../../rng.ts';
import { resizeBbox } from '../../transforms/index.ts';
import { randomTile } from './augmentation/random-tile.ts';
import { augmentKinds, type SSDAugmentOptions, ssdAugment } from './augmentation/ssd-augment.ts';
import type { SSD } from './ssd.ts';

/** A training example of an SSD: the image as the network takes it, and the targets of its default boxes. */
export interface SSDTrainExample {
  /** (insize, insize, 3), prepared by the model. */
  readonly img: Image<Float32Array>;
  /** K * 4 offsets. */
  readonly mbLoc: Float32Array;
  /** K labels, 0 for background. */
  readonly mbLabel: Int32Array;
}

export interface SSDTransformOptions {
  /** Data augmentation; null leaves images as they are. */
  readonly augment?: Omit<SSDAugmentOptions, 'size'> | null;
  /** IoU from which a default box is positive. Default 0.5; lower finds more of small things. */
  readonly iouThresh?: number;
  readonly rng?: Rng;
}

/** What of a training example is made of the picture alone. Cloneable, so that a worker thread may be told it. */
export interface SSDPicturing {
  /** Height and width of the network's input. */
  readonly size: readonly [height: number, width: number];
  /** The model's, tiles along a side of an image. */
  readonly tiles: number;
  /** Data augmentation, with the colour around an image made smaller; null leaves images as they are. */
  readonly augment: Omit<SSDAugmentOptions, 'size'> | null;
}

/**
 * The first half of `ssdTransform`: takes a tile where the model looks at tiles, and augments it. It needs no model, so that a worker
 * thread can do it, and takes most of the time.
 *
 * ```ts
 * // augment.ts, given to `PrefetchIterator` as `worker`, with `workerData` the picturing
 * serveExamples((example, { rng, data }) => ssdPicture(example, data, rng));
 * ```
 *
 * @param given an example of a detection data set.
 * @param picturing the size, tiles and augmentation.
 * @param rng its draws decide everything.
 */
export function ssdPicture(
  given: DetectionExample,
  { size, tiles, augment }: SSDPicturing,
  rng: Rng = defaultRandom(),
): DetectionExample {
  const example = randomTile(given, tiles, rng);
  return augment === null ? plain(example, size) : ssdAugment(example, { ...augment, size }, rng);
}

/**
 * The second half of `ssdTransform`: the image as the model takes it, and its boxes as the targets of the default boxes.
 *
 * @param model its size, preparation and default boxes count.
 * @param options iouThresh, the IoU from which a default box is positive. Default 0.5.
 */
export function ssdTargets(
  model: SSD,
  options: Pick<SSDTransformOptions, 'iouThresh'> = {},
): (example: DetectionExample) => SSDTrainExample {
  const { iouThresh = 0.5 } = checkOptions('ssdTargets', options, { iouThresh: 'number' });
  const { insize } = model;
  const scale = model.boxScale([insize, insize]);
  return ({ img, bbox, label }) => {
    const units = Array.from(bbox, (value, k) => value / scale[k % 2]!);
    const { mbLoc, mbLabel } = model.coder.encode(units, label, iouThresh);
    return { img: model.prepare(img), mbLoc, mbLabel };
  };
}

/**
 * Makes training examples of annotated images: takes a tile where the model looks at tiles, augments it, preprocesses them as the model does and encodes their boxes.
 *
 * Chainer counterpart: `Transform` of ChainerCV's example `ssd/train.py`.
 *
 * ```ts
 * const transform = ssdTransform(model, { rng: new Random(0) });
 * const { img, mbLoc, mbLabel } = transform(await dataset.get(0));
 * ```
 */
export function ssdTransform(
  model: SSD,
  options: SSDTransformOptions = {},
): (example: DetectionExample) => SSDTrainExample {
  const {
    augment = {},
    iouThresh = 0.5,
    rng = defaultRandom(),
  } = checkOptions('ssdTransform', options, { augment: 'object | null', iouThresh: 'number', rng: 'object' });
  if (augment !== null) checkOptions('ssdTransform augment', augment, augmentKinds);
  const { insize, tiles } = model;
  const fill = model.mean as number | number[];
  const picturing = { size: [insize, insize] as const, tiles, augment: augment && { fill, ...augment } };
  const targets = ssdTargets(model, { iouThresh });
  return (example) => targets(ssdPicture(example, picturing, rng));
}

function plain(
  { img, bbox, label, difficult }: DetectionExample,
  size: readonly [number, number],
): DetectionExample {
  const easy = Array.from(label, (_, i) => i).filter((i) => difficult[i] !== 1);
  const boxes = easy.flatMap((i) => [...bbox.subarray(4 * i, 4 * i + 4)]);
  const [height, width] = img.shape;
  return {
    img,
    bbox: resizeBbox(boxes, [height, width], size),
    label: Int32Array.from(easy, (i) => label[i]!),
    difficult: new Uint8Array(easy.length),
  };
}
