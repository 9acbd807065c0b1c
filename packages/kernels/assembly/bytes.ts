/**
 * Whole numbers of 8 bits in place of floats: the input of a convolution rounded to 0 to 127, its filter to -127 to 127. Four columns of
 * packed A or B lie where a float does, so that what holds for packed floats holds for them.
 */
import { AFTER } from './after';
import { groupBytes, groupStart, groupsOf } from './gemm';
import { Int32List } from './list';
import { A_CHUNK, A_ROW, BYTES, CHUNK, NR, ceilDiv, dot4, minI } from './simd';

/** How floats become bytes: float = (byte - zero) * step. */
@unmanaged
export class Rounding {
  step: f32; zero: f32;
}

/** Columns of bytes that `k` columns of floats fill, four each. */
// @ts-ignore: decorator
@inline
export function quads(k: i32): i32 {
  return ceilDiv(k, 4);
}

/** Bytes of scratch of `rows` rows of packed A. */
export function bytesScratch(k: i32, rows: i32): usize {
  return <usize>groupsOf(rows) * groupBytes(quads(k));
}

/** Four floats as whole numbers of 32 bits, 0 to 127; a NaN becomes 0. To 2 ** 23 a float has no fraction: adding it rounds. */
// @ts-ignore: decorator
@inline
function rounded(from: usize, inverse: v128, zero: v128): v128 {
  const v = f32x4.add(f32x4.mul(v128.load(from), inverse), zero);
  const inside = f32x4.pmin(f32x4.splat(127), f32x4.pmax(f32x4.splat(0), v));
  return i32x4.sub(f32x4.add(inside, f32x4.splat(8388608)), i32x4.splat(0x4b000000));
}

/** Rounds `rows` rows of packed A of `k` columns at `a`, to packed A of bytes at `to`. */
export function roundRows(rounding: Rounding, rows: i32, k: i32, a: usize, to: usize): void {
  const inverse = f32x4.splat(1 / rounding.step);
  const zero = f32x4.splat(rounding.zero);
  const groups = groupsOf(rows);
  const chunks = ceilDiv(k, CHUNK);
  const bytes = groupBytes(quads(k));
  for (let g = 0; g < groups; g++) {
    const height = groupStart(rows, groups, g + 1) - groupStart(rows, groups, g);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const first = chunk * (CHUNK / 4);
      const dst = to + <usize>((first / CHUNK) * A_CHUNK + ((first & (CHUNK - 1)) << 2));
      const n = minI(CHUNK, k - chunk * CHUNK);
      for (let r = 0; r < height; r++) {
        let from = a + <usize>(r * A_ROW);
        let at = dst + <usize>(r * A_ROW);
        // Beyond column k lies what the filter's zeros undo: a row has room for it.
        for (let i = 0; i < n; i += 16) {
          const low = i16x8.narrow_i32x4_s(rounded(from, inverse, zero), rounded(from + 16, inverse, zero));
          const high = i16x8.narrow_i32x4_s(rounded(from + 32, inverse, zero), rounded(from + 48, inverse, zero));
          v128.store(at, i8x16.narrow_i16x8_u(low, high));
          from += 64;
          at += 16;
        }
      }
      a += <usize>A_CHUNK;
    }
    to += bytes;
  }
}

/** What a panel of a rounded filter has beside its bytes, behind those of all panels: 8 steps, and 8 sums of whole numbers. */
const SUMS: usize = <usize>(2 * NR) << 2;

/** Bytes of a filter of n out-channels and k columns as `packBytes` leaves it. */
export function packedBytes(n: i32, k: i32): usize {
  return <usize>ceilDiv(n, NR) * (<usize>(quads(k) * NR << 2) + SUMS);
}

/** Where panel p of it begins. */
// @ts-ignore: decorator
@inline
export function panelOf(b: usize, p: i32, k: i32): usize {
  return b + <usize>p * <usize>(quads(k) * NR << 2);
}

