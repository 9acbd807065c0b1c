/**
 * The gradient of a convolution's filter: sums over all pixels, or all tiles, of products of dy and x.
 *
 * Both ways end in one kind of product. Its left side is dy in strips of 24 out-channels, [strip][k][24]; its right side
 * is x in panels of 8 columns, [panel][k][8]; k counts the pixels or tiles of one block. The sums stay in
 * [position][strip][panel][24][8] from block to block. A plain product has one position and a column for each
 * (tap, channel); Winograd's has 36 positions and a column for each channel:
 *
 *   dg = Gᵀ [ Σ over tiles of (A dy Aᵀ) ∘ (Bᵀ d B) ] G
 */
import { stripWide } from './gemm';
import { NR, align64, ceilDiv, copyFloats, madd, minI, zeroFloats } from './simd';
import { P, Q, WinogradArgs, oddLines, pointers, transformInput } from './winograd';

const STRIP: i32 = 24;
const TILE_BYTES: i32 = STRIP * NR * 4;

@unmanaged
export class GradientArgs {
  /** Strips, panels and sums; floats from one position of each to the next. */
  a: usize; b: usize; sums: usize;
  aPos: i32; bPos: i32; sumsPos: i32;
  /** Pixels or tiles in the block; floats from one panel of b to the next. */
  k: i32; bPanel: i32;
  o: i32; panels: i32;
  /** 1 for the first block: the sums start from zero. */
  first: i32;
  panelsPerItem: i32; panelItems: i32;
  /** The gradient: element (o, c, tap) at dw + o * strideO + c * strideC + taps[tap] floats. */
  dw: usize; c: i32; strideO: i32; strideC: i32; taps: usize;
}

/** Job: item is a position, a strip and a block of panels. */
export function multiplyGradient(item: i32, args: GradientArgs, scratch: usize): void {
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
  for (let p = p0; p < p1; p++) {
    stripWide(a, rows, args.k, b, c, 32, args.first ? zero : c, args.first ? 0 : 32);
    b += <usize>args.bPanel << 2;
    c += TILE_BYTES;
  }
}

// ---- the plain product -------------------------------------------------------------------------------------------

@unmanaged
export class GatherArgs {
  x: usize; dy: usize; a: usize; b: usize;
  /** Table of (offsetY, offsetX) of i32, one a tap. */
  taps: usize; tapCount: i32;
  h: i32; w: i32; c: i32; xPixel: i32;
  rowsY: i32; rowsX: i32; strideY: i32; strideX: i32;
  o: i32; outPixel: i32;
  /** The block of pixels; floats from one panel to the next; pixels an item takes. */
  first: i32; count: i32; bPanel: i32; perItem: i32;
}

