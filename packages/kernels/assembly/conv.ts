/**
 * Convolution of any kind as a matrix product whose left side is gathered from the image block by block (implicit im2col).
 *
 * Row m of the product is one pixel of a grid, column k one (tap, channel). The taps are a table, so the same code does
 * strides, dilations, any padding, and each phase of the input gradient of a strided convolution.
 */
import { AFTER, writeAfter } from './after';
import { PackArgs, Rounding, bytesScratch, panelOf, quads, roundRows, writeAfterBytes } from './bytes';
import { DepthwiseArgs } from './depthwise';
import { packDepthwise3x3 } from './depthwise-3x3';
import { groupBytes, groupStart, groupsOf } from './gemm';
import { Int32List } from './list';
import { panelBytes, panelFull } from './micro-kernels.generated';
import { A_CHUNK, A_ROW, BYTES, CHUNK, NR, PANELS, align64, ceilDiv, copyFloats, maxI, minI, zeroFloats } from './simd';

/** Columns of the im2col matrix gathered at a time: with 8 columns of B they fit the first-level cache. */
const K_BLOCK: i32 = 512;

@unmanaged
export class ConvArgs {
  /** The input, the packed filter, the bias (0 for none), the scale before it (0 for none; with a bias) and the output. */
  x: usize; b: usize; bias: usize; scale: usize; out: usize;
  /** Triples of (offsetY, offsetX, taps side by side): the taps of the filter. */
  runs: Int32List;
  h: i32; w: i32; c: i32; xPixel: i32;
  /** The grid of output pixels, and from one of them to the next in the input. */
  rowsY: i32; rowsX: i32; strideY: i32; strideX: i32;
  rows: i32; k: i32; o: i32;
  /** Floats from one image, row and pixel of the grid to the next in the output. */
  outImage: i32; outRow: i32; outPixel: i32;
  /** Whether the grid's pixels follow each other in the output and o is a multiple of 8. */
  dense: bool;
  act: i32;
  rowsPerItem: i32; panelsPerItem: i32; panelItems: i32;
  /** A depthwise convolution by 3x3 filters whose output, which goes nowhere else, is the input; null where the input is at x. */
  depthwise: DepthwiseArgs | null;
  /** How the input is rounded to bytes, as the filter at b is then; null for floats. */
  rounding: Rounding | null;
}

/** Writes `n` floats (zeros without a source) into a row of packed A from column k on. */
// @ts-ignore: decorator
@inline
function put(row: usize, k: i32, src: usize, n: i32): void {
  while (n > 0) {
    const inChunk = k & (CHUNK - 1);
    const m = minI(n, CHUNK - inChunk);
    const dst = row + <usize>((k / CHUNK) * A_CHUNK + (inChunk << 2));
    if (src) {
      copyFloats(dst, src, m);
      src += <usize>m << 2;
    } else zeroFloats(dst, m);
    k += m;
    n -= m;
  }
}

/** Gathers columns [k0, k1) of rows [m0, m0 + rows) into packed A. */
function gather(args: ConvArgs, m0: i32, rows: i32, k0: i32, k1: i32, a: usize): void {
  const c = args.c;
  const groups = groupsOf(rows);
  const bytes = groupBytes(k1 - k0);
  // The pixel of a row: image n, row i and column j of the grid.
  let n = m0 / (args.rowsY * args.rowsX);
  let i = m0 / args.rowsX - n * args.rowsY;
  let j = m0 % args.rowsX;
  for (let g = 0; g < groups; g++) {
    const r0 = groupStart(rows, groups, g);
    const r1 = groupStart(rows, groups, g + 1);
    for (let r = r0; r < r1; r++) {
      const row = a + <usize>g * bytes + <usize>((r - r0) * A_ROW);
      const image = n * args.h;
      const y0 = i * args.strideY;
      const x0 = j * args.strideX;
      if (++j == args.rowsX) {
        j = 0;
        if (++i == args.rowsY) {
          i = 0;
          n++;
        }
      }
      let start = 0;
      let run = args.runs.address(0);
      for (const last = args.runs.address(args.runs.length); run < last;) {
        const count = load<i32>(run, 8);
        const end = start + count * c;
        const from = maxI(start, k0);
        const to = minI(end, k1);
        if (from < to) {
          const y = y0 + load<i32>(run);
          const x = x0 + load<i32>(run, 4);
          if (<u32>y >= <u32>args.h) put(row, from - k0, 0, to - from);
          else {
            // columns of taps left of, within and right of the image
            const inFrom = minI(to, maxI(from, start + maxI(0, -x) * c));
            const inTo = maxI(inFrom, minI(to, start + minI(count, args.w - x) * c));
            if (from < inFrom) put(row, from - k0, 0, inFrom - from);
            if (inFrom < inTo) {
              const pixel = (image + y) * args.w + x;
              put(row, inFrom - k0, args.x + (<usize>(pixel * args.xPixel + inFrom - start) << 2), inTo - inFrom);
            }
            if (inTo < to) put(row, inTo - k0, 0, to - inTo);
          }
        }
        start = end;
        run += 12;
      }
    }
  }
}

/** Columns gathered at a time for a product of k columns. */
function blockOf(k: i32): i32 {
  const blocks = ceilDiv(k, K_BLOCK);
  return ceilDiv(ceilDiv(k, blocks), CHUNK) * CHUNK;
}

/** Bytes of scratch of one `conv` item; one with a depthwise convolution takes that of `depthwise3x3Scratch`, one in bytes `bytesScratch` besides. */
export function convScratch(k: i32, rowsPerItem: i32, panelsPerItem: i32): usize {
  return <usize>groupsOf(rowsPerItem) * groupBytes(blockOf(k)) + (<usize>((rowsPerItem + 3) * panelsPerItem * NR) << 2) + 256;
}

