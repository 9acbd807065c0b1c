/**
 * The default boxes of TensorFlow's object detection SSDs, in fractions of the image's sides.
 * Scale k of 6 is 0.2 + 0.15 k; the square between two scales has the side sqrt(s_k * s_(k+1)), s_6 = 1.
 *
 * With a larger input the smallest boxes keep their size in pixels, which is what the layers before have learnt to see; the
 * largest cover the image, and those between are spaced evenly.
 */
import { MultiboxCoder } from '../ssd/multibox-coder.ts';

/**
 * @param grids cells along a side of each of the six feature maps.
 * @param between where the square between two scales stands among the boxes of a cell.
 * @param enlarged side of the input, in sides of the one that the first scale is meant for.
 */
export function tensorflowCoder(
  grids: readonly number[],
  between: 'second' | 'last',
  enlarged = 1,
): MultiboxCoder {
  const first = 0.2 / enlarged;
  const scale = (k: number) => (k >= grids.length ? 1 : first + ((0.95 - first) / 5) * k);
  const box = (s: number, aspect: number) => [s / Math.sqrt(aspect), s * Math.sqrt(aspect)] as const;
  const rows: number[] = [];
  grids.forEach((grid, k) => {
    const s = scale(k);
    const square = box(Math.sqrt(s * scale(k + 1)), 1);
    const rest = [box(s, 2), box(s, 1 / 2), box(s, 3), box(s, 1 / 3)];
    const shapes =
      k === 0
        ? [box(first / 2, 1), box(s, 2), box(s, 1 / 2)]
        : between === 'last'
          ? [box(s, 1), ...rest, square]
          : [box(s, 1), square, ...rest];
    for (let v = 0; v < grid; v++) {
      for (let u = 0; u < grid; u++) {
        for (const [h, w] of shapes) rows.push((v + 0.5) / grid, (u + 0.5) / grid, h, w);
      }
    }
  });
  return new MultiboxCoder({ defaultBbox: rows, variance: [0.1, 0.2] });
}

/** Boxes in a cell of each of six feature maps. */
export const tensorflowCells: readonly number[] = [3, 6, 6, 6, 6, 6];
