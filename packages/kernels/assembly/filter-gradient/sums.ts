/**
 * What both ways to the gradient of a convolution's filter share: sums over all pixels, or all tiles, of products of dy and x.
 *
 * The left side of the products is dy in strips of 24 out-channels, [strip][k][24]; the right side is x in panels of 8 columns,
 * [panel][k][8]; k counts the pixels or tiles of one block. The sums stay in [position][strip][panel][24][8] from block to
 * block. The product over pixels has one position and a column for each (tap, channel); Winograd's has 36 positions and a
 * column for each channel.
 */
import { Int32List } from '../list';
import { panelStrip } from '../micro-kernels.generated';
import { NR, PANELS, align64, ceilDiv, minI } from '../simd';
import { oddLines } from '../winograd/tiles';

export const STRIP: i32 = 24;
export const TILE_BYTES: i32 = STRIP * NR * 4;

/** The gradient of the filter: element (o, c, tap) is at dw + o * strideO + c * strideC + taps.at(tap) floats. */
@unmanaged
export class FilterGradientArgs {
  dw: usize; o: i32; c: i32; strideO: i32; strideC: i32; taps: Int32List;
  /** Panels of columns that the sums have. */
  panels: i32;
}

@unmanaged
export class MultiplyGradientArgs {
  /** Strips, panels and sums; floats from one position of each to the next. */
  a: usize; b: usize; sums: usize;
  aPos: i32; bPos: i32; sumsPos: i32;
  /** Pixels or tiles in the block; floats from one panel of b to the next. */
  k: i32; bPanel: i32;
  o: i32; panels: i32;
  /** Whether this is the first block: the sums start from zero. */
  first: bool;
  panelsPerItem: i32; panelItems: i32;
}

/** Job: item is a position, a strip and a block of panels. */
export function multiplyGradient(item: i32, args: MultiplyGradientArgs, scratch: usize): void {
  const zero = align64(scratch);
  v128.store(zero, f32x4.splat(0));
  v128.store(zero, f32x4.splat(0), 16);
  const strips = ceilDiv(args.o, STRIP);
  const block = item % args.panelItems;
  const strip = (item / args.panelItems) % strips;
  const pos = item / (args.panelItems * strips);
  const p0 = block * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, args.panels);
  const rows = minI(STRIP, args.o - strip * STRIP);
  const a = args.a + (<usize>(pos * args.aPos + strip * args.k * STRIP) << 2);
  let b = args.b + (<usize>(pos * args.bPos + p0 * args.bPanel) << 2);
  let c = args.sums + (<usize>(pos * args.sumsPos) << 2) + <usize>((strip * args.panels + p0) * TILE_BYTES);
  const bNext = <usize>args.bPanel << 2;
  for (let p = p0; p < p1; p += PANELS) {
    const first = args.first;
    panelStrip(a, rows, args.k, b, c, 32, first ? zero : c, first ? 0 : 32, minI(PANELS, p1 - p), bNext, TILE_BYTES, first ? 0 : TILE_BYTES);
    b += <usize>PANELS * bNext;
    c += <usize>PANELS * TILE_BYTES;
  }
}

/** Floats from one position of the sums to the next. */
export function sumsPosition(o: i32, panels: i32): i32 {
  return oddLines(ceilDiv(o, STRIP) * panels * STRIP * NR);
}
