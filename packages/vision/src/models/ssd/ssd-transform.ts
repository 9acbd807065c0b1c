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
  const { insize } = model;
  const fill = model.mean;
  const size = [insize, insize] as const;
  const scale = model.boxScale(size);
  return (given) => {
    const example = randomTile(given, model.tiles, rng);
    const { img, bbox, label } =
      augment === null
        ? plain(example, size)
        : ssdAugment(example, { fill: fill as number | number[], ...augment, size }, rng);
    const units = bbox.map((value, k) => value / scale[k % 2]!);
    const { mbLoc, mbLabel } = model.coder.encode(units, label, iouThresh);
    return { img: model.prepare(img), mbLoc, mbLabel };
  };
}

function plain({ img, bbox, label, difficult }: DetectionExample, size: readonly [number, number]) {
  const easy = Array.from(label, (_, i) => i).filter((i) => difficult[i] !== 1);
  const boxes = easy.flatMap((i) => [...bbox.subarray(4 * i, 4 * i + 4)]);
  const [height, width] = img.shape;
  return { img, bbox: resizeBbox(boxes, [height, width], size), label: easy.map((i) => label[i]!) };
}