/** Job: lays some pixels of dy out in strips, and their neighbourhoods in x in panels. */
export function gatherGradient(item: i32, args: GatherArgs, _scratch: usize): void {
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
    for (let t = 0; t < args.tapCount; t++) {
      const y = row * args.strideY + load<i32>(args.taps + (<usize>t << 3));
      const x = column * args.strideX + load<i32>(args.taps + (<usize>t << 3), 4);
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

/** Job: writes one strip of sums into the gradient. */
export function scatterGradient(item: i32, args: GradientArgs, _scratch: usize): void {
  const rows = minI(STRIP, args.o - item * STRIP);
  const taps = args.k;
  for (let r = 0; r < rows; r++) {
    const sums = args.sums + <usize>(item * args.panels * TILE_BYTES + r * 32);
    const dw = args.dw + (<usize>((item * STRIP + r) * args.strideO) << 2);
    let k = 0;
    for (let t = 0; t < taps; t++) {
      let to = dw + (<usize>load<i32>(args.taps + (<usize>t << 2)) << 2);
      for (let c = 0; c < args.c; c++, k++) {
        store<f32>(to, load<f32>(sums + <usize>((k >> 3) * TILE_BYTES + ((k & 7) << 2))));
        to += <usize>args.strideC << 2;
      }
    }
  }
}

// ---- Winograd ----------------------------------------------------------------------------------------------------

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

/** Job, on the block of tiles [first, first + count): x in panels at v, dy in strips at z. */
@unmanaged
export class TransformArgs {
  winograd: WinogradArgs;
  dy: usize; z: usize;
  first: i32; count: i32; vPos: i32; zPos: i32; perItem: i32;
}

export function transformGradient(item: i32, args: TransformArgs, scratch: usize): void {
  const w = args.winograd;
  const t0 = args.first + item * args.perItem;
  const t1 = minI(t0 + args.perItem, args.first + args.count);
  transformInput(w, t0, t1, args.first, args.count, w.v, args.vPos, NR, scratch);
  const table = align64(scratch);
  const temp = table + 64;
  const zero = temp + 384;
  zeroFloats(zero, w.o + 4);
  const perPhase = w.tilesY * w.tilesX;
  const phases = w.phasesY * w.phasesX;
  const image = <usize>(w.oh * w.ow * w.outPixel) << 2;
  const pos = <usize>args.zPos << 2;
  for (let t = t0; t < t1; t++) {
    const tx = t % w.tilesX;
    const ty = (t / w.tilesX) % w.tilesY;
    const phase = (t / perPhase) % phases;
    const n = t / (perPhase * phases);
    const y = phase / w.phasesX + ty * 4 * w.dilY;
    const x = (phase % w.phasesX) + tx * 4 * w.dilX;
    pointers(table, 4, args.dy + <usize>n * image, zero, y, w.dilY, w.oh, x, w.dilX, w.ow, w.outPixel);
    for (let o = 0; o < w.o; o += 4) {
      const channel = <usize>o << 2;
      const strip = o / STRIP;
      let at = table;
      for (let s = temp; s < temp + 64; s += 16) {
        gradientLine(
          v128.load(load<usize>(at) + channel), v128.load(load<usize>(at, 4) + channel),
          v128.load(load<usize>(at, 8) + channel), v128.load(load<usize>(at, 12) + channel), s, 64,
        );
        at += 16;
      }
      let to = args.z + (<usize>((strip * args.count + t - args.first) * STRIP + o - strip * STRIP) << 2);
      for (let s = temp; s < temp + 384; s += 64) {
        gradientLine(v128.load(s), v128.load(s, 16), v128.load(s, 32), v128.load(s, 48), to, pos);
        to += 6 * pos;
      }
    }
  }
}

/** Floats from one position to the next of strips and of panels of `count` tiles. */
export function stripPosition(count: i32, o: i32): i32 {
  return oddLines(count * ceilDiv(o, STRIP) * STRIP);
}

export function panelPosition(count: i32, c: i32): i32 {
  return oddLines(count * ceilDiv(c, NR) * NR);
}

/** Floats from one position of the sums to the next. */
export function sumsPosition(o: i32, panels: i32): i32 {
  return oddLines(ceilDiv(o, STRIP) * panels * STRIP * NR);
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

/** Gᵀ sums G of one panel of one strip, written into the gradient; its positions are `pos` bytes apart. */
// @ts-ignore: decorator
@inline
function finishPanel(args: GradientArgs, strip: i32, panel: i32, sums: usize, pos: usize, temp: usize): void {
  const result = temp + 288;
  const rows = minI(STRIP, args.o - strip * STRIP);
  const stepC = <usize>args.strideC << 2;
  const end = minI(args.c, (panel + 1) * NR);
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
      for (let t: usize = 0; t < 9; t++) {
        let to = dw + (<usize>(load<i32>(args.taps + (t << 2)) + c * args.strideC) << 2);
        const v = v128.load(result + t * 16);
        v128.store32_lane(to, v, 0);
        if (lanes > 1) v128.store32_lane(to + stepC, v, 1);
        if (lanes > 2) v128.store32_lane(to + 2 * stepC, v, 2);
        if (lanes > 3) v128.store32_lane(to + 3 * stepC, v, 3);
      }
    }
  }
}

/** Job: Gᵀ sums G of one strip. */
export function finishGradient(item: i32, args: GradientArgs, scratch: usize): void {
  const temp = align64(scratch);
  const sums = args.sums + <usize>(item * args.panels * TILE_BYTES);
  for (let p = 0; p < args.panels; p++)
    finishPanel(args, item, p, sums + <usize>(p * TILE_BYTES), <usize>args.sumsPos << 2, temp);
}

/** Bytes of scratch of one `tilesGradient` item: the sums of a panel and the small tables. */
export function tilesGradientScratch(): usize {
  return 36 * TILE_BYTES + 1024;
}

/**
 * Job, when one block holds all tiles: item is a strip and a block of panels, from the transformed tiles to the gradient. The sums
 * of a panel stay in the caches: those of all, 36 for each weight's 9, would go to memory and back.
 */
export function tilesGradient(item: i32, args: GradientArgs, scratch: usize): void {
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
  for (let p = p0; p < p1; p++) {
    let a = args.a + (<usize>(strip * args.k * STRIP) << 2);
    let b = args.b + (<usize>(p * args.bPanel) << 2);
    for (let c = sums; c < sums + 36 * TILE_BYTES; c += TILE_BYTES) {
      stripWide(a, rows, args.k, b, c, 32, zero, 0);
      a += aPos;
      b += bPos;
    }
    finishPanel(args, strip, p, sums, TILE_BYTES, temp);
  }
}
