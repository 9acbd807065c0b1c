/**
 * 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3) and F(6x6, 3x3): 1/4 and 1/5 of the multiplications.
 *
 * Lavin and Gray, "Fast algorithms for convolutional neural networks" (2015). F(4x4) has the interpolation points
 * 0, ±1/√2, ±√2, ∞ instead of 0, ±1, ±2, ∞: as many operations, and half the rounding error. F(6x6) has
 * 0, ±1, ±1/2, ±2, ∞; its error is 4 times that (2.5e-6 of the output, rms).
 *
 *   y = Aᵀ [ (G g Gᵀ) ∘ (Bᵀ d B) ] A      for every tile of 6x6 inputs d and 4x4 outputs y (8x8 and 6x6)
 *
 * The middle product, summed over the in-channels, is one matrix product for each of the 36 (64) positions.
 * `six` below tells the second from the first, and is a constant wherever it is used. A dilated convolution is dilY * dilX interleaved plain ones (phases), each on its own grid of tiles.
 */
import { panelPlain, groupBytes, groupStart, groupsOf } from './gemm';
import { A_CHUNK, A_ROW, CHUNK, NR, activate, activateScalar, align64, ceilDiv, madd, minI, nmadd, zeroFloats } from './simd';

export const P: f32 = 0.70710678118654752;
export const Q: f32 = 1.41421356237309505;
const P3: f32 = 0.35355339059327376;
const Q3: f32 = 2.82842712474619010;

/** Bytes of one tile's positions for one panel of 8 out-channels; a power of two would crowd the cache sets. */
// @ts-ignore: decorator
@inline
function tileBytes(six: bool): i32 {
  return six ? 64 * 32 + 64 : 36 * 32;
}

