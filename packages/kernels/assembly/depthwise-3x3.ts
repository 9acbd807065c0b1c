/**
 * Depthwise convolution by 3x3 filters of stride 1 or 2 along x: the filter of four channels stays in registers, and each column of
 * the input is read once for all windows that it is part of. For the gradient of the filter the nine sums stay there, at any stride.
 */
import { DepthwiseArgs, DepthwiseFilterArgs } from './depthwise';
import { groupBytes, groupStart, groupsOf } from './gemm';
import { A_CHUNK, A_ROW, CHUNK, RELU, RELU6, align64, ceilDiv, madd, maxI, minI, storeSome, zeroFloats } from './simd';

/** Pixels of the output side by side that are computed for four channels before the next four: their lines stay in the cache. */
const PIXELS: i32 = 16;

/** Bytes from the table of the columns, three addresses each, to a pixel of zeros. */
const ZERO: usize = 12 * (2 * PIXELS + 1);

/** Whether a filter is of 3x3, its columns side by side. */
// @ts-ignore: decorator
@inline
export function hasColumns(kh: i32, kw: i32, dilX: i32): bool {
  return kh == 3 && kw == 3 && dilX == 1;
}

/** Bytes of scratch of one row, or of a block of packed A. */
export function depthwise3x3Scratch(c: i32): usize {
  return ZERO + (<usize>(c + 4 + PIXELS) << 2) + 64;
}

/** Four channels of a column's pixel, whose address is at `entry`. */
// @ts-ignore: decorator
@inline
function value(entry: usize, at: usize): v128 {
  return v128.load(load<usize>(entry) + at);
}

/** The sum of a window after one more column. */
// @ts-ignore: decorator
@inline
function column(x0: v128, f0: v128, x1: v128, f1: v128, x2: v128, f2: v128, sum: v128): v128 {
  return madd(x2, f2, madd(x1, f1, madd(x0, f0, sum)));
}

/**
 * Writes the addresses of the columns that `pixels` windows side by side meet, from output pixel (n, oy, ox) on; `zero` is that of a
 * pixel of zeros.
 */
function columnsOf(args: DepthwiseArgs, n: i32, oy: i32, ox: i32, pixels: i32, table: usize, zero: usize): void {
  const pixel = <usize>args.c << 2;
  const row = <usize>args.w * pixel;
  const y = oy * args.strideY - args.padTop;
  const y1 = y + args.dilY;
  const y2 = y1 + args.dilY;
  const in0 = <u32>y < <u32>args.h;
  const in1 = <u32>y1 < <u32>args.h;
  const in2 = <u32>y2 < <u32>args.h;
  const image = args.x + <usize>(n * args.h) * row;
  const x = ox * args.strideX - args.padLeft;
  let entry = table;
  for (let i = x; i < x + (pixels - 1) * args.strideX + 3; i++) {
    const isIn = <u32>i < <u32>args.w;
    const at = image + <usize>i * pixel;
    store<usize>(entry, isIn && in0 ? at + <usize>y * row : zero);
    store<usize>(entry, isIn && in1 ? at + <usize>y1 * row : zero, 4);
    store<usize>(entry, isIn && in2 ? at + <usize>y2 * row : zero, 8);
    entry += 12;
  }
}

/**
 * The channels [c0, c1) of `pixels` windows whose columns are in the table. They go to `out`, a pixel behind the other; or, `packed`, into
 * packed A, to the rows whose addresses are at `out`, where channel c0 is column 0.
 */
