/**
 * Convolution of few channels, directly: to gather their windows would take as long as to multiply them.
 *
 * An item lays the rows of the image that it needs out as planes, with zeros for the padding: one plane for each row, channel and
 * remainder of x by the stride. In these the values that neighbouring pixels of the output meet at one tap are side by side,
 * whatever the stride and the dilation, so that the product reads them where they are.
 */
import { AFTER, writeAfter } from './after';
import { ConvSizes } from './depthwise';
import { groupStart, groupsOf } from './gemm';
import { panelPlanes } from './micro-kernels.generated';
import { NR, align64, ceilDiv, copyFloats, maxI, minI, zeroFloats } from './simd';
import { oddLines } from './winograd/tiles';

@unmanaged
export class DirectArgs extends ConvSizes {
  /** The input, the packed filter, the bias (0 for none), the scale before it (0 for none), the output and the number of the activation. */
  x: usize; b: usize; bias: usize; scale: usize; out: usize; act: i32;
  /** Out-channels; floats from one pixel to the next in the input and in the output. */
  o: i32; xPixel: i32; outPixel: i32;
  /** Rows of the output that an item takes, and items of an image. */
  rowsPerItem: i32; itemsPerImage: i32;
  /** Floats of a plane. */
  plane: i32;
}

/** Floats of a plane: one for each pixel of a row of the output, and those that the window reaches beyond the last. */
export function planeSize(ow: i32, kw: i32, strideX: i32, dilX: i32): i32 {
  return oddLines(ow + ((kw - 1) * dilX) / strideX);
}

/** Bytes of scratch of one `direct` item that lays out `planes` planes. */
export function directScratch(k: i32, o: i32, planes: i32, plane: i32): usize {
  return <usize>(k + (3 * ceilDiv(o, NR) + 6) * NR + planes * plane + 64) << 2;
}

/** Lays out `rows` rows of the image from row y0 on. */
function layOut(args: DirectArgs, image: usize, y0: i32, rows: i32, planes: usize): void {
  const step = <usize>(args.strideX * args.xPixel) << 2;
  const bytes = <usize>args.plane << 2;
  let plane = planes;
  for (let y = y0; y < y0 + rows; y++) {
    const row = image + (<usize>(y * args.w * args.xPixel) << 2);
    const w = <u32>y < <u32>args.h ? args.w : 0;
    for (let ch = 0; ch < args.c; ch++) {
      for (let x = -args.padLeft; x < args.strideX - args.padLeft; x++) {
        // value i is that of pixel x + i * strideX
        const from = x < 0 ? minI(args.plane, ceilDiv(-x, args.strideX)) : 0;
        const to = x < w ? maxI(from, minI(args.plane, ceilDiv(w - x, args.strideX))) : from;
        zeroFloats(plane, from);
        let source = row + (<usize>((x + from * args.strideX) * args.xPixel + ch) << 2);
        const end = plane + (<usize>to << 2);
        for (let value = plane + (<usize>from << 2); value < end; value += 4) {
          store<f32>(value, load<f32>(source));
          source += step;
        }
        zeroFloats(end, args.plane - to);
        plane += bytes;
      }
    }
  }
}

/** Job: item is a block of rows of the output of one image. */
export function direct(item: i32, args: DirectArgs, scratch: usize): void {
  const n = item / args.itemsPerImage;
  const first = (item - n * args.itemsPerImage) * args.rowsPerItem;
  const rows = minI(args.rowsPerItem, args.oh - first);
  const panels = ceilDiv(args.o, NR);
  const whole = args.o / NR;
  const k = args.kh * args.kw * args.c;
  const afters = align64(scratch);
  const rest = afters + <usize>panels * AFTER;
  const table = rest + (<usize>(6 * NR) << 2);
  const planes = align64(table + (<usize>k << 2));
  writeAfter(args.bias, args.scale, args.o, afters);
  // Where each column of the product is, from the planes of a row on.
  let entry = table;
  for (let ky = 0; ky < args.kh; ky++) {
    for (let kx = 0; kx < args.kw; kx++) {
      const x = kx * args.dilX;
      for (let ch = 0; ch < args.c; ch++) {
        const plane = (ky * args.dilY * args.c + ch) * args.strideX + x % args.strideX;
        store<i32>(entry, (plane * args.plane + x / args.strideX) << 2);
        entry += 4;
      }
    }
  }
  const image = args.x + (<usize>(n * args.h * args.w * args.xPixel) << 2);
  layOut(args, image, first * args.strideY - args.padTop, (rows - 1) * args.strideY + (args.kh - 1) * args.dilY + 1, planes);
  const rowBytes = <usize>(args.strideY * args.c * args.strideX * args.plane) << 2;
  const pixel = <usize>args.outPixel << 2;
  const groups = groupsOf(args.ow);
  for (let i = 0; i < rows; i++) {
    const row = planes + <usize>i * rowBytes;
    const out = args.out + <usize>((n * args.oh + first + i) * args.ow) * pixel;
    for (let g = 0; g < groups; g++) {
      const j = groupStart(args.ow, groups, g);
      const count = groupStart(args.ow, groups, g + 1) - j;
      const a = row + (<usize>j << 2);
      const to = out + <usize>j * pixel;
      for (let p = 0; p < panels; p++) {
        const at = <usize>p << 5;
        const isWhole = p < whole;
        const start = afters + <usize>p * AFTER;
        const post = args.scale ? start + 32 : 0;
        panelPlanes(a, count, k, args.b + at * <usize>k, isWhole ? to + at : rest, isWhole ? pixel : 32, start, 0, post, args.act, table);
      }
      if (whole == panels) continue;
      for (let r = 0; r < count; r++) copyFloats(to + <usize>r * pixel + (<usize>whole << 5), rest + (<usize>r << 5), args.o - whole * NR);
    }
  }
}
