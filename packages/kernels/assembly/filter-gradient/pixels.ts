/** The gradient of a filter by one matrix product over the pixels of the output (im2col, gathered block by block). */
import { Int32List } from '../list';
import { copyFloats, minI } from '../simd';
import { FilterGradientArgs, STRIP, TILE_BYTES } from './sums';

@unmanaged
export class GatherGradientArgs {
  /** The input and the gradient of the output, and where the strips and panels go. */
  x: usize; dy: usize; a: usize; b: usize;
  /** Pairs of (offsetY, offsetX), one a tap. */
  taps: Int32List;
  h: i32; w: i32; c: i32; xPixel: i32;
  rowsY: i32; rowsX: i32; strideY: i32; strideX: i32;
  o: i32; outPixel: i32;
  /** The block of pixels; floats from one panel to the next; pixels an item takes. */
  first: i32; count: i32; bPanel: i32; perItem: i32;
}

/** Job: lays some pixels of dy out in strips, and their neighbourhoods in x in panels. */
export function gatherGradient(item: i32, args: GatherGradientArgs, _scratch: usize): void {
  const from = item * args.perItem;
  const to = minI(from + args.perItem, args.count);
  const c = args.c;
  const perImage = args.rowsY * args.rowsX;
  const panel = <usize>args.bPanel << 2;
  for (let i = from; i < to; i++) {
    const m = args.first + i;
    const dy = args.dy + (<usize>(m * args.outPixel) << 2);
    for (let o = 0; o < args.o; o += STRIP)
      copyFloats(args.a + (<usize>(o * args.count + i * STRIP) << 2), dy + (<usize>o << 2), minI(STRIP, args.o - o));
    const n = m / perImage;
    const row = (m - n * perImage) / args.rowsX;
    const column = m - n * perImage - row * args.rowsX;
    let k = 0;
    for (let t = 0; t < args.taps.length; t += 2) {
      const y = row * args.strideY + args.taps.at(t);
      const x = column * args.strideX + args.taps.at(t + 1);
      const inside = <u32>y < <u32>args.h && <u32>x < <u32>args.w;
      let src = args.x + (<usize>(((n * args.h + y) * args.w + x) * args.xPixel) << 2);
      if ((c & 7) == 0) {
        let dst = args.b + <usize>(k >> 3) * panel + (<usize>i << 5);
        for (let j = 0; j < c; j += 8) {
          if (inside) {
            v128.store(dst, v128.load(src));
            v128.store(dst, v128.load(src, 16), 16);
          } else {
            v128.store(dst, f32x4.splat(0));
            v128.store(dst, f32x4.splat(0), 16);
          }
          src += 32;
          dst += panel;
        }
        k += c;
      } else {
        for (let j = 0; j < c; j++, k++) {
          const dst = args.b + <usize>(k >> 3) * panel + (<usize>((i << 3) + (k & 7)) << 2);
          store<f32>(dst, inside ? load<f32>(src) : 0);
          src += 4;
        }
      }
    }
  }
}

@unmanaged
export class ScatterGradientArgs extends FilterGradientArgs {
  sums: usize;
}

/** Job: writes one strip of sums into the gradient. */
export function scatterGradient(item: i32, args: ScatterGradientArgs, _scratch: usize): void {
  const rows = minI(STRIP, args.o - item * STRIP);
  const taps = args.taps.length;
  for (let r = 0; r < rows; r++) {
    const sums = args.sums + <usize>(item * args.panels * TILE_BYTES + r * 32);
    const dw = args.dw + (<usize>((item * STRIP + r) * args.strideO) << 2);
    let k = 0;
    for (let t = 0; t < taps; t++) {
      let to = dw + (<usize>args.taps.at(t) << 2);
      for (let c = 0; c < args.c; c++, k++) {
        store<f32>(to, load<f32>(sums + <usize>((k >> 3) * TILE_BYTES + ((k & 7) << 2))));
        to += <usize>args.strideC << 2;
      }
    }
  }
}
