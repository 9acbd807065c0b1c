import { VisionOptionError } from '../../errors.ts';

/** The layout of an SSD's default boxes (anchors, prior boxes): one entry a feature map. Lengths are in pixels of the network's input. */
export interface MultiboxGrid {
  /** Cells along a side of each feature map. */
  readonly grids: readonly number[];
  /** Ratios other than 1 of each feature map; every ratio stands for a wide and a tall box. */
  readonly aspectRatios: readonly (readonly number[])[];
  /** Stride of each feature map: the distance between neighbouring cells. */
  readonly steps: readonly number[];
  /** Side of the square box of each feature map, and one more. */
  readonly sizes: readonly number[];
}

/**
 * The default boxes of an SSD: for every feature map, row and column the square of side s, the square of side
 * sqrt(s * next s), then for each aspect ratio a the wide (s / sqrt(a), s * sqrt(a)) and the tall box.
 *
 * Boxes are not clipped to the image. Source: Liu et al., SSD (2016), in the order of ChainerCV's `MultiboxCoder`.
 *
 * @returns K rows of (centre y, centre x, height, width), float64 as in ChainerCV.
 * @throws VisionOptionError if the lists do not have one entry a feature map (`sizes`: one more).
 */
export function defaultBbox({ grids, aspectRatios, steps, sizes }: MultiboxGrid): Float64Array {
  const check = (option: string, list: readonly unknown[], length: number) => {
    if (list.length !== length) {
      throw new VisionOptionError(
        'MultiboxCoder',
        option,
        `of length ${length} for ${grids.length} feature maps`,
        list,
        `It has length ${list.length}.`,
      );
    }
  };
  check('aspectRatios', aspectRatios, grids.length);
  check('steps', steps, grids.length);
  check('sizes', sizes, grids.length + 1);

  const rows: number[] = [];
  grids.forEach((grid, k) => {
    const s = sizes[k]!;
    const between = Math.sqrt(s * sizes[k + 1]!);
    const shapes = [
      [s, s],
      [between, between],
    ];
    for (const a of aspectRatios[k]!) {
      const root = Math.sqrt(a);
      shapes.push([s / root, s * root], [s * root, s / root]);
    }
    for (let v = 0; v < grid; v++) {
      for (let u = 0; u < grid; u++) {
        for (const [h, w] of shapes) rows.push((v + 0.5) * steps[k]!, (u + 0.5) * steps[k]!, h!, w!);
      }
    }
  });
  return Float64Array.from(rows);
}