/** Written by the TypeScript side, field by field in this order. */
@unmanaged
export class WinogradArgs {
  x: usize; u: usize; bias: usize; out: usize;
  h: i32; w: i32; c: i32; xPixel: i32;
  oh: i32; ow: i32; o: i32; outPixel: i32;
  padTop: i32; padLeft: i32; dilY: i32; dilX: i32;
  act: i32;
  /** Phases and tiles of each phase. */
  phasesY: i32; phasesX: i32; tilesY: i32; tilesX: i32;
  tiles: i32; block: i32;
  /** Floats from one position of u to the next. */
  uPos: i32;
  /** When the input is transformed by a job of its own: where to, and panels an output item takes. */
  v: usize; panelsPerItem: i32;
  /** Then also, instead of u: the filter as it is, which each item transforms for its own panels; or 0. */
  filter: FilterArgs | null;
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

/** Where the pixels of a tile are: `count` x `count` pointers, columns first, to `zero` where outside. */
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

/** One-dimensional Bᵀ: six values `from` bytes apart to six `to` bytes apart. */
// @ts-ignore: decorator
@inline
function inputLine(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, dst: usize, to: usize): void {
  const two = f32x4.splat(2);
  const half = f32x4.splat(0.5);
  const k = f32x4.splat(2.5);
  v128.store(dst, nmadd(k, d2, f32x4.add(d0, d4)));
  const a = nmadd(two, d2, d4);
  const b = f32x4.mul(f32x4.splat(P), nmadd(two, d1, d3));
  v128.store(dst + to, f32x4.add(a, b));
  v128.store(dst + 2 * to, f32x4.sub(a, b));
  const c = nmadd(half, d2, d4);
  const e = f32x4.mul(f32x4.splat(Q), nmadd(half, d1, d3));
  v128.store(dst + 3 * to, f32x4.add(c, e));
  v128.store(dst + 4 * to, f32x4.sub(c, e));
  v128.store(dst + 5 * to, nmadd(k, d3, f32x4.add(d1, d5)));
}

/** The same for F(6x6): eight values to eight. */
// @ts-ignore: decorator
@inline
function inputLine8(d0: v128, d1: v128, d2: v128, d3: v128, d4: v128, d5: v128, d6: v128, d7: v128, dst: usize, to: usize): void {
  v128.store(dst, madd(f32x4.splat(5.25), f32x4.sub(d2, d4), f32x4.sub(d6, d0)));
  v128.store(dst + 7 * to, madd(f32x4.splat(5.25), f32x4.sub(d3, d5), f32x4.sub(d7, d1)));
  let e = nmadd(f32x4.splat(4.25), d4, f32x4.add(d6, d2));
  let o = nmadd(f32x4.splat(4.25), d3, f32x4.add(d5, d1));
  v128.store(dst + to, f32x4.add(e, o));
  v128.store(dst + 2 * to, f32x4.sub(e, o));
  e = madd(f32x4.splat(4), d2, nmadd(f32x4.splat(5), d4, d6));
  o = f32x4.mul(f32x4.splat(0.5), madd(f32x4.splat(4), d1, nmadd(f32x4.splat(5), d3, d5)));
  v128.store(dst + 3 * to, f32x4.add(e, o));
  v128.store(dst + 4 * to, f32x4.sub(e, o));
  e = madd(f32x4.splat(0.25), d2, nmadd(f32x4.splat(1.25), d4, d6));
  o = madd(f32x4.splat(0.5), d1, nmadd(f32x4.splat(2.5), d3, f32x4.add(d5, d5)));
  v128.store(dst + 5 * to, f32x4.add(e, o));
  v128.store(dst + 6 * to, f32x4.sub(e, o));
}

/** Bᵀ d B of one tile for some channels, 4 at a time; position p goes to dst + p * pos. */
// @ts-ignore: decorator
@inline
function inputTile(six: bool, table: usize, temp: usize, channel: usize, channels: i32, dst: usize, pos: usize): void {
  const end = channel + ((<usize>channels) << 2);
  do {
    let at = table;
    let to = dst;
    if (six) {
      for (let t = temp; t < temp + 8 * 16; t += 16) {
        inputLine8(
          v128.load(load<usize>(at) + channel), v128.load(load<usize>(at, 4) + channel),
          v128.load(load<usize>(at, 8) + channel), v128.load(load<usize>(at, 12) + channel),
          v128.load(load<usize>(at, 16) + channel), v128.load(load<usize>(at, 20) + channel),
          v128.load(load<usize>(at, 24) + channel), v128.load(load<usize>(at, 28) + channel),
          t, 128,
        );
        at += 32;
      }
      for (let t = temp; t < temp + 8 * 128; t += 128) {
        inputLine8(
          v128.load(t), v128.load(t, 16), v128.load(t, 32), v128.load(t, 48),
          v128.load(t, 64), v128.load(t, 80), v128.load(t, 96), v128.load(t, 112), to, pos,
        );
        to += 8 * pos;
      }
    } else {
      for (let t = temp; t < temp + 6 * 16; t += 16) {
        inputLine(
          v128.load(load<usize>(at) + channel), v128.load(load<usize>(at, 4) + channel), v128.load(load<usize>(at, 8) + channel),
          v128.load(load<usize>(at, 12) + channel), v128.load(load<usize>(at, 16) + channel), v128.load(load<usize>(at, 20) + channel),
          t, 96,
        );
        at += 24;
      }
      for (let t = temp; t < temp + 6 * 96; t += 96) {
        inputLine(v128.load(t), v128.load(t, 16), v128.load(t, 32), v128.load(t, 48), v128.load(t, 64), v128.load(t, 80), to, pos);
        to += 6 * pos;
      }
    }
    dst += 16;
    channel += 16;
  } while (channel < end);
}

/** `transformInput` for tiles of either size. */
// @ts-ignore: decorator
@inline
function transformTiles(
  six: bool, args: WinogradArgs, t0: i32, t1: i32, first: i32, rows: i32, v: usize, pos: i32, width: i32, scratch: usize,
): void {
  const c = args.c;
  const outputs = six ? 6 : 4;
  const inputs = outputs + 2;
  const table = align64(scratch);
  const temp = table + (six ? 256 : 192);
  const zero = temp + (six ? 1024 : 576);
  zeroFloats(zero, c + 4);
  const perPhase = args.tilesY * args.tilesX;
  const phases = args.phasesY * args.phasesX;
  const image = <usize>(args.h * args.w * args.xPixel) << 2;
  const posBytes = <usize>pos << 2;
  const packed = width == 0;
  const block = packed ? CHUNK : width;
  const blockBytes = <usize>(packed ? A_CHUNK : (rows * width) << 2);
  const groups = groupsOf(rows);
  const bytes = groupBytes(c);
  const small = rows / groups;
  const extra = rows - small * groups;
  for (let t = t0; t < t1; t++) {
    const tx = t % args.tilesX;
    const ty = (t / args.tilesX) % args.tilesY;
    const phase = (t / perPhase) % phases;
    const n = t / (perPhase * phases);
    const y = phase / args.phasesX - args.padTop + ty * outputs * args.dilY;
    const x = (phase % args.phasesX) - args.padLeft + tx * outputs * args.dilX;
    pointers(table, inputs, args.x + <usize>n * image, zero, y, args.dilY, args.h, x, args.dilX, args.w, args.xPixel);
    const row = t - first;
    let dst: usize;
    if (packed) {
      const big = extra * (small + 1);
      const g = row < big ? row / (small + 1) : extra + (row - big) / small;
      dst = v + <usize>g * bytes + <usize>((row - groupStart(rows, groups, g)) * A_ROW);
    } else dst = v + (<usize>(row * width) << 2);
    for (let c0 = 0; c0 < c; c0 += block) {
      inputTile(six, table, temp, <usize>c0 << 2, minI(block, c - c0), dst, posBytes);
      dst += blockBytes;
    }
  }
}

/**
 * Transforms F(4x4)'s tiles [t0, t1) into v. Width 0 packs them as A; otherwise as panels [channels / width][tile][width],
 * for the gradient of the filter, with `rows` tiles in a panel.
 */
export function transformInput(args: WinogradArgs, t0: i32, t1: i32, first: i32, rows: i32, v: usize, pos: i32, width: i32, scratch: usize): void {
  transformTiles(false, args, t0, t1, first, rows, v, pos, width, scratch);
}

/** One-dimensional Aᵀ: six values to four. */
// @ts-ignore: decorator
@inline
function outputLine(m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, dst: usize, to: usize): void {
  const s = f32x4.add(m1, m2);
  const d = f32x4.sub(m1, m2);
  const s2 = f32x4.add(m3, m4);
  const d2 = f32x4.sub(m3, m4);
  v128.store(dst, f32x4.add(f32x4.add(m0, s), s2));
  v128.store(dst + to, madd(f32x4.splat(Q), d2, f32x4.mul(f32x4.splat(P), d)));
  v128.store(dst + 2 * to, madd(f32x4.splat(2), s2, f32x4.mul(f32x4.splat(0.5), s)));
  v128.store(dst + 3 * to, madd(f32x4.splat(Q3), d2, madd(f32x4.splat(P3), d, m5)));
}

/** The same for F(6x6): eight values to six. */
// @ts-ignore: decorator
@inline
function outputLine6(m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, m6: v128, m7: v128, dst: usize, to: usize): void {
  const s1 = f32x4.add(m1, m2);
  const s2 = f32x4.add(m3, m4);
  const s3 = f32x4.add(m5, m6);
  v128.store(dst, f32x4.add(f32x4.add(m0, s1), f32x4.add(s2, s3)));
  v128.store(dst + 2 * to, madd(f32x4.splat(4), s3, madd(f32x4.splat(0.25), s2, s1)));
  v128.store(dst + 4 * to, madd(f32x4.splat(16), s3, madd(f32x4.splat(0.0625), s2, s1)));
  const d1 = f32x4.sub(m1, m2);
  const d2 = f32x4.sub(m3, m4);
  const d3 = f32x4.sub(m5, m6);
  v128.store(dst + to, madd(f32x4.splat(2), d3, madd(f32x4.splat(0.5), d2, d1)));
  v128.store(dst + 3 * to, madd(f32x4.splat(8), d3, madd(f32x4.splat(0.125), d2, d1)));
  v128.store(dst + 5 * to, madd(f32x4.splat(32), d3, madd(f32x4.splat(0.03125), d2, f32x4.add(d1, m7))));
}

/** Aᵀ M A of tiles [t0, t1) for panels [p0, p1), with bias and activation. m is [panel][tile][position][8]. */
// @ts-ignore: decorator
@inline
function transformOutput(six: bool, args: WinogradArgs, m: usize, t0: i32, t1: i32, p0: i32, p1: i32, scratch: usize): void {
  const outputs = six ? 6 : 4;
  const temp = align64(scratch);
  const result = temp + (six ? 768 : 384);
  const rows = t1 - t0;
  const perPhase = args.tilesY * args.tilesX;
  const phases = args.phasesY * args.phasesX;
  const act = args.act;
  const outPixel = args.outPixel;
  for (let t = t0; t < t1; t++) {
    const tx = t % args.tilesX;
    const ty = (t / args.tilesX) % args.tilesY;
    const phase = (t / perPhase) % phases;
    const n = t / (perPhase * phases);
    const y0 = phase / args.phasesX + ty * outputs * args.dilY;
    const x0 = (phase % args.phasesX) + tx * outputs * args.dilX;
    if (y0 >= args.oh || x0 >= args.ow) continue;
    const countY = minI(outputs, ceilDiv(args.oh - y0, args.dilY));
    const countX = minI(outputs, ceilDiv(args.ow - x0, args.dilX));
    const stepY = <usize>(args.dilY * args.ow * outPixel) << 2;
    const stepX = <usize>(args.dilX * outPixel) << 2;
    const corner = args.out + (<usize>(((n * args.oh + y0) * args.ow + x0) * outPixel) << 2);
    for (let p = p0; p < p1; p++) {
      let from = m + <usize>((p - p0) * rows + t - t0) * tileBytes(six);
      for (let half = 0; half < 8; half += 4) {
        const channel = p * NR + half;
        const left = args.o - channel;
        if (left <= 0) break;
        if (six) {
          for (let i = 0; i < 8; i++) {
            const f = from + <usize>i * 32;
            outputLine6(
              v128.load(f), v128.load(f, 256), v128.load(f, 512), v128.load(f, 768),
              v128.load(f, 1024), v128.load(f, 1280), v128.load(f, 1536), v128.load(f, 1792), temp + <usize>i * 16, 128,
            );
          }
        } else {
          for (let i = 0; i < 6; i++) {
            const f = from + <usize>i * 32;
            outputLine(v128.load(f), v128.load(f, 192), v128.load(f, 384), v128.load(f, 576), v128.load(f, 768), v128.load(f, 960), temp + <usize>i * 16, 96);
          }
        }
        let bias = f32x4.splat(0);
        if (args.bias) bias = v128.load(args.bias + (<usize>channel << 2));
        let out = corner + (<usize>channel << 2);
        for (let i = 0; i < countY; i++) {
          if (six) {
            const f = temp + <usize>i * 128;
            outputLine6(
              v128.load(f), v128.load(f, 16), v128.load(f, 32), v128.load(f, 48),
              v128.load(f, 64), v128.load(f, 80), v128.load(f, 96), v128.load(f, 112), result, 16,
            );
          } else {
            const f = temp + <usize>i * 96;
            outputLine(v128.load(f), v128.load(f, 16), v128.load(f, 32), v128.load(f, 48), v128.load(f, 64), v128.load(f, 80), result, 16);
          }
          let o = out;
          if (left >= 4) {
            for (let j = 0; j < countX; j++) {
              v128.store(o, activate(f32x4.add(v128.load(result + <usize>j * 16), bias), act));
              o += stepX;
            }
          } else {
            v128.store(result + 96, bias);
            for (let j = 0; j < countX; j++) {
              for (let l = 0; l < left; l++) {
                const at = <usize>l << 2;
                store<f32>(o + at, activateScalar(load<f32>(result + <usize>j * 16 + at) + load<f32>(result + at, 96), act));
              }
              o += stepX;
            }
          }
          out += stepY;
        }
        from += 16;
      }
    }
  }
}

/** The products of `rows` packed tiles with `panels` panels of u, position by position. */
// @ts-ignore: decorator
@inline
function multiply(six: bool, c: i32, v: usize, vPos: i32, rows: i32, u: usize, uPos: i32, panels: i32, m: usize): void {
  const panel = <usize>(c * NR) << 2;
  const positions = six ? 64 : 36;
  for (let pos = 0; pos < positions; pos++) {
    let b = u;
    let to = m;
    for (let p = 0; p < panels; p++) {
      panelPlain(v, rows, c, b, to, tileBytes(six));
      b += panel;
      to += <usize>rows * tileBytes(six);
    }
    v += <usize>vPos << 2;
    u += <usize>uPos << 2;
    m += 32;
  }
}

/** Bytes of scratch of one item: its transformed tiles, their products and the small tables. */
export function winogradScratch(six: bool, c: i32, o: i32, block: i32): usize {
  const v = (<usize>packedPosition(block, c) << 2) * (six ? 64 : 36);
  return v + <usize>(ceilDiv(o, NR) * block) * tileBytes(six) + (<usize>c << 2) + 2048;
}

// @ts-ignore: decorator
@inline
function block(six: bool, item: i32, args: WinogradArgs, scratch: usize): void {
  const t0 = item * args.block;
  const t1 = minI(t0 + args.block, args.tiles);
  const rows = t1 - t0;
  const panels = ceilDiv(args.o, NR);
  const pos = packedPosition(rows, args.c);
  const v = align64(scratch);
  const m = v + (<usize>(pos * (six ? 64 : 36)) << 2);
  const rest = m + <usize>(panels * rows) * tileBytes(six);
  transformTiles(six, args, t0, t1, t0, rows, v, pos, 0, rest);
  multiply(six, args.c, v, pos, rows, args.u, args.uPos, panels, m);
  transformOutput(six, args, m, t0, t1, 0, panels, rest);
}

/** Job: one block of tiles, from the input to the output. */
export function winograd(item: i32, args: WinogradArgs, scratch: usize): void {
  block(false, item, args, scratch);
}

/** Job: the same with F(6x6). */
export function winograd6(item: i32, args: WinogradArgs, scratch: usize): void {
  block(true, item, args, scratch);
}

/** Job, for few tiles and many channels: item transforms `block` of the tiles into args.v ... */
export function winogradInput(item: i32, args: WinogradArgs, scratch: usize): void {
  const t0 = item * args.block;
  transformInput(args, t0, minI(t0 + args.block, args.tiles), 0, args.tiles, args.v, packedPosition(args.tiles, args.c), 0, scratch);
}

/** ... and, when all are there, computes `panelsPerItem` panels of the output. */
export function winogradOutput(item: i32, args: WinogradArgs, scratch: usize): void {
  const c = args.c;
  const p0 = item * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, ceilDiv(args.o, NR));
  const tiles = args.tiles;
  let m = align64(scratch);
  let u = args.u + (<usize>(p0 * c * NR) << 2);
  let uPos = args.uPos;
  const filter = args.filter;
  if (filter) {
    u = m;
    uPos = filterPosition(args.panelsPerItem * NR, c);
    m += <usize>(36 * uPos) << 2;
    transformFilter(false, filter, p0, p1, u, uPos, m);
  }
  multiply(false, c, args.v, packedPosition(tiles, c), tiles, u, uPos, p1 - p0, m);
  transformOutput(false, args, m, 0, tiles, p0, p1, m + <usize>((p1 - p0) * tiles) * tileBytes(false));
}

