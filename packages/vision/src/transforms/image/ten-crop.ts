import type { Image, PixelData } from '../../image/image.ts';
import { checkFits, crop } from './crop.ts';
import { flip } from './flip.ts';

/**
 * Ten crops of an image: centre, top left, bottom left, top right, bottom right, then the same five mirrored.
 *
 * Here the centre's offset is rounded down, unlike `centerCrop`'s. Chainer counterpart: `chainercv.transforms.ten_crop`.
 *
 * @param size [height, width] in pixels.
 * @throws VisionOptionError if the image is smaller than `size`.
 */
export function tenCrop<D extends PixelData>(
  img: Image<D>,
  size: readonly [height: number, width: number],
): Image<D>[] {
  checkFits('tenCrop', img.shape, size);
  const bottom = img.shape[0] - size[0];
  const right = img.shape[1] - size[1];
  const corners: [number, number][] = [
    [Math.floor(bottom / 2), Math.floor(right / 2)],
    [0, 0],
    [bottom, 0],
    [0, right],
    [bottom, right],
  ];
  const crops = corners.map(([y, x]) => crop(img, { ySlice: [y, y + size[0]], xSlice: [x, x + size[1]] }));
  return [...crops, ...crops.map((part) => flip(part, { xFlip: true }))];
}
