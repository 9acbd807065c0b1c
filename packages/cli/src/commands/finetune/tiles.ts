/** How many tiles the boxes of a folder need. */
import type { DetectionDataset } from '@chaingrad/vision';

/** Objects of fewer pixels, as the network sees them, are small. */
const SMALL = 20;
/** With tiles they become about so large. */
const WANTED = 32;
const MOST = 4;

/** The class whose boxes are smallest, and the median of their sides in pixels of the network. */
export function smallestClass(
  { records, labelNames }: DetectionDataset,
  insize: number,
): { name: string; side: number } | null {
  const sides = labelNames.map(() => [] as number[]);
  for (const { size, bbox, label } of records) {
    label.forEach((l, r) => {
      const [y0, x0, y1, x1] = bbox.subarray(4 * r, 4 * r + 4) as unknown as [number, number, number, number];
      sides[l]!.push(insize * Math.sqrt(((y1 - y0) / size[0]) * ((x1 - x0) / size[1])));
    });
  }
  const medians = sides.flatMap((list, l) => {
    const sorted = list.sort((a, b) => a - b);
    return sorted.length === 0 ? [] : [{ name: labelNames[l]!, side: sorted[sorted.length >> 1]! }];
  });
  return medians.sort((a, b) => a.side - b.side)[0] ?? null;
}

/** So many that small things become large enough; 1 where they are. @param shareOf the side of one of n tiles, of the image's. */
export function tilesFor(side: number, shareOf: (tiles: number) => number): number {
  if (side >= SMALL) return 1;
  for (let tiles = 2; tiles < MOST; tiles++) if (side / shareOf(tiles) >= WANTED) return tiles;
  return MOST;
}
