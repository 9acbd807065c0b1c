/** Convolution of few channels, directly from the rows of the image, and over which blocks. */
import { ceilDiv } from './ceil-div.ts';
import { type After, type ConvCase, type FilterData, sizesOf } from './convolution-case.ts';
import { type FilterLayout, type Tap, withPackedFilter } from './implicit-gemm.ts';
import type { Runtime } from './runtime.ts';

/** Rows of the output that an item takes, at most: the rows of the image that it lays out should stay in the first-level cache. */
const ROWS = 8;

/** A convolution of one group. */
export interface Direct extends Omit<ConvCase, 'groups' | 'filter'> {
  /** Floats from one pixel to the next. */
  readonly xPixel: number;
  readonly outPixel: number;
}

/** Whether windows have few values, so that gathering them would take long, and rows fill the register tiles. */
export const worthDirect = (s: Direct) => s.c < 8 && s.ow >= 12;

export function runDirect(
  rt: Runtime,
  s: Direct,
  taps: readonly Tap[],
  filter: FilterData,
  layout: FilterLayout,
  x: number,
  after: After,
  out: number,
): void {
  const rowsPerItem = Math.min(ROWS, ceilDiv(s.oh, 4 * rt.threads));
  const itemsPerImage = ceilDiv(s.oh, rowsPerItem);
  const plane = rt.sizes.planeSize(s.ow, s.kw, s.strideX, s.dilX);
  const rows = (rowsPerItem - 1) * s.strideY + (s.kh - 1) * s.dilY + 1;
  const scratch = rt.sizes.directScratch(s.kh * s.kw * s.c, s.o, rows * s.c * s.strideX, plane);
  withPackedFilter(rt, { ...s, taps }, filter, layout, (b) => {
    const args = {
      ...{ ...sizesOf(s), o: s.o, xPixel: s.xPixel, outPixel: s.outPixel, act: s.act },
      ...{ x, b, ...after, out, rowsPerItem, itemsPerImage, plane },
    };
    rt.run('direct', s.batch * itemsPerImage, args, scratch);
  });
}
