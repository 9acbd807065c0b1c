import type { PixelContext } from './canvas.ts';
import type { Rgb } from './colormap.ts';

/** Mixes colours into what a canvas shows. @param colorAt of a pixel, null to leave it. @param alpha the share of the colours. */
export function paint(
  context: PixelContext,
  [height, width]: readonly [height: number, width: number],
  alpha: number,
  colorAt: (pixel: number) => Rgb | null,
): void {
  const pixels = context.getImageData(0, 0, width, height);
  for (let i = 0; i < height * width; i++) {
    const color = colorAt(i);
    if (color === null) continue;
    for (let c = 0; c < 3; c++) {
      const at = 4 * i + c;
      pixels.data[at] = Math.round(pixels.data[at]! * (1 - alpha) + color[c]! * alpha);
    }
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}