// @ts-ignore: decorator
@inline
function windows3x3(
  strideX: i32, packed: bool, args: DepthwiseArgs, c0: i32, c1: i32, pixels: i32, table: usize, out: usize,
): void {
  const pixel = <usize>args.c << 2;
  const tap = <usize>(args.tapStep << 2);
  const low = f32x4.splat(args.act >= RELU ? 0 : -Infinity);
  const high = f32x4.splat(args.act == RELU6 ? 6 : Infinity);
  const scale = args.scale;
  const bias = args.bias;
  for (let ch = c0; ch < c1; ch += 4) {
    const at = <usize>ch << 2;
    let w = args.filter + at;
    const f00 = v128.load(w), f01 = v128.load(w + tap), f02 = v128.load(w + 2 * tap);
    w += 3 * tap;
    const f10 = v128.load(w), f11 = v128.load(w + tap), f12 = v128.load(w + 2 * tap);
    w += 3 * tap;
    const f20 = v128.load(w), f21 = v128.load(w + tap), f22 = v128.load(w + 2 * tap);
    const first = bias && !scale ? v128.load(bias + at) : f32x4.splat(0);
    let to = packed ? out : out + at;
    const column0 = ch - c0;
    const place = <usize>((column0 / CHUNK) * A_CHUNK + ((column0 & (CHUNK - 1)) << 2));
    let t = table;
    let x0 = value(t, at), x1 = value(t + 4, at), x2 = value(t + 8, at);
    // The sums of the next window, and of the one after it.
    let a = column(x0, f00, x1, f10, x2, f20, first);
    t += 12;
    x0 = value(t, at), x1 = value(t + 4, at), x2 = value(t + 8, at);
    a = column(x0, f01, x1, f11, x2, f21, a);
    let b = column(x0, f00, x1, f10, x2, f20, first);
    for (let left = pixels; ; ) {
      t += 12;
      x0 = value(t, at), x1 = value(t + 4, at), x2 = value(t + 8, at);
      let sum = column(x0, f02, x1, f12, x2, f22, a);
      if (scale) sum = madd(sum, v128.load(scale + at), v128.load(bias + at));
      sum = f32x4.pmin(f32x4.pmax(sum, low), high);
      // Lanes beyond the last channel are of packed A, too, of which the product takes no notice.
      if (packed) v128.store(load<usize>(to) + place, sum);
      else storeSome(to, sum, c1 - ch);
      if (--left == 0) break;
      to += packed ? 4 : pixel;
      if (strideX == 1) {
        a = column(x0, f01, x1, f11, x2, f21, b);
        b = column(x0, f00, x1, f10, x2, f20, first);
      } else {
        a = column(x0, f00, x1, f10, x2, f20, first);
        t += 12;
        x0 = value(t, at), x1 = value(t + 4, at), x2 = value(t + 8, at);
        a = column(x0, f01, x1, f11, x2, f21, a);
      }
    }
  }
}

/** Row oy of the output of image n. */
export function depthwise3x3(n: i32, oy: i32, args: DepthwiseArgs, scratch: usize): void {
  const table = align64(scratch);
  const zero = table + ZERO;
  zeroFloats(zero, args.c + 4);
  let to = args.out + (<usize>((n * args.oh + oy) * args.ow * args.c) << 2);
  for (let ox = 0; ox < args.ow; ox += PIXELS) {
    const pixels = minI(PIXELS, args.ow - ox);
    columnsOf(args, n, oy, ox, pixels, table, zero);
    if (args.strideX == 1) windows3x3(1, false, args, 0, args.c, pixels, table, to);
    else windows3x3(2, false, args, 0, args.c, pixels, table, to);
    to += <usize>(pixels * args.c) << 2;
  }
}

/** The channels [c0, c1) of the output pixels [m0, m0 + rows) of all images, which follow each other, into packed A. */
export function packDepthwise3x3(args: DepthwiseArgs, m0: i32, rows: i32, c0: i32, c1: i32, a: usize, scratch: usize): void {
  const table = align64(scratch);
  const zero = table + ZERO;
  const places = zero + (<usize>(args.c + 4) << 2);
  zeroFloats(zero, args.c + 4);
  const groups = groupsOf(rows);
  const bytes = groupBytes(c1 - c0);
  let n = m0 / (args.oh * args.ow);
  let oy = m0 / args.ow - n * args.oh;
  let ox = m0 % args.ow;
  // The group that the next row is of, and where that group ends.
  let g = 0;
  let start = 0;
  let end = groupStart(rows, groups, 1);
  for (let r = 0; r < rows; ) {
    const pixels = minI(minI(PIXELS, args.ow - ox), rows - r);
    for (let i = 0; i < pixels; i++) {
      if (r == end) {
        start = end;
        end = groupStart(rows, groups, ++g + 1);
      }
      store<usize>(places + (<usize>i << 2), a + <usize>g * bytes + <usize>((r - start) * A_ROW));
      r++;
    }
    columnsOf(args, n, oy, ox, pixels, table, zero);
    if (args.strideX == 1) windows3x3(1, true, args, c0, c1, pixels, table, places);
    else windows3x3(2, true, args, c0, c1, pixels, table, places);
    ox += pixels;
    if (ox < args.ow) continue;
    ox = 0;
    if (++oy < args.oh) continue;
    oy = 0;
    n++;
  }
}

/** Adds a sum of four channels to those of a tap, of which `lanes` exist. */
// @ts-ignore: decorator
@inline
function addTo(sums: usize, sum: v128, lanes: i32): void {
  storeSome(sums, f32x4.add(v128.load(sums), sum), lanes);
}