/** Any layout of a 3x3 filter: element (n, k, tap) is at w + n * strideN + k * strideK + tap * strideTap floats. */
@unmanaged
export class FilterArgs {
  w: usize; u: usize;
  n: i32; k: i32;
  strideN: i32; strideK: i32; strideTap: i32;
  /** Floats from one position of u to the next; panels an item takes. */
  uPos: i32; panelsPerItem: i32;
}

/** Floats from one position to the next of a transformed filter. */
export function filterPosition(n: i32, k: i32): i32 {
  return oddLines(ceilDiv(n, NR) * NR * k);
}

/** One-dimensional G: three values to six. */
// @ts-ignore: decorator
@inline
function filterLine(g0: v128, g1: v128, g2: v128, dst: usize, to: usize): void {
  v128.store(dst, g0);
  // (1, ±p, p²) / -1.5 and (1, ±q, q²) / 6
  const a = madd(f32x4.splat(-1.0 / 3.0), g2, f32x4.mul(f32x4.splat(-2.0 / 3.0), g0));
  const b = f32x4.mul(f32x4.splat(-Q / 3.0), g1);
  v128.store(dst + to, f32x4.add(a, b));
  v128.store(dst + 2 * to, f32x4.sub(a, b));
  const c = madd(f32x4.splat(1.0 / 3.0), g2, f32x4.mul(f32x4.splat(1.0 / 6.0), g0));
  const d = f32x4.mul(f32x4.splat(Q / 6.0), g1);
  v128.store(dst + 3 * to, f32x4.add(c, d));
  v128.store(dst + 4 * to, f32x4.sub(c, d));
  v128.store(dst + 5 * to, g2);
}