/** Job: item is a block of rows (item / panelItems) and of panels (item % panelItems). */
export function conv(item: i32, args: ConvArgs, scratch: usize): void {
  const k = args.k;
  const m0 = (item / args.panelItems) * args.rowsPerItem;
  const rows = minI(args.rowsPerItem, args.rows - m0);
  const p0 = (item % args.panelItems) * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, ceilDiv(args.o, NR));
  const panels = p1 - p0;
  const columns = minI(panels * NR, args.o - p0 * NR);
  const afters = align64(scratch);
  const result = afters + <usize>panels * AFTER;
  const a = align64(result + (args.dense ? 0 : <usize>(rows * panels * NR) << 2));
  const first = <usize>(p0 * NR) << 2;
  const rounding = BYTES ? args.rounding : null;
  if (rounding) writeAfterBytes(rounding, args.b, k, args.o, p0, panels, args.bias, args.scale, afters);
  else writeAfter(args.bias && args.bias + first, args.scale && args.scale + first, columns, afters);
  const c = args.dense ? args.out + (<usize>(m0 * args.outPixel + p0 * NR) << 2) : result;
  const cRow = <usize>(args.dense ? args.outPixel : panels * NR) << 2;
  const block = blockOf(k);
  const bytes = a + <usize>groupsOf(rows) * groupBytes(block);
  const rest = bytes + (rounding ? bytesScratch(block, rows) : 0);
  for (let k0 = 0; k0 < k; k0 += block) {
    const k1 = minI(k0 + block, k);
    const depthwise = args.depthwise;
    if (depthwise) packDepthwise3x3(depthwise, m0, rows, k0, k1, a, rest);
    else gather(args, m0, rows, k0, k1, a);
    const act = k1 == k ? args.act : 0;
    if (rounding) {
      roundRows(rounding, rows, k1 - k0, a, bytes);
      for (let p = 0; p < panels; p++) {
        const b = panelOf(args.b, p0 + p, k) + <usize>(k0 * NR);
        const to = c + (<usize>(p * NR) << 2);
        const start = afters + <usize>p * AFTER;
        const isFirst = k0 == 0;
        panelBytes(bytes, rows, quads(k1 - k0), b, to, cRow, isFirst ? start : to, isFirst ? 0 : cRow, k1 == k ? start + 32 : 0, act);
      }
      continue;
    }
    const scaled = k1 == k && args.scale != 0;
    for (let p = 0; p < panels; p += PANELS) {
      const count = minI(PANELS, panels - p);
      const b = args.b + (<usize>(((p0 + p) * k + k0) * NR) << 2);
      const to = c + (<usize>(p * NR) << 2);
      const start = afters + <usize>p * AFTER;
      const post = scaled ? start + 32 : 0;
      const bNext = <usize>(k * NR) << 2;
      if (k0 == 0) panelFull(a, rows, k1 - k0, b, to, cRow, start, 0, post, act, count, bNext, NR << 2, AFTER);
      else panelFull(a, rows, k1 - k0, b, to, cRow, to, cRow, post, act, count, bNext, NR << 2, NR << 2);
    }
  }
  if (args.dense) return;
  const perImage = args.rowsY * args.rowsX;
  for (let r = 0; r < rows; r++) {
    const m = m0 + r;
    const n = m / perImage;
    const i = (m - n * perImage) / args.rowsX;
    const j = m - n * perImage - i * args.rowsX;
    const to = n * args.outImage + i * args.outRow + j * args.outPixel + p0 * NR;
    copyFloats(args.out + (<usize>to << 2), result + <usize>r * cRow, columns);
  }
}

/** Job: packs panels of 8 out-channels as [panel][tap][k][8], the rest of the last panel zero. */
export function packFilter(item: i32, args: PackArgs, _scratch: usize): void {
  const p0 = item * args.panelsPerItem;
  const p1 = minI(p0 + args.panelsPerItem, ceilDiv(args.n, NR));
  const lane = <usize>(args.strideN << 2);
  const stepK = <usize>(args.strideK << 2);
  for (let p = p0; p < p1; p++) {
    const count = minI(NR, args.n - p * NR);
    const tapCount = args.taps.length;
    for (let t = 0; t < tapCount; t++) {
      const tap = args.taps.at(t);
      let from = args.w + (<usize>(p * NR * args.strideN + tap) << 2);
      let to = args.b + (<usize>((p * tapCount + t) * args.k * NR) << 2);
      if (count == NR) {
        for (let k = 0; k < args.k; k++) {
          if (lane == 4) {
            v128.store(to, v128.load(from));
            v128.store(to, v128.load(from, 16), 16);
          } else {
            store<f32>(to, load<f32>(from));
            store<f32>(to, load<f32>(from + lane), 4);
            store<f32>(to, load<f32>(from + 2 * lane), 8);
            store<f32>(to, load<f32>(from + 3 * lane), 12);
            store<f32>(to, load<f32>(from + 4 * lane), 16);
            store<f32>(to, load<f32>(from + 5 * lane), 20);
            store<f32>(to, load<f32>(from + 6 * lane), 24);
            store<f32>(to, load<f32>(from + 7 * lane), 28);
          }
          from += stepK;
          to += 32;
        }
      } else {
        for (let k = 0; k < args.k; k++) {
          for (let l = 0; l < NR; l++) store<f32>(to + (<usize>l << 2), l < count ? load<f32>(from + <usize>l * lane) : 0);
          from += stepK;
          to += 32;
        }
      }
    }
  }
}