/**
 * Adds what row oy of image n gives to the gradient of the filter, for the channels [ch, ch + 4): nine sums stay in registers while
 * the row goes by, and each value of dy is read once.
 */
export function filterGradient3x3(n: i32, oy: i32, ch: i32, args: DepthwiseFilterArgs): void {
  const lanes = args.c - ch;
  const at = <usize>ch << 2;
  const pixel = <usize>args.c << 2;
  const row = <usize>args.w * pixel;
  const step = <usize>args.strideX * pixel;
  const y = oy * args.strideY - args.padTop;
  const y1 = y + args.dilY;
  const y2 = y1 + args.dilY;
  const in0 = <u32>y < <u32>args.h;
  const in1 = <u32>y1 < <u32>args.h;
  const in2 = <u32>y2 < <u32>args.h;
  const image = args.x + <usize>(n * args.h) * row + at;
  const dy = args.dy + <usize>((n * args.oh + oy) * args.ow) * pixel + at;
  // Of a row outside of the image any row that exists is read, and its sums are dropped.
  const r0 = image + (in0 ? <usize>y * row : 0);
  const r1 = image + (in1 ? <usize>y1 * row : 0);
  const r2 = image + (in2 ? <usize>y2 * row : 0);
  const zero = f32x4.splat(0);
  let s00 = zero, s01 = zero, s02 = zero, s10 = zero, s11 = zero, s12 = zero, s20 = zero, s21 = zero, s22 = zero;
  // The windows [from, to) lie within the row.
  const from = minI(args.ow, ceilDiv(args.padLeft, args.strideX));
  const room = args.w - 3 + args.padLeft;
  const to = room < 0 ? from : maxI(from, minI(args.ow, room / args.strideX + 1));
  let x = <usize>(from * args.strideX - args.padLeft) * pixel;
  let q = dy + <usize>from * pixel;
  for (let ox = from; ox < to; ox++) {
    const d = v128.load(q);
    s00 = madd(v128.load(r0 + x), d, s00);
    s10 = madd(v128.load(r1 + x), d, s10);
    s20 = madd(v128.load(r2 + x), d, s20);
    const x1 = x + pixel;
    s01 = madd(v128.load(r0 + x1), d, s01);
    s11 = madd(v128.load(r1 + x1), d, s11);
    s21 = madd(v128.load(r2 + x1), d, s21);
    const x2 = x1 + pixel;
    s02 = madd(v128.load(r0 + x2), d, s02);
    s12 = madd(v128.load(r1 + x2), d, s12);
    s22 = madd(v128.load(r2 + x2), d, s22);
    x += step;
    q += pixel;
  }
  // The others meet the row with some of their columns.
  for (let ox = 0; ox < args.ow; ox++) {
    if (ox == from) ox = to;
    if (ox >= args.ow) break;
    const d = v128.load(dy + <usize>ox * pixel);
    const ix = ox * args.strideX - args.padLeft;
    const p = <usize>ix * pixel;
    if (<u32>ix < <u32>args.w) {
      s00 = madd(v128.load(r0 + p), d, s00);
      s10 = madd(v128.load(r1 + p), d, s10);
      s20 = madd(v128.load(r2 + p), d, s20);
    }
    if (<u32>(ix + 1) < <u32>args.w) {
      s01 = madd(v128.load(r0 + p + pixel), d, s01);
      s11 = madd(v128.load(r1 + p + pixel), d, s11);
      s21 = madd(v128.load(r2 + p + pixel), d, s21);
    }
    if (<u32>(ix + 2) < <u32>args.w) {
      s02 = madd(v128.load(r0 + p + 2 * pixel), d, s02);
      s12 = madd(v128.load(r1 + p + 2 * pixel), d, s12);
      s22 = madd(v128.load(r2 + p + 2 * pixel), d, s22);
    }
  }
  let sums = args.dw + at;
  if (in0) {
    addTo(sums, s00, lanes);
    addTo(sums + pixel, s01, lanes);
    addTo(sums + 2 * pixel, s02, lanes);
  }
  sums += 3 * pixel;
  if (in1) {
    addTo(sums, s10, lanes);
    addTo(sums + pixel, s11, lanes);
    addTo(sums + 2 * pixel, s12, lanes);
  }
  sums += 3 * pixel;
  if (in2) {
    addTo(sums, s20, lanes);
    addTo(sums + pixel, s21, lanes);
    addTo(sums + 2 * pixel, s22, lanes);
  }
}
