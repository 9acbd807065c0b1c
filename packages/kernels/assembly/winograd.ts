/**
 * 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications.
 *
 * Lavin and Gray, "Fast algorithms for convolutional neural networks" (2015), with the interpolation points
 * 0, ±1/√2, ±√2, ∞ instead of 0, ±1, ±2, ∞: as many operations, and about half the rounding error.
 *
 *   y = Aᵀ [ (G g Gᵀ) ∘ (Bᵀ d B) ] A      for every tile of 6x6 inputs d and 4x4 outputs y
 *
 * The middle product, summed over the in-channels, is one matrix product for each of the 36 positions.
 * A dilated convolution is dilY * dilX interleaved plain ones (phases), each on its own grid of tiles.
 */
import { panelPlain, groupBytes, groupStart, groupsOf } from './gemm';
import { A_CHUNK, A_ROW, CHUNK, NR, activate, activateScalar, align64, ceilDiv, madd, minI, nmadd, zeroFloats } from './simd';

export const P: f32 = 0.70710678118654752;
export const Q: f32 = 1.41421356237309505;
const P3: f32 = 0.35355339059327376;
const Q3: f32 = 2.82842712474619010;

/** Bytes of one tile's 36 positions for one panel of 8 out-channels. */
export const M_TILE: i32 = 36 * 32;

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

/** Bᵀ d B of one tile for channels c0 to c1, 4 at a time; position p goes to dst + p * pos. */
// @ts-ignore: decorator
@inline
function inputTile(table: usize, temp: usize, channel: usize, channels: i32, dst: usize, pos: usize): void {
  const end = channel + ((<usize>channels) << 2);
  do {
    let at = table;
    for (let t = temp; t < temp + 6 * 16; t += 16) {
      inputLine(
        v128.load(load<usize>(at) + channel), v128.load(load<usize>(at, 4) + channel), v128.load(load<usize>(at, 8) + channel),
        v128.load(load<usize>(at, 12) + channel), v128.load(load<usize>(at, 16) + channel), v128.load(load<usize>(at, 20) + channel),
        t, 96,
      );
      at += 24;
    }
    let to = dst;
    for (let t = temp; t < temp + 6 * 96; t += 96) {
      inputLine(v128.load(t), v128.load(t, 16), v128.load(t, 32), v128.load(t, 48), v128.load(t, 64), v128.load(t, 80), to, pos);
      to += 6 * pos;
    }
    dst += 16;
    channel += 16;
  } while (channel < end);
}

/**
 * Transforms tiles [t0, t1) into v. Layout 0 packs them as A; otherwise as panels [channels / width][tile][width],
 * for the gradient of the filter, with `rows` tiles in a panel.
 */