/** The same for F(6x6): three values to eight. */
// @ts-ignore: decorator
@inline
function filterLine8(g0: v128, g1: v128, g2: v128, dst: usize, to: usize): void {
  v128.store(dst, f32x4.neg(g0));
  // (1, ±1, 1) / -4.5, (1, ±1/2, 1/4) * 32/45 and (1, ±2, 4) / 90
  let a = f32x4.mul(f32x4.splat(-2.0 / 9.0), f32x4.add(g0, g2));
  let b = f32x4.mul(f32x4.splat(-2.0 / 9.0), g1);
  v128.store(dst + to, f32x4.add(a, b));
  v128.store(dst + 2 * to, f32x4.sub(a, b));
  a = madd(f32x4.splat(8.0 / 45.0), g2, f32x4.mul(f32x4.splat(32.0 / 45.0), g0));
  b = f32x4.mul(f32x4.splat(16.0 / 45.0), g1);
  v128.store(dst + 3 * to, f32x4.add(a, b));
  v128.store(dst + 4 * to, f32x4.sub(a, b));
  a = madd(f32x4.splat(2.0 / 45.0), g2, f32x4.mul(f32x4.splat(1.0 / 90.0), g0));
  b = f32x4.mul(f32x4.splat(1.0 / 45.0), g1);
  v128.store(dst + 5 * to, f32x4.add(a, b));
  v128.store(dst + 6 * to, f32x4.sub(a, b));
  v128.store(dst + 7 * to, g2);
}

