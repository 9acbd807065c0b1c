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

/** `transformTiles` of F(4x4), not inlined. */
export function transformInput(args: TileArgs, t0: i32, t1: i32, first: i32, rows: i32, v: usize, pos: i32, width: i32, scratch: usize): void {
  transformTiles(false, args, t0, t1, first, rows, v, pos, width, scratch);
}
