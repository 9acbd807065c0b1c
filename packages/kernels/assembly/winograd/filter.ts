/** The filter transform of Winograd's convolution, G g Gᵀ. */
import { NR, align64, ceilDiv, madd, minI, transpose4 } from '../simd';
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

/** x * a + y * b */
// @ts-ignore: decorator
@inline
function mix(x: f32, a: v128, y: f32, b: v128): v128 {
  return madd(f32x4.splat(x), a, times(y, b));
}

// @ts-ignore: decorator
@inline
function times(x: f32, a: v128): v128 {
  return f32x4.mul(f32x4.splat(x), a);
}

/**
 * The rows of G between the first and the last come in pairs of points ±p, whose values are `even(pair)` + `odd(pair)` and `even(pair)` - `odd(pair)`:
 * (1, ±p, p²) / -1.5 and (1, ±q, q²) / 6; of F(6x6) (1, ±1, 1) / -4.5, (1, ±1/2, 1/4) * 32/45 and (1, ±2, 4) / 90.
 */
// @ts-ignore: decorator
@inline
function even(six: bool, pair: i32, g0: v128, g2: v128): v128 {
  if (six) {
    if (pair == 0) return times(-2.0 / 9.0, f32x4.add(g0, g2));
    if (pair == 1) return mix(8.0 / 45.0, g2, 32.0 / 45.0, g0);
    return mix(2.0 / 45.0, g2, 1.0 / 90.0, g0);
  }
  if (pair == 0) return mix(-1.0 / 3.0, g2, -2.0 / 3.0, g0);
  return mix(1.0 / 3.0, g2, 1.0 / 6.0, g0);
}

// @ts-ignore: decorator
@inline
function odd(six: bool, pair: i32, g1: v128): v128 {
  if (six) return times(pair == 0 ? -2.0 / 9.0 : pair == 1 ? 16.0 / 45.0 : 1.0 / 45.0, g1);
  return times(pair == 0 ? -Q / 3.0 : Q / 6.0, g1);
}

/** The first row of G. */
// @ts-ignore: decorator
@inline
function first(six: bool, g0: v128): v128 {
  return six ? f32x4.neg(g0) : g0;
}

// @ts-ignore: decorator
@inline
function storePair(a: v128, b: v128, dst: usize, to: usize): void {
  v128.store(dst, f32x4.add(a, b));
  v128.store(dst + to, f32x4.sub(a, b));
}

/** One-dimensional G: three values to six (F(6x6): eight). */
// @ts-ignore: decorator
@inline
function filterRow(six: bool, g0: v128, g1: v128, g2: v128, dst: usize, to: usize): void {
  v128.store(dst, first(six, g0));
  storePair(even(six, 0, g0, g2), odd(six, 0, g1), dst + to, to);
  storePair(even(six, 1, g0, g2), odd(six, 1, g1), dst + 3 * to, to);
  if (six) storePair(even(six, 2, g0, g2), odd(six, 2, g1), dst + 5 * to, to);
  v128.store(dst + (six ? 7 : 5) * to, g2);
}

/** The rows of G g Gᵀ of one pair of points. */
// @ts-ignore: decorator
@inline
function filterRows(
  six: bool, pair: i32, g00: v128, g01: v128, g02: v128, g10: v128, g11: v128, g12: v128, g20: v128, g21: v128, g22: v128, dst: usize, to: usize,
): void {
  const a0 = even(six, pair, g00, g20), a1 = even(six, pair, g01, g21), a2 = even(six, pair, g02, g22);
  const b0 = odd(six, pair, g10), b1 = odd(six, pair, g11), b2 = odd(six, pair, g12);
  filterRow(six, f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), dst, to);
  filterRow(six, f32x4.sub(a0, b0), f32x4.sub(a1, b1), f32x4.sub(a2, b2), dst + (six ? 8 : 6) * to, to);
}

/** G g Gᵀ of nine taps, `tap` bytes apart; position p goes to dst + p * to. */
// @ts-ignore: decorator
@inline
function filterTaps(six: bool, from: usize, tap: usize, dst: usize, to: usize): void {
  const g00 = v128.load(from), g01 = v128.load(from + tap), g02 = v128.load(from + 2 * tap);
  const g10 = v128.load(from + 3 * tap), g11 = v128.load(from + 4 * tap), g12 = v128.load(from + 5 * tap);
  const g20 = v128.load(from + 6 * tap), g21 = v128.load(from + 7 * tap), g22 = v128.load(from + 8 * tap);
  const row = (six ? 8 : 6) * to;
  filterRow(six, first(six, g00), first(six, g01), first(six, g02), dst, to);
  filterRows(six, 0, g00, g01, g02, g10, g11, g12, g20, g21, g22, dst + row, to);
  filterRows(six, 1, g00, g01, g02, g10, g11, g12, g20, g21, g22, dst + 3 * row, to);
  if (six) filterRows(six, 2, g00, g01, g02, g10, g11, g12, g20, g21, g22, dst + 5 * row, to);
  filterRow(six, g20, g21, g22, dst + (six ? 7 : 5) * row, to);
}

/** The first `count` of four floats that are `lane` bytes apart, the rest zero. */
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
function transformPanels(six: bool, args: FilterArgs, p0: i32, p1: i32, u: usize, uPos: i32, scratch: usize): void {
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
        const from = args.w + <usize>((n * args.strideN + k * args.strideK) << 2);
        let taps = temp;
        let step: usize = 16;
        if (count == 4 && lane == 4) {
          taps = from;
          step = tap;
        } else if (count == 4 && tap == 4) {
          transpose4(from, lane, temp, 16);
          transpose4(from + 16, lane, temp + 64, 16);
          v128.store(temp + 128, gather(from + 32, lane, 4));
        } else if (count == 4 && tap == -4) {
          // The taps run backwards.
          transpose4(from - 12, lane, temp + 48, -16);
          transpose4(from - 28, lane, temp + 112, -16);
          v128.store(temp + 128, gather(from - 32, lane, 4));
        } else {
          for (let i: usize = 0; i < 9; i++) v128.store(temp + i * 16, count > 0 ? gather(from + i * tap, lane, count) : f32x4.splat(0));
        }
        filterTaps(six, taps, step, to, pos);
      }
    }
  }
}

/** `transformPanels` of F(4x4), not inlined. */
export function transformFilter(args: FilterArgs, p0: i32, p1: i32, u: usize, uPos: i32, scratch: usize): void {
  transformPanels(false, args, p0, p1, u, uPos, scratch);
}

// @ts-ignore: decorator
@inline
function prepare(six: bool, item: i32, args: WinogradFilterArgs, scratch: usize): void {
  const p0 = item * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, ceilDiv(args.n, NR));
  const u = args.u + (<usize>(p0 * args.k * NR) << 2);
  if (six) transformPanels(true, args, p0, p1, u, args.uPos, scratch);
  else transformFilter(args, p0, p1, u, args.uPos, scratch);
}

/** Job: the filter of F(4x4). */
export function winogradFilter(item: i32, args: WinogradFilterArgs, scratch: usize): void {
  prepare(false, item, args, scratch);
}

/** Job: the filter of F(6x6). */
export function winogradFilter6(item: i32, args: WinogradFilterArgs, scratch: usize): void {
  prepare(true, item, args, scratch);
}