// @ts-ignore: decorator
@inline
function filterColumn(six: bool, g0: v128, g1: v128, g2: v128, dst: usize, to: usize): void {
  if (six) filterLine8(g0, g1, g2, dst, to);
  else filterLine(g0, g1, g2, dst, to);
}

// @ts-ignore: decorator
@inline
function gather(p: usize, lane: usize, count: i32): v128 {
  let v = v128.load32_zero(p);
  if (count > 1) v = v128.load32_lane(p + lane, v, 1);
  if (count > 2) v = v128.load32_lane(p + 2 * lane, v, 2);
  if (count > 3) v = v128.load32_lane(p + 3 * lane, v, 3);
  return v;
}

/** G g Gᵀ of panels [p0, p1) of 8 out-channels; u is [position][panel][k][8], its positions uPos floats apart. */
// @ts-ignore: decorator
@inline
function transformFilter(six: bool, args: FilterArgs, p0: i32, p1: i32, u: usize, uPos: i32, scratch: usize): void {
  const inputs = six ? 8 : 6;
  const temp = align64(scratch);
  const pos = <usize>uPos << 2;
  const lane = <usize>(args.strideN << 2);
  const tap = <usize>(args.strideTap << 2);
  for (let p = p0; p < p1; p++) {
    for (let k = 0; k < args.k; k++) {
      for (let half = 0; half < 2; half++) {
        const n = p * NR + half * 4;
        const count = minI(4, args.n - n);
        const to = u + (<usize>(((p - p0) * args.k + k) * NR + half * 4) << 2);
        let from = args.w + <usize>((n * args.strideN + k * args.strideK) << 2);
        if (count == 4 && lane == 4) {
          for (let i: usize = 0; i < 3; i++) {
            filterColumn(six, v128.load(from), v128.load(from + 3 * tap), v128.load(from + 6 * tap), temp + i * 16, 48);
            from += tap;
          }
        } else if (count == 4) {
          for (let i: usize = 0; i < 3; i++) {
            filterColumn(six, gather(from, lane, 4), gather(from + 3 * tap, lane, 4), gather(from + 6 * tap, lane, 4), temp + i * 16, 48);
            from += tap;
          }
        } else if (count > 0) {
          for (let i: usize = 0; i < 3; i++) {
            filterColumn(six, gather(from, lane, count), gather(from + 3 * tap, lane, count), gather(from + 6 * tap, lane, count), temp + i * 16, 48);
            from += tap;
          }
        } else memory.fill(temp, 0, 384);
        for (let i: usize = 0; i < <usize>inputs; i++) {
          const f = temp + i * 48;
          filterColumn(six, v128.load(f), v128.load(f, 16), v128.load(f, 32), to + i * inputs * pos, pos);
        }
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function prepare(six: bool, item: i32, args: FilterArgs, scratch: usize): void {
  const p0 = item * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, ceilDiv(args.n, NR));
  transformFilter(six, args, p0, p1, args.u + (<usize>(p0 * args.k * NR) << 2), args.uPos, scratch);
}

/** Job: the filter of F(4x4). */
export function winogradFilter(item: i32, args: FilterArgs, scratch: usize): void {
  prepare(false, item, args, scratch);
}

/** Job: the filter of F(6x6). */
export function winogradFilter6(item: i32, args: FilterArgs, scratch: usize): void {
  prepare(true, item, args, scratch);
}
