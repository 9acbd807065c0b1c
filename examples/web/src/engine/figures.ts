/** Filters and feature maps as figures: a grid of tiles. */
import type { Figure } from '../protocol.ts';

const GAP = 1;

/**
 * @param tiles tiles of the same size, each a function of channel (0, 1, 2) and place that gives 0..1.
 * @param scale pixels of the figure in one value.
 */
export function grid(
  count: number,
  [height, width]: readonly [number, number],
  value: (tile: number, y: number, x: number, channel: number) => number,
  scale: number,
  caption: string,
): Figure {
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  const [tileWidth, tileHeight] = [width * scale + GAP, height * scale + GAP];
  const image = new ImageData(columns * tileWidth - GAP, rows * tileHeight - GAP);
  for (let tile = 0; tile < count; tile++) {
    const left = (tile % columns) * tileWidth;
    const top = Math.floor(tile / columns) * tileHeight;
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        const at = ((top + y) * image.width + left + x) * 4;
        for (let channel = 0; channel < 3; channel++)
          image.data[at + channel] = 255 * value(tile, Math.floor(y / scale), Math.floor(x / scale), channel);
        image.data[at + 3] = 255;
      }
    }
  }
  return { image, caption };
}

/** Smallest and largest of some values, for stretching them to 0..1. */
export function range(
  values: ArrayLike<number>,
  from: number,
  to: number,
  step = 1,
): [min: number, size: number] {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = from; i < to; i += step) {
    const value = values[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [min, max > min ? max - min : 1];
}
