/** The filter transform of Winograd's convolution, G g Gᵀ. */
import { NR, align64, ceilDiv, madd, minI } from '../simd';
import { Q, oddLines } from './tiles';

/** A 3x3 filter in any layout: element (n, k, tap) is at w + n * strideN + k * strideK + tap * strideTap floats. */
@unmanaged
export class FilterArgs {
  w: usize; n: i32; k: i32;
  strideN: i32; strideK: i32; strideTap: i32;
}

@unmanaged
export class WinogradFilterArgs extends FilterArgs {
  /** Where the transformed filter goes; floats from one position to the next; panels an item takes. */
  u: usize; uPos: i32; panelsPerItem: i32;
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

/** One-dimensional G of F(6x6): three values to eight. */
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
export function transformFilter(six: bool, args: FilterArgs, p0: i32, p1: i32, u: usize, uPos: i32, scratch: usize): void {
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
function prepare(six: bool, item: i32, args: WinogradFilterArgs, scratch: usize): void {
  const p0 = item * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, ceilDiv(args.n, NR));
  transformFilter(six, args, p0, p1, args.u + (<usize>(p0 * args.k * NR) << 2), args.uPos, scratch);
}

/** Job: the filter of F(4x4). */
export function winogradFilter(item: i32, args: WinogradFilterArgs, scratch: usize): void {
  prepare(false, item, args, scratch);
}

/** Job: the filter of F(6x6). */
export function winogradFilter6(item: i32, args: WinogradFilterArgs, scratch: usize): void {
  prepare(true, item, args, scratch);
}
