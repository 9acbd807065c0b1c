/**
 * The gradient of a 3x3 filter of stride 1 over Winograd's tiles:
 *
 *   dg = Gᵀ [ Σ over tiles of (A dy Aᵀ) ∘ (Bᵀ d B) ] G
 */
import { panelStrip } from '../micro-kernels.generated';
import { NR, PANELS, align64, ceilDiv, madd, maxI, minI, transpose4, zeroFloats } from '../simd';
import { tilesScratch, transformInput } from '../winograd/input';
import { P, Q, TileArgs, oddLines, pointers } from '../winograd/tiles';
import { FilterGradientArgs, STRIP, TILE_BYTES } from './sums';

/** One-dimensional A: four values to six. */
// @ts-ignore: decorator
@inline
function gradientLine(y0: v128, y1: v128, y2: v128, y3: v128, dst: usize, to: usize): void {
  const half = f32x4.splat(0.5);
  const two = f32x4.splat(2);
  v128.store(dst, y0);
  const a = madd(half, y2, y0);
  const b = f32x4.mul(f32x4.splat(P), madd(half, y3, y1));
  v128.store(dst + to, f32x4.add(a, b));
  v128.store(dst + 2 * to, f32x4.sub(a, b));
  const c = madd(two, y2, y0);
  const d = f32x4.mul(f32x4.splat(Q), madd(two, y3, y1));
  v128.store(dst + 3 * to, f32x4.add(c, d));
  v128.store(dst + 4 * to, f32x4.sub(c, d));
  v128.store(dst + 5 * to, y3);
}

@unmanaged
export class TransformGradientArgs extends TileArgs {
  /** Where the tiles of x go as panels; the gradient of the output, and where its tiles go as strips. */
  v: usize; dy: usize; z: usize;
  /** The block of tiles; floats from one position of v and z to the next; tiles an item takes. */
  first: i32; count: i32; vPos: i32; zPos: i32; perItem: i32;
}

/** Bytes of the channels of a strip. */
const STRIP_BYTES: i32 = STRIP * 4;

/** Job: transforms some tiles of a block, of x and of dy. */
export function transformGradient(item: i32, args: TransformGradientArgs, scratch: usize): void {
  const t0 = args.first + item * args.perItem;
  const t1 = minI(t0 + args.perItem, args.first + args.count);
  transformInput(args, t0, t1, args.first, args.count, args.v, args.vPos, NR, scratch);
  const table = align64(scratch);
  const temp = table + 64;
  const zero = temp + 24 * STRIP_BYTES;
  zeroFloats(zero, args.o + 4);
  const perPhase = args.tilesY * args.tilesX;
  const phases = args.phasesY * args.phasesX;
  const image = <usize>(args.oh * args.ow * args.outPixel) << 2;
  const pos = <usize>args.zPos << 2;
  for (let t = t0; t < t1; t++) {
    const tx = t % args.tilesX;
    const ty = (t / args.tilesX) % args.tilesY;
    const phase = (t / perPhase) % phases;
    const n = t / (perPhase * phases);
    const y = phase / args.phasesX + ty * 4 * args.dilY;
    const x = (phase % args.phasesX) + tx * 4 * args.dilX;
    pointers(table, 4, args.dy + <usize>n * image, zero, y, args.dilY, args.oh, x, args.dilX, args.ow, args.outPixel);
    // First all columns, then all rows, as the tiles of x are transformed.
    for (let o = 0; o < args.o; o += STRIP) {
      const channel = <usize>o << 2;
      const bytes = <usize>minI(STRIP, args.o - o) << 2;
      for (let column: usize = 0; column < 4; column++) {
        const at = table + column * 16;
        const p0 = load<usize>(at) + channel, p1 = load<usize>(at, 4) + channel;
        const p2 = load<usize>(at, 8) + channel, p3 = load<usize>(at, 12) + channel;
        const to = temp + column * STRIP_BYTES;
        for (let i: usize = 0; i < bytes; i += 16)
          gradientLine(v128.load(p0 + i), v128.load(p1 + i), v128.load(p2 + i), v128.load(p3 + i), to + i, 4 * STRIP_BYTES);
      }
      let to = args.z + (<usize>(o * args.count + (t - args.first) * STRIP) << 2);
      for (let row = temp; row < temp + 24 * STRIP_BYTES; row += 4 * STRIP_BYTES) {
        for (let i: usize = 0; i < bytes; i += 16) {
          const f = row + i;
          gradientLine(
            v128.load(f), v128.load(f, STRIP_BYTES), v128.load(f, 2 * STRIP_BYTES), v128.load(f, 3 * STRIP_BYTES), to + i, pos,
          );
        }
        to += 6 * pos;
      }
    }
  }
}

/** Bytes of scratch of `transformGradient`. */
export function transformGradientScratch(c: i32, o: i32): usize {
  return <usize>maxI(<i32>tilesScratch(false, c), 24 * STRIP_BYTES + (o << 2) + 256);
}

/** Floats from one position to the next of strips and of panels of `count` tiles. */
export function stripPosition(count: i32, o: i32): i32 {
  return oddLines(count * ceilDiv(o, STRIP) * STRIP);
}

export function panelPosition(count: i32, c: i32): i32 {
  return oddLines(count * ceilDiv(c, NR) * NR);
}

