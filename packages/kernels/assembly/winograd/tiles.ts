/**
 * What the three transforms of Winograd's convolution share: the grid of tiles, and how far apart transformed values lie.
 *
 * Lavin and Gray, "Fast algorithms for convolutional neural networks" (2015): 3x3 convolutions of stride 1 by F(4x4, 3x3) and
 * F(6x6, 3x3), with 1/4 and 1/5 of the multiplications.
 *
 *   y = Aᵀ [ (G g Gᵀ) ∘ (Bᵀ d B) ] A      for every tile of 6x6 inputs d and 4x4 outputs y (8x8 and 6x6)
 *
 * F(4x4) has the interpolation points 0, ±1/√2, ±√2, ∞ instead of 0, ±1, ±2, ∞: as many operations, and half the rounding
 * error. F(6x6) has 0, ±1, ±1/2, ±2, ∞; its error is 4 times that (2.5e-6 of the output, rms).
 *
 * The middle product, summed over the in-channels, is one matrix product for each of the 36 (64) positions. The constant
 * parameter `six` of the functions tells F(6x6) from F(4x4). A convolution with dilation is dilY * dilX interleaved ones
 * without (phases), each on its own grid of tiles.
 */
import { groupBytes, groupsOf } from '../gemm';
import { ceilDiv } from '../simd';

/** 1/√2 and √2. */
export const P: f32 = 0.70710678118654752;
export const Q: f32 = 1.41421356237309505;

/** The input, the output and the grid of tiles of a Winograd convolution. */
@unmanaged
export class TileArgs {
  /** The input; floats from one pixel to the next, which are more than c where there are groups. */
  x: usize; h: i32; w: i32; c: i32; xPixel: i32;
  /** Sizes of the output; floats from one pixel to the next. */
  oh: i32; ow: i32; o: i32; outPixel: i32;
  padTop: i32; padLeft: i32; dilY: i32; dilX: i32;
  /** Phases, tiles of each phase, and all tiles of all images. */
  phasesY: i32; phasesX: i32; tilesY: i32; tilesX: i32; tiles: i32;
}

/** Floats from one position of transformed tiles to the next: odd in cache lines, so that 36 streams do not share one cache set. */
// @ts-ignore: decorator
@inline
export function oddLines(floats: i32): i32 {
  const lines = ceilDiv(floats, 16);
  return (lines + 1 - (lines & 1)) * 16;
}

/** Floats from one position to the next of `rows` tiles packed as A with k channels. */
export function packedPosition(rows: i32, k: i32): i32 {
  return oddLines(<i32>(groupBytes(k) >> 2) * groupsOf(rows));
}

/** The addresses of a tile's pixels: a table of `count` x `count` pointers, column by column; `zero` for pixels of the padding. */
// @ts-ignore: decorator
@inline
export function pointers(
  table: usize, count: i32, base: usize, zero: usize,
  y: i32, stepY: i32, h: i32, x: i32, stepX: i32, w: i32, pixel: i32,
): void {
  const rowBytes = w * pixel * 4;
  const colBytes = stepX * pixel * 4;
  for (let i = 0; i < count; i++) {
    const yy = y + i * stepY;
    let at = table + ((<usize>i) << 2);
    let p = base + <usize>(yy * rowBytes + x * pixel * 4);
    const rowIn = <u32>yy < <u32>h;
    for (let j = 0; j < count; j++) {
      const xx = x + j * stepX;
      store<usize>(at, rowIn && <u32>xx < <u32>w ? p : zero);
      p += colBytes;
      at += <usize>count << 2;
    }
  }
}
