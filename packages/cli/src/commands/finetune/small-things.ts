/** How a network is to see the boxes of a folder: the side of its input, and in how many tiles. */
import { type DetectionDataset, tileShare } from '@chaingrad/vision';
import { type SSDEntry, ssds } from '../../models.ts';
import type { FinetuneSettings } from './settings.ts';

/** Objects of fewer pixels, as the network sees them, are too small for a larger input alone. */
const SMALL = 20;
/** With tiles they become about so large; with a larger input at most. */
const WANTED = 32;
const MOST = 4;

/** How much larger the input is for things that are not quite small: a step takes 1.6 times as long. */
const LARGER = 1.28;

/** The class whose boxes are smallest, and the median of their sides in pixels of the network. */
function smallestClass(
  { records, labelNames }: Pick<DetectionDataset, 'records' | 'labelNames'>,
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

/** So many that small things become large enough; 1 where they are. */
function tilesFor(side: number): number {
  if (side >= SMALL) return 1;
  for (let tiles = 2; tiles < MOST; tiles++) if (side / tileShare(tiles) >= WANTED) return tiles;
  return MOST;
}

/**
 * The size and the tiles that the smallest things need, where the user has not chosen them.
 * @returns `size` null for the model's own, and a sentence on what was chosen; null where nothing was.
 */
export function seeSmallThings(
  train: Pick<DetectionDataset, 'records' | 'labelNames'>,
  chosen: Pick<FinetuneSettings, 'model' | 'size' | 'tiles'>,
): { size: number | null; tiles: number; note: string | null } {
  const { takes, inputShape }: SSDEntry = ssds[chosen.model];
  const insize = chosen.size ?? inputShape[1];
  const smallest = smallestClass(train, insize);
  if (smallest === null) return { size: chosen.size, tiles: chosen.tiles ?? 1, note: null };
  const tiles = chosen.tiles ?? tilesFor(smallest.side);
  const grows =
    chosen.size === null && tiles === 1 && takes.includes('insize') && smallest.side * LARGER <= WANTED;
  const size = grows ? Math.round((insize * LARGER) / 32) * 32 : chosen.size;
  const told = [
    ...(size === chosen.size ? [] : [`--size ${size}`]),
    ...(tiles === (chosen.tiles ?? 1) ? [] : [`--tiles ${tiles}`]),
  ];
  const about = `${smallest.name} has about ${Math.round(smallest.side)} pixels at ${insize} x ${insize}`;
  return {
    size,
    tiles,
    note: told.length === 0 ? null : `${about}: learning and testing with ${told.join(' ')}`,
  };
}
