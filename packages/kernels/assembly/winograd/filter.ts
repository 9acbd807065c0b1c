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
function filterRow(six: bool, g0: v128, g1: v128, g2: v128, dst: usize, to: usize): void {
  if (six) filterLine8(g0, g1, g2, dst, to);
  else filterLine(g0, g1, g2, dst, to);
}

/** Two rows of G g, whose values are sums and differences of the same, to the rows of G g Gᵀ. */
// @ts-ignore: decorator
@inline
function filterRows(six: bool, a0: v128, b0: v128, a1: v128, b1: v128, a2: v128, b2: v128, dst: usize, to: usize): void {
  filterRow(six, f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), dst, to);
  filterRow(six, f32x4.sub(a0, b0), f32x4.sub(a1, b1), f32x4.sub(a2, b2), dst + (six ? 8 : 6) * to, to);
}

/** x * a + y * b */
// @ts-ignore: decorator
@inline
function mix(x: f32, a: v128, y: f32, b: v128): v128 {
  return madd(f32x4.splat(x), a, f32x4.mul(f32x4.splat(y), b));
}

// @ts-ignore: decorator
@inline
function times(x: f32, a: v128): v128 {
  return f32x4.mul(f32x4.splat(x), a);
}

/** G g Gᵀ of nine taps, `tap` bytes apart; position p goes to dst + p * to. The rows of G g are those that the lines above compute. */
// @ts-ignore: decorator
@inline
function filterTaps(six: bool, from: usize, tap: usize, dst: usize, to: usize): void {
  const g00 = v128.load(from), g01 = v128.load(from + tap), g02 = v128.load(from + 2 * tap);
  const g10 = v128.load(from + 3 * tap), g11 = v128.load(from + 4 * tap), g12 = v128.load(from + 5 * tap);
  const g20 = v128.load(from + 6 * tap), g21 = v128.load(from + 7 * tap), g22 = v128.load(from + 8 * tap);
  if (six) {
    filterRow(six, f32x4.neg(g00), f32x4.neg(g01), f32x4.neg(g02), dst, to);
    filterRows(
      six, times(-2.0 / 9.0, f32x4.add(g00, g20)), times(-2.0 / 9.0, g10), times(-2.0 / 9.0, f32x4.add(g01, g21)), times(-2.0 / 9.0, g11),
      times(-2.0 / 9.0, f32x4.add(g02, g22)), times(-2.0 / 9.0, g12), dst + 8 * to, to,
    );
    filterRows(
      six, mix(8.0 / 45.0, g20, 32.0 / 45.0, g00), times(16.0 / 45.0, g10), mix(8.0 / 45.0, g21, 32.0 / 45.0, g01), times(16.0 / 45.0, g11),
      mix(8.0 / 45.0, g22, 32.0 / 45.0, g02), times(16.0 / 45.0, g12), dst + 24 * to, to,
    );
    filterRows(
      six, mix(2.0 / 45.0, g20, 1.0 / 90.0, g00), times(1.0 / 45.0, g10), mix(2.0 / 45.0, g21, 1.0 / 90.0, g01), times(1.0 / 45.0, g11),
      mix(2.0 / 45.0, g22, 1.0 / 90.0, g02), times(1.0 / 45.0, g12), dst + 40 * to, to,
    );
    filterRow(six, g20, g21, g22, dst + 56 * to, to);
  } else {
    filterRow(six, g00, g01, g02, dst, to);
    filterRows(
      six, mix(-1.0 / 3.0, g20, -2.0 / 3.0, g00), times(-Q / 3.0, g10), mix(-1.0 / 3.0, g21, -2.0 / 3.0, g01), times(-Q / 3.0, g11),
      mix(-1.0 / 3.0, g22, -2.0 / 3.0, g02), times(-Q / 3.0, g12), dst + 6 * to, to,
    );
    filterRows(
      six, mix(1.0 / 3.0, g20, 1.0 / 6.0, g00), times(Q / 6.0, g10), mix(1.0 / 3.0, g21, 1.0 / 6.0, g01), times(Q / 6.0, g11),
      mix(1.0 / 3.0, g22, 1.0 / 6.0, g02), times(Q / 6.0, g12), dst + 18 * to, to,
    );
    filterRow(six, g20, g21, g22, dst + 30 * to, to);
  }
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
