import type { Geometry } from '../geometry.ts';

/**
 * Calls `visit` for every pair of an output pixel and an input pixel in its window, as flat pixel indices over the batch, with
 * the flat index of the tap. Output pixels and taps come in row-major order; taps in the padding are left out.
 */
export function forEachTap(
  g: Geometry,
  visit: (outPixel: number, tap: number, inPixel: number) => void,
): void {
  const [kh, kw] = g.ksize;
  for (let n = 0; n < g.batch; n++) {
    for (let oy = 0; oy < g.outHeight; oy++) {
      for (let ox = 0; ox < g.outWidth; ox++) {
        const outPixel = (n * g.outHeight + oy) * g.outWidth + ox;
        for (let ky = 0; ky < kh; ky++) {
          const y = oy * g.stride[0] - g.pad[0] + ky * g.dilation[0];
          if (y < 0 || y >= g.inHeight) continue;
          for (let kx = 0; kx < kw; kx++) {
            const x = ox * g.stride[1] - g.pad[2] + kx * g.dilation[1];
            if (x < 0 || x >= g.inWidth) continue;
            visit(outPixel, ky * kw + kx, (n * g.inHeight + y) * g.inWidth + x);
          }
        }
      }
    }
  }
}