/** One-dimensional Gᵀ: six values to three. */
// @ts-ignore: decorator
@inline
function filterGradientLine(m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, dst: usize, to: usize): void {
  const s = f32x4.add(m1, m2);
  const d = f32x4.sub(m1, m2);
  const s2 = f32x4.add(m3, m4);
  const d2 = f32x4.sub(m3, m4);
  v128.store(dst, madd(f32x4.splat(1.0 / 6.0), s2, madd(f32x4.splat(-2.0 / 3.0), s, m0)));
  v128.store(dst + to, madd(f32x4.splat(Q / 6.0), d2, f32x4.mul(f32x4.splat(-Q / 3.0), d)));
  v128.store(dst + 2 * to, madd(f32x4.splat(1.0 / 3.0), f32x4.sub(s2, s), m5));
}

/** Stores the first `lanes` of four values `step` bytes apart. */
// @ts-ignore: decorator
@inline
function scatter(to: usize, v: v128, step: usize, lanes: i32): void {
  v128.store32_lane(to, v, 0);
  if (lanes > 1) v128.store32_lane(to + step, v, 1);
  if (lanes > 2) v128.store32_lane(to + 2 * step, v, 2);
  if (lanes > 3) v128.store32_lane(to + 3 * step, v, 3);
}

/** Gᵀ sums G of one panel of one strip, written into the gradient; its positions are `pos` bytes apart. */
// @ts-ignore: decorator
@inline
function finishPanel(args: FilterGradientArgs, strip: i32, panel: i32, sums: usize, pos: usize, temp: usize): void {
  const result = temp + 288;
  const rows = minI(STRIP, args.o - strip * STRIP);
  const stepC = <usize>args.strideC << 2;
  const end = minI(args.c, (panel + 1) * NR);
  // Whether the taps follow each other.
  const unit = args.taps.at(1) == 1 && args.taps.at(3) == 3;
  for (let r = 0; r < rows; r++) {
    const dw = args.dw + (<usize>((strip * STRIP + r) * args.strideO) << 2);
    for (let c = panel * NR; c < end; c += 4) {
      let from = sums + <usize>(r * 32 + ((c & 4) << 2));
      for (let s = temp; s < temp + 288; s += 48) {
        filterGradientLine(
          v128.load(from), v128.load(from + pos), v128.load(from + 2 * pos),
          v128.load(from + 3 * pos), v128.load(from + 4 * pos), v128.load(from + 5 * pos), s, 16,
        );
        from += 6 * pos;
      }
      for (let s: usize = 0; s < 48; s += 16) {
        const f = temp + s;
        filterGradientLine(v128.load(f), v128.load(f, 48), v128.load(f, 96), v128.load(f, 144), v128.load(f, 192), v128.load(f, 240), result + s, 48);
      }
      const lanes = minI(4, end - c);
      const to = dw + <usize>(c * args.strideC << 2);
      if (lanes == 4 && unit) {
        transpose4(result, 16, to, stepC);
        transpose4(result + 64, 16, to + 16, stepC);
        scatter(to + 32, v128.load(result + 128), stepC, 4);
      } else {
        for (let t: usize = 0; t < 9; t++) scatter(to + (<usize>args.taps.at(<i32>t) << 2), v128.load(result + t * 16), stepC, lanes);
      }
    }
  }
}

@unmanaged
export class FinishGradientArgs extends FilterGradientArgs {
  sums: usize; sumsPos: i32;
}

/** Job: Gᵀ sums G of one strip. */
export function finishGradient(item: i32, args: FinishGradientArgs, scratch: usize): void {
  const temp = align64(scratch);
  const sums = args.sums + <usize>(item * args.panels * TILE_BYTES);
  for (let p = 0; p < args.panels; p++)
    finishPanel(args, item, p, sums + <usize>(p * TILE_BYTES), <usize>args.sumsPos << 2, temp);
}

@unmanaged
export class TilesGradientArgs extends FilterGradientArgs {
  /** Strips and panels of the tiles; floats from one position of each to the next. */
  a: usize; b: usize; aPos: i32; bPos: i32;
  /** Tiles; floats from one panel of b to the next. */
  k: i32; bPanel: i32;
  panelsPerItem: i32; panelItems: i32;
}

/** Bytes of the sums of a panel, all positions. */
const PANEL_SUMS: i32 = 36 * TILE_BYTES;

/** Bytes of scratch of one `tilesGradient` item: the sums of the panels that it takes at once and the small tables. */
export function tilesGradientScratch(): usize {
  return PANELS * PANEL_SUMS + 1024;
}

/**
 * Job, when one block holds all tiles: item is a strip and a block of panels, from the transformed tiles to the gradient. The sums
 * of a panel stay in the caches: those of all, 36 for each weight's 9, would go to memory and back.
 */
export function tilesGradient(item: i32, args: TilesGradientArgs, scratch: usize): void {
  const zero = align64(scratch);
  v128.store(zero, f32x4.splat(0));
  v128.store(zero, f32x4.splat(0), 16);
  const temp = zero + 64;
  const sums = temp + 768;
  const strip = item / args.panelItems;
  const p0 = (item % args.panelItems) * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, args.panels);
  const rows = minI(STRIP, args.o - strip * STRIP);
  const aPos = <usize>args.aPos << 2;
  const bPos = <usize>args.bPos << 2;
  for (let p = p0; p < p1; p += PANELS) {
    const count = minI(PANELS, p1 - p);
    let a = args.a + (<usize>(strip * args.k * STRIP) << 2);
    let b = args.b + (<usize>(p * args.bPanel) << 2);
    for (let c = sums; c < sums + PANEL_SUMS; c += TILE_BYTES) {
      panelStrip(a, rows, args.k, b, c, 32, zero, 0, count, <usize>args.bPanel << 2, PANEL_SUMS, 0);
      a += aPos;
      b += bPos;
    }
    for (let i = 0; i < count; i++) finishPanel(args, strip, p + i, sums + <usize>i * PANEL_SUMS, TILE_BYTES, temp);
  }
}
