/** Convolution of any kind as a matrix product over gathered pixels (implicit im2col), and over which blocks. */
import type { InputRange } from '../attrs.ts';
import { ceilDiv } from './ceil-div.ts';
import type { After, FilterData } from './convolution-case.ts';
import type { DepthwiseArgs, Rounding } from './layouts.generated.ts';
import type { Runtime } from './runtime.ts';

/** A tap of the filter: the offset of its pixel from the window, and its own offset in the filter. */
export interface Tap {
  readonly y: number;
  readonly x: number;
  readonly offset: number;
}

/** A product over a grid of output pixels. */
export interface Product {
  readonly taps: readonly Tap[];
  readonly batch: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly xPixel: number;
  readonly rowsY: number;
  readonly rowsX: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly o: number;
  readonly outImage: number;
  readonly outRow: number;
  readonly outPixel: number;
  readonly act: number;
  /** A depthwise convolution that gives the input, and the scratch that it takes; null where there is an input. */
  readonly depthwise: { readonly args: DepthwiseArgs; readonly scratchBytes: number } | null;
  /** The ends of the input, which is rounded to bytes between them, as the filter is; null for floats. */
  readonly inputRange: InputRange | null;
}

/** Steps from one end of the input to the other: WASM has products of bytes by numbers up to 127. */
const STEPS = 127;

/** Products of two numbers up to 127 that a whole number of 32 bits holds the sum of. */
const MOST_PRODUCTS = Math.floor((2 ** 31 - 1) / 127 ** 2);

/** Whether the engine multiplies bytes, and a value that is rounded has products enough, and so has a sum. */
function worthBytes(rt: Runtime, { c, o, taps }: Product): boolean {
  const products = c * taps.length;
  return rt.multipliesBytes && o >= 32 && products >= 32 && products <= MOST_PRODUCTS;
}

const roundingOf = ([min, max]: InputRange): Rounding => {
  // Smaller ones float32 does not divide by.
  const step = Math.max((max - min) / STEPS, 1e-30);
  return { step, zero: Math.round(-min / step) };
};

/**
 * The taps as runs of (y, x, count): `count` taps whose pixels are side by side are gathered with one copy.
 *
 * @param contiguous whether neighbouring pixels of the input follow each other in the heap.
 */
function runsOf(taps: readonly Tap[], contiguous: boolean): number[] {
  const runs: number[] = [];
  for (const { y, x } of taps) {
    const last = runs.length - 3;
    if (contiguous && runs[last] === y && runs[last + 1]! + runs[last + 2]! === x) runs[last + 2]!++;
    else runs.push(y, x, 1);
  }
  return runs;
}

/** Element (0, 0) of a filter, and floats to the next out-channel and in-channel. */
export interface FilterLayout {
  readonly offset: number;
  readonly n: number;
  readonly k: number;
}

/**
 * Calls `use` with the filter of `o` out-channels and `c` in-channels packed in panels, its taps at these offsets.
 *
 * @param bytes whether it is rounded to bytes.
 */
export function withPackedFilter(
  rt: Runtime,
  { o, c, taps }: { o: number; c: number; taps: readonly Tap[] },
  filter: FilterData,
  layout: FilterLayout,
  use: (b: number) => void,
  bytes = false,
): void {
  const panels = ceilDiv(o, 8);
  const offsets = taps.map((tap) => tap.offset);
  const fill = (b: number) => {
    const panelsPerItem = ceilDiv(panels, rt.threads * 4);
    rt.run(bytes ? 'packBytes' : 'packFilter', ceilDiv(panels, panelsPerItem), {
      w: filter.pointer + 4 * layout.offset,
      ...{ b, n: o, k: c, strideN: layout.n, strideK: layout.k, taps: offsets, panelsPerItem },
    });
  };
  const columns = c * offsets.length;
  const size = bytes ? rt.sizes.packedBytes(o, columns) : 4 * panels * 8 * columns;
  const name = `${bytes ? 'bytes' : 'product'}/${o}/${c}/${layout.offset}/${layout.n}/${layout.k}/${offsets.join()}`;
  rt.filters.with(filter.key, { name, bytes: size, cost: 1 }, fill, use);
}

/** The product with one filter. @param x 0 where a depthwise convolution gives the input. */
export function runProduct(
  rt: Runtime,
  p: Product,
  filter: FilterData,
  layout: FilterLayout,
  x: number,
  after: After,
  out: number,
): void {
  const k = p.taps.length * p.c;
  const rows = p.batch * p.rowsY * p.rowsX;
  if (rows === 0) return;
  const panels = ceilDiv(p.o, 8);
  const rounding = p.inputRange && worthBytes(rt, p) ? roundingOf(p.inputRange) : null;
  const use = (b: number) => {
    const runs = runsOf(p.taps, p.xPixel === p.c);
    const rowBlocks = Math.max(1, Math.round(rows / (96 * rt.threads))) * rt.threads;
    const rowsPerItem = Math.min(rows, Math.max(24, 6 * ceilDiv(rows, 6 * rowBlocks)));
    const rowItems = ceilDiv(rows, rowsPerItem);
    // Gathering the rows again for each block of columns pays only when threads are idle otherwise.
    const panelsPerItem = rowItems >= rt.threads ? panels : ceilDiv(panels, rt.threads * 2);
    const panelItems = ceilDiv(panels, panelsPerItem);
    const dense = p.outRow === p.rowsX * p.outPixel && p.outImage === p.rowsY * p.outRow && p.o % 8 === 0;
    const args = {
      ...{ x, b, ...after, out, runs },
      ...{ h: p.h, w: p.w, c: p.c, xPixel: p.xPixel },
      ...{ rowsY: p.rowsY, rowsX: p.rowsX, strideY: p.strideY, strideX: p.strideX },
      ...{ rows, k, o: p.o, outImage: p.outImage, outRow: p.outRow, outPixel: p.outPixel },
      ...{ dense, act: p.act, rowsPerItem, panelsPerItem, panelItems },
      ...{ depthwise: p.depthwise?.args ?? null, rounding },
    };
    const scratchBytes =
      rt.sizes.convScratch(k, rowsPerItem, panelsPerItem) +
      (rounding === null ? 0 : rt.sizes.bytesScratch(k, rowsPerItem)) +
      (p.depthwise?.scratchBytes ?? 0);
    rt.run('conv', rowItems * panelItems, args, scratchBytes);
  };
  withPackedFilter(rt, p, filter, layout, use, rounding !== null);
}