export function transformInput(args: WinogradArgs, t0: i32, t1: i32, first: i32, rows: i32, v: usize, pos: i32, width: i32, scratch: usize): void {
  const c = args.c;
  const table = align64(scratch);
  const temp = table + 192;
  const zero = temp + 576;
  zeroFloats(zero, c + 4);
  const perPhase = args.tilesY * args.tilesX;
  const phases = args.phasesY * args.phasesX;
  const image = <usize>(args.h * args.w * args.xPixel) << 2;
  const posBytes = <usize>pos << 2;
  const packed = width == 0;
  const block = packed ? CHUNK : width;
  const blockBytes: usize = <usize>(packed ? A_CHUNK : (rows * width) << 2);
  const groups = groupsOf(rows);
  const bytes = groupBytes(c);
  const small = rows / groups;
  const extra = rows - small * groups;
  for (let t = t0; t < t1; t++) {
    const tx = t % args.tilesX;
    const ty = (t / args.tilesX) % args.tilesY;
    const phase = (t / perPhase) % phases;
    const n = t / (perPhase * phases);
    const y = phase / args.phasesX - args.padTop + ty * 4 * args.dilY;
    const x = (phase % args.phasesX) - args.padLeft + tx * 4 * args.dilX;
    pointers(table, 6, args.x + <usize>n * image, zero, y, args.dilY, args.h, x, args.dilX, args.w, args.xPixel);
    const row = t - first;
    let dst: usize;
    if (packed) {
      const big = extra * (small + 1);
      const g = row < big ? row / (small + 1) : extra + (row - big) / small;
      dst = v + <usize>g * bytes + <usize>((row - groupStart(rows, groups, g)) * A_ROW);
    } else dst = v + (<usize>(row * width) << 2);
    for (let c0 = 0; c0 < c; c0 += block) {
      inputTile(table, temp, <usize>c0 << 2, minI(block, c - c0), dst, posBytes);
      dst += blockBytes;
    }
  }
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

/** Aᵀ M A of tiles [t0, t1) for panels [p0, p1), with bias and activation. m is [panel][tile][36][8]. */
function transformOutput(args: WinogradArgs, m: usize, t0: i32, t1: i32, p0: i32, p1: i32, scratch: usize): void {
  const temp = align64(scratch);
  const result = temp + 384;
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
    const y0 = phase / args.phasesX + ty * 4 * args.dilY;
    const x0 = (phase % args.phasesX) + tx * 4 * args.dilX;
    if (y0 >= args.oh || x0 >= args.ow) continue;
    const countY = minI(4, ceilDiv(args.oh - y0, args.dilY));
    const countX = minI(4, ceilDiv(args.ow - x0, args.dilX));
    const stepY = <usize>(args.dilY * args.ow * outPixel) << 2;
    const stepX = <usize>(args.dilX * outPixel) << 2;
    const corner = args.out + (<usize>(((n * args.oh + y0) * args.ow + x0) * outPixel) << 2);
    for (let p = p0; p < p1; p++) {
      let from = m + <usize>((p - p0) * rows + t - t0) * M_TILE;
      for (let half = 0; half < 8; half += 4) {
        const channel = p * NR + half;
        const left = args.o - channel;
        if (left <= 0) break;
        for (let i = 0; i < 6; i++) {
          const f = from + <usize>i * 32;
          outputLine(v128.load(f), v128.load(f, 192), v128.load(f, 384), v128.load(f, 576), v128.load(f, 768), v128.load(f, 960), temp + <usize>i * 16, 96);
        }
        let bias = f32x4.splat(0);
        if (args.bias) bias = v128.load(args.bias + (<usize>channel << 2));
        let out = corner + (<usize>channel << 2);
        for (let i = 0; i < countY; i++) {
          const f = temp + <usize>i * 96;
          outputLine(v128.load(f), v128.load(f, 16), v128.load(f, 32), v128.load(f, 48), v128.load(f, 64), v128.load(f, 80), result, 16);
          let o = out;
          if (left >= 4) {
            for (let j = 0; j < countX; j++) {
              v128.store(o, activate(f32x4.add(v128.load(result + <usize>j * 16), bias), act));
              o += stepX;
            }
          } else {
            v128.store(result + 64, bias);
            for (let j = 0; j < countX; j++) {
              for (let l = 0; l < left; l++) {
                const at = <usize>l << 2;
                store<f32>(o + at, activateScalar(load<f32>(result + <usize>j * 16 + at) + load<f32>(result + at, 64), act));
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

/** The 36 products of `rows` packed tiles with panels [p0, p1). */
// @ts-ignore: decorator
@inline
function multiply(args: WinogradArgs, v: usize, vPos: i32, rows: i32, p0: i32, p1: i32, m: usize): void {
  const panel = <usize>(args.c * NR) << 2;
  for (let pos = 0; pos < 36; pos++) {
    const a = v + (<usize>(pos * vPos) << 2);
    let b = args.u + (<usize>(pos * args.uPos) << 2) + <usize>p0 * panel;
    let to = m + <usize>pos * 32;
    for (let p = p0; p < p1; p++) {
      panelPlain(a, rows, args.c, b, to, M_TILE);
      b += panel;
      to += <usize>rows * M_TILE;
    }
  }
}

/** Bytes of scratch of one `winograd` item: its transformed tiles, their products and the small tables. */
export function winogradScratch(c: i32, o: i32, block: i32): usize {
  return (<usize>packedPosition(block, c) << 2) * 36 + <usize>(ceilDiv(o, NR) * block) * M_TILE + (<usize>c << 2) + 2048;
}

/** Job: one block of tiles, from the input to the output. */
export function winograd(item: i32, args: WinogradArgs, scratch: usize): void {
  const t0 = item * args.block;
  const t1 = minI(t0 + args.block, args.tiles);
  const rows = t1 - t0;
  const panels = ceilDiv(args.o, NR);
  const pos = packedPosition(rows, args.c);
  const v = align64(scratch);
  const m = v + (<usize>(pos * 36) << 2);
  const rest = m + <usize>(panels * rows) * M_TILE;
  transformInput(args, t0, t1, t0, rows, v, pos, 0, rest);
  multiply(args, v, pos, rows, 0, panels, m);
  transformOutput(args, m, t0, t1, 0, panels, rest);
}

/** Job, for few tiles and many channels: item transforms `block` of the tiles into args.v ... */
export function winogradInput(item: i32, args: WinogradArgs, scratch: usize): void {
  const t0 = item * args.block;
  transformInput(args, t0, minI(t0 + args.block, args.tiles), 0, args.tiles, args.v, packedPosition(args.tiles, args.c), 0, scratch);
}

/** ... and, when all are there, computes `panelsPerItem` panels of the output. */
export function winogradOutput(item: i32, args: WinogradArgs, scratch: usize): void {
  const p0 = item * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, ceilDiv(args.o, NR));
  const m = align64(scratch);
  multiply(args, args.v, packedPosition(args.tiles, args.c), args.tiles, p0, p1, m);
  transformOutput(args, m, 0, args.tiles, p0, p1, m + <usize>((p1 - p0) * args.tiles) * M_TILE);
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

// @ts-ignore: decorator
@inline
function gather(p: usize, lane: usize, count: i32): v128 {
  let v = v128.load32_zero(p);
  if (count > 1) v = v128.load32_lane(p + lane, v, 1);
  if (count > 2) v = v128.load32_lane(p + 2 * lane, v, 2);
  if (count > 3) v = v128.load32_lane(p + 3 * lane, v, 3);
  return v;
}

/** Job: G g Gᵀ of some panels of 8 out-channels; u is [36][panel][k][8]. */
export function winogradFilter(item: i32, args: FilterArgs, scratch: usize): void {
  const temp = align64(scratch);
  const p0 = item * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, ceilDiv(args.n, NR));
  const pos = <usize>args.uPos << 2;
  const lane = <usize>(args.strideN << 2);
  const tap = <usize>(args.strideTap << 2);
  for (let p = p0; p < p1; p++) {
    for (let k = 0; k < args.k; k++) {
      for (let half = 0; half < 2; half++) {
        const n = p * NR + half * 4;
        const count = minI(4, args.n - n);
        const to = args.u + (<usize>((p * args.k + k) * NR + half * 4) << 2);
        let from = args.w + <usize>((n * args.strideN + k * args.strideK) << 2);
        if (count == 4 && lane == 4) {
          for (let i: usize = 0; i < 3; i++) {
            filterLine(v128.load(from), v128.load(from + 3 * tap), v128.load(from + 6 * tap), temp + i * 16, 48);
            from += tap;
          }
        } else if (count == 4) {
          for (let i: usize = 0; i < 3; i++) {
            filterLine(gather(from, lane, 4), gather(from + 3 * tap, lane, 4), gather(from + 6 * tap, lane, 4), temp + i * 16, 48);
            from += tap;
          }
        } else if (count > 0) {
          for (let i: usize = 0; i < 3; i++) {
            filterLine(gather(from, lane, count), gather(from + 3 * tap, lane, count), gather(from + 6 * tap, lane, count), temp + i * 16, 48);
            from += tap;
          }
        } else memory.fill(temp, 0, 288);
        for (let i: usize = 0; i < 6; i++) {
          filterLine(v128.load(temp + i * 48), v128.load(temp + i * 48, 16), v128.load(temp + i * 48, 32), to + i * 6 * pos, pos);
        }
      }
    }
  }
}