/**
 * Writes what the sums of `panels` panels from p0 on start from, and their scales and shifts, as `writeAfter` does: what the input's zero
 * adds is taken away, and the steps of input and filter come in.
 */
export function writeAfterBytes(
  rounding: Rounding, b: usize, k: i32, o: i32, p0: i32, panels: i32, bias: usize, scale: usize, to: usize,
): void {
  let steps = panelOf(b, ceilDiv(o, NR), k) + <usize>p0 * SUMS;
  for (let i = p0 * NR; i < (p0 + panels) * NR; i += NR) {
    memory.fill(to, 0, AFTER);
    for (let l = 0; l < minI(NR, o - i); l++) {
      const at = to + (<usize>l << 2);
      const channel = <usize>(i + l) << 2;
      const step = rounding.step * load<f32>(steps + (<usize>l << 2));
      store<i32>(at, -(<i32>rounding.zero) * load<i32>(steps + (<usize>(NR + l) << 2)));
      store<f32>(at, scale ? step * load<f32>(scale + channel) : step, 32);
      store<f32>(at, bias ? load<f32>(bias + channel) : 0, 64);
    }
    to += AFTER;
    steps += SUMS;
  }
}

/** Any layout of a filter: element (n, k, tap) is at w + n * strideN + k * strideK + taps[tap] floats. */
@unmanaged
export class PackArgs {
  /** The filter and where its panels go. */
  w: usize; b: usize;
  n: i32; k: i32;
  strideN: i32; strideK: i32;
  taps: Int32List;
  panelsPerItem: i32;
}

/**
 * Job: rounds panels of 8 out-channels to bytes, packed as [panel][column / 4][8][4], columns (tap, k). The largest value of an out-channel
 * becomes 127 steps.
 */
export function packBytes(item: i32, args: PackArgs, _scratch: usize): void {
  if (!BYTES) return;
  const panels = ceilDiv(args.n, NR);
  const columns = args.taps.length * args.k;
  const width = quads(columns);
  const p1 = minI((item + 1) * args.panelsPerItem, panels);
  for (let p = item * args.panelsPerItem; p < p1; p++) {
    const to = panelOf(args.b, p, columns);
    const steps = panelOf(args.b, panels, columns) + <usize>p * SUMS;
    memory.fill(to, 0, panelOf(0, 1, columns));
    memory.fill(steps, 0, SUMS);
    for (let l = 0; l < minI(NR, args.n - p * NR); l++) {
      const row = args.w + (<usize>((p * NR + l) * args.strideN) << 2);
      let largest: f32 = 0;
      for (let t = 0; t < args.taps.length; t++)
        for (let k = 0; k < args.k; k++) largest = max(largest, abs(load<f32>(valueAt(args, row, t, k))));
      const inverse: f32 = largest > 0 ? 127 / largest : 0;
      let sum = 0;
      for (let t = 0; t < args.taps.length; t++) {
        for (let k = 0; k < args.k; k++) {
          const value = <i32>nearest<f32>(load<f32>(valueAt(args, row, t, k)) * inverse);
          const column = t * args.k + k;
          store<i8>(to + <usize>((((column >> 2) * NR + l) << 2) + (column & 3)), value);
          sum += value;
        }
      }
      store<f32>(steps + (<usize>l << 2), largest / 127);
      store<i32>(steps + (<usize>(NR + l) << 2), sum);
    }
  }
}

/** The address of a filter's value for tap t and in-channel k; `row` is that of its out-channel. */
// @ts-ignore: decorator
@inline
function valueAt(args: PackArgs, row: usize, t: i32, k: i32): usize {
  return row + (<usize>(args.taps.at(t) + k * args.strideK) << 2);
}

/** Four products of bytes, added to c: whether the engine has them right. */
export function bytesProduct(a: i32, b: i32, c: i32): i32 {
  return i32x4.extract_lane(dot4(i32x4.splat(a), i32x4.splat(b), i32x4.splat(c)), 0);
}
