import { checkOptions, defaultRandom } from '@chaingrad/core';
import type { Image, PixelData } from '../../../image/image.ts';
import { choice, type Rng } from '../../../rng.ts';
import { type CropParam, crop } from '../../../transforms/image/crop.ts';
import { bboxIou } from '../../../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../../../utils/bbox/detections.ts';

/** Limits of the IoU of the crop with every box; null is no limit. */
export type IouConstraint = readonly [min: number | null, max: number | null];

export interface BboxConstraintsOptions {
  /** Range of the crop's size, as a share of the image's height and width. */
  readonly minScale?: number;
  readonly maxScale?: number;
  /** Of the crop, relative to the image's. */
  readonly maxAspectRatio?: number;
  readonly constraints?: readonly IouConstraint[];
  /** Number of crops that are tried for each constraint. */
  readonly maxTrial?: number;
}

export interface BboxConstraintsParam extends CropParam {
  /** The limits that the crop keeps; null for the whole image. */
  readonly constraint: readonly [min: number, max: number] | null;
}

const SSD_CONSTRAINTS: readonly IouConstraint[] = [
  [0.1, null],
  [0.3, null],
  [0.5, null],
  [0.7, null],
  [0.9, null],
  [null, 1],
];

/**
 * A random crop of an image whose IoU with the boxes is within limits, or the whole image.
 *
 * For each constraint random crops are tried until one keeps it; then one of those found, or the whole image, is drawn.
 * Without boxes the result is the whole image. A crop may be as large as the image (ChainerCV's offsets then fail). Source: Liu et al., SSD
 * (2016). Chainer counterpart: `random_crop_with_bbox_constraints` of `chainercv.links.model.ssd`.
 *
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax); they follow by `cropBbox` with `param`.
 */
export function randomCropWithBboxConstraints<D extends PixelData>(
  img: Image<D>,
  bbox: NumberList,
  options: BboxConstraintsOptions = {},
  rng: Rng = defaultRandom(),
): { img: Image<D>; param: BboxConstraintsParam } {
  const {
    minScale = 0.3,
    maxScale = 1,
    maxAspectRatio = 2,
    constraints = SSD_CONSTRAINTS,
    maxTrial = 50,
  } = checkOptions('randomCropWithBboxConstraints', options, {
    minScale: 'number',
    maxScale: 'number',
    maxAspectRatio: 'number',
    constraints: 'object',
    maxTrial: 'number',
  });
  const [height, width] = img.shape;
  const found: BboxConstraintsParam[] = [{ constraint: null, ySlice: [0, height], xSlice: [0, width] }];
  for (const [min, max] of bbox.length === 0 ? [] : constraints) {
    const constraint = [min ?? 0, max ?? 1] as const;
    for (let trial = 0; trial < maxTrial; trial++) {
      const scale = rng.uniform(minScale, maxScale);
      const aspect = rng.uniform(
        Math.max(1 / maxAspectRatio, scale * scale),
        Math.min(maxAspectRatio, 1 / (scale * scale)),
      );
      const h = Math.max(1, Math.floor((height * scale) / Math.sqrt(aspect)));
      const w = Math.max(1, Math.floor(width * scale * Math.sqrt(aspect)));
      const y = rng.integer(Math.max(1, height - h));
      const x = rng.integer(Math.max(1, width - w));
      const iou = bboxIou(bbox, [y, x, y + h, x + w]);
      if (iou.every((value) => constraint[0] <= value && value <= constraint[1])) {
        found.push({ constraint, ySlice: [y, y + h], xSlice: [x, x + w] });
        break;
      }
    }
  }
  const param = choice(rng, found);
  return { img: param.constraint === null ? img : crop(img, param), param };
}
