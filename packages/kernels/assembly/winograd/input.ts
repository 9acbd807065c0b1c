/** The input transform of Winograd's convolution, Bᵀ d B. */
import { groupBytes, groupStart, groupsOf } from '../gemm';
import { A_CHUNK, A_ROW, CHUNK, align64, madd, minI, nmadd, zeroFloats } from '../simd';
import { P, Q, TileArgs, pointers } from './tiles';

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

/** One-dimensional Bᵀ of F(6x6): eight values to eight. */
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

/** Bytes from one row to the next of a tile that is transformed in one direction; a power of two would crowd the cache sets. */
// @ts-ignore: decorator
@inline
function rowBytes(six: bool): usize {
  return (six ? 8 : 6) * A_ROW + 64;
}

/** Bytes of scratch of `transformTiles`: the table of pointers, a tile's values of CHUNK channels, zeros for the padding. */
export function tilesScratch(six: bool, c: i32): usize {
  return 512 + (six ? 8 : 6) * rowBytes(six) + (<usize>c << 2);
}

/** Bᵀ of one column of a tile, whose pointers are at `at`, for `bytes` of channels; its values go to dst, `row` bytes apart. */
// @ts-ignore: decorator
@inline
function inputColumn(six: bool, at: usize, channel: usize, bytes: usize, dst: usize, row: usize): void {
  const p0 = load<usize>(at) + channel, p1 = load<usize>(at, 4) + channel, p2 = load<usize>(at, 8) + channel;
  const p3 = load<usize>(at, 12) + channel, p4 = load<usize>(at, 16) + channel, p5 = load<usize>(at, 20) + channel;
  if (six) {
    const p6 = load<usize>(at, 24) + channel, p7 = load<usize>(at, 28) + channel;
    for (let i: usize = 0; i < bytes; i += 16) {
      inputLine8(
        v128.load(p0 + i), v128.load(p1 + i), v128.load(p2 + i), v128.load(p3 + i),
        v128.load(p4 + i), v128.load(p5 + i), v128.load(p6 + i), v128.load(p7 + i), dst + i, row,
      );
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 16) {
      inputLine(
        v128.load(p0 + i), v128.load(p1 + i), v128.load(p2 + i), v128.load(p3 + i), v128.load(p4 + i), v128.load(p5 + i), dst + i, row,
      );
    }
  }
}

/** Bᵀ of one row of columns that were transformed, for four channels. */
// @ts-ignore: decorator
@inline
function inputRow(six: bool, f: usize, dst: usize, pos: usize): void {
  if (six) {
    inputLine8(
      v128.load(f), v128.load(f, A_ROW), v128.load(f, 2 * A_ROW), v128.load(f, 3 * A_ROW),
      v128.load(f, 4 * A_ROW), v128.load(f, 5 * A_ROW), v128.load(f, 6 * A_ROW), v128.load(f, 7 * A_ROW), dst, pos,
    );
  } else {
    inputLine(
      v128.load(f), v128.load(f, A_ROW), v128.load(f, 2 * A_ROW), v128.load(f, 3 * A_ROW), v128.load(f, 4 * A_ROW), v128.load(f, 5 * A_ROW), dst, pos,
    );
  }
}

/**
 * Bᵀ d B of one tile for up to CHUNK channels. First all columns, each of which reads as many rows of the image from left to right, then all rows,
 * each of which writes as many positions: so few streams are read and written ahead. Position p goes to dst + p * pos; after `run` bytes
 * of channels it goes on `skip` bytes further.
 */
// @ts-ignore: decorator
@inline
function inputTile(six: bool, table: usize, temp: usize, channel: usize, channels: i32, dst: usize, pos: usize, run: usize, skip: usize): void {
  const bytes = <usize>((channels + 3) & ~3) << 2;
  const inputs: usize = six ? 8 : 6;
  const row = rowBytes(six);
  for (let column: usize = 0; column < inputs; column++)
    inputColumn(six, table + column * inputs * 4, channel, bytes, temp + column * A_ROW, row);
  for (let from = temp; from < temp + inputs * row; from += row) {
    let to = dst;
    for (let i: usize = 0; i < bytes; ) {
      const end = i + run < bytes ? i + run : bytes;
      for (; i < end; i += 16) {
        inputRow(six, from + i, to, pos);
        to += 16;
      }
      to += skip;
    }
    dst += inputs * pos;
  }
}

/**
 * Transforms tiles [t0, t1) into v. Width 0 packs them as A of the matrix product; otherwise they become panels
 * [channels / width][tile][width], for the gradient of the filter, with `rows` tiles in a panel.
 */
// @ts-ignore: decorator
@inline
export function transformTiles(
  six: bool, args: TileArgs, t0: i32, t1: i32, first: i32, rows: i32, v: usize, pos: i32, width: i32, scratch: usize,
): void {
  const c = args.c;
  const outputs = six ? 6 : 4;
  const inputs = outputs + 2;
  const table = align64(scratch);
  const temp = table + 256;
  const zero = temp + <usize>inputs * rowBytes(six);
  zeroFloats(zero, c + 4);
  const perPhase = args.tilesY * args.tilesX;
  const phases = args.phasesY * args.phasesX;
  const image = <usize>(args.h * args.w * args.xPixel) << 2;
  const posBytes = <usize>pos << 2;
  const packed = width == 0;
  // A chunk of packed A, or one panel.
  const run = <usize>(packed ? A_ROW : width << 2);
  const skip = packed ? 0 : <usize>((rows - 1) * width) << 2;
  const chunkBytes = <usize>(packed ? A_CHUNK : (rows * CHUNK) << 2);
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
    for (let c0 = 0; c0 < c; c0 += CHUNK) {
      inputTile(six, table, temp, <usize>c0 << 2, minI(CHUNK, c - c0), dst, posBytes, run, skip);
      dst += chunkBytes;
    }
  }
}

/** `transformTiles` of F(4x4), not inlined. */
export function transformInput(args: TileArgs, t0: i32, t1: i32, first: i32, rows: i32, v: usize, pos: i32, width: i32, scratch: usize): void {
  transformTiles(false, args, t0, t1, first, rows, v, pos, width, scratch);
}
