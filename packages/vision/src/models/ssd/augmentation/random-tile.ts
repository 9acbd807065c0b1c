import type { DetectionExample } from '../../../datasets/index.ts';
import type { Rng } from '../../../rng.ts';
import { crop, cropBbox } from '../../../transforms/index.ts';
import { tileShare } from '../tiles.ts';

/** How often the whole image is taken, and how often a tile without looking for an object. */
const WHOLE = 0.15;
const ANYWHERE = 0.15;
/** The side of a tile varies by this factor. */
const JITTER = 1.25;
/** An object of more than this share of a tile is looked at in the whole image. */
const FITS = 0.8;

/**
 * A part of an image as large as one of its tiles, most often around one of its objects, or the whole image: what a detector with
 * `tiles` learns from. An object too large for a tile is shown in the whole image.
 */
export function randomTile(example: DetectionExample, tiles: number, rng: Rng): DetectionExample {
  const { img, bbox, label, difficult } = example;
  const objects = [...label.keys()].filter((i) => difficult[i] !== 1);
  const kind = rng.uniform(0, 1);
  if (tiles === 1 || kind < WHOLE) return example;
  const share = Math.min(1, tileShare(tiles) * JITTER ** rng.uniform(-1, 1));
  const wanted =
    objects.length === 0 || kind < WHOLE + ANYWHERE ? null : objects[rng.integer(objects.length)]!;
  const slices = [0, 1].map((axis) => {
    const length = img.shape[axis]!;
    const side = Math.max(1, Math.round(length * share));
    let [first, last] = [0, length - side];
    if (wanted !== null) {
      const [low, high] = [bbox[4 * wanted + axis]!, bbox[4 * wanted + 2 + axis]!];
      if (high - low > FITS * side) return null;
      first = Math.max(first, Math.ceil(high) - side);
      last = Math.min(last, Math.floor(low));
    }
    const start = first + rng.integer(Math.max(1, last - first + 1));
    return [Math.min(start, length - side), Math.min(start, length - side) + side] as const;
  });
  const [ySlice, xSlice] = slices;
  if (!ySlice || !xSlice) return example;
  const kept = cropBbox(bbox, { ySlice, xSlice, allowOutsideCenter: false });
  return {
    img: crop(img, { ySlice, xSlice }),
    bbox: kept.bbox,
    label: kept.index.map((i) => label[i]!),
    difficult: Uint8Array.from(kept.index, (i) => difficult[i]!),
  };
}
