import { ImageFormatError } from '../errors.ts';
import { checkImage, type Image } from '../image/image.ts';
import type { CanvasContext } from './canvas.ts';

/**
 * Puts an image at the top left of a canvas. Chainer counterpart: `chainercv.visualizations.vis_image`.
 *
 * @param context of a canvas that should be as large as the image.
 * @param img (H, W, 3) or (H, W, 1), 0..255; other values are limited and rounded.
 * @throws ImageFormatError if it has other channels.
 */
export function visImage(context: CanvasContext, img: Image): void {
  checkImage(img, 'visImage');
  const [height, width, channels] = img.shape;
  if (channels !== 3 && channels !== 1) {
    throw new ImageFormatError('visImage', 'an image with 1 or 3 channels', `shape [${img.shape}]`);
  }
  const pixels = context.createImageData(width, height);
  const step = channels === 1 ? 0 : 1;
  // The buffer is a Uint8ClampedArray: it limits and rounds by itself.
  for (let i = 0, o = 0; o < pixels.data.length; i += channels, o += 4) {
    pixels.data[o] = img.data[i]!;
    pixels.data[o + 1] = img.data[i + step]!;
    pixels.data[o + 2] = img.data[i + 2 * step]!;
    pixels.data[o + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}
