/** Depthwise convolution (one filter a channel), directly: four pixels side by side share the loads of the filter. */
import { depthwise3x3, filterGradient3x3, hasColumns } from './depthwise-3x3';
import { activate, activateScalar, ceilDiv, madd, minI, storeSome } from './simd';

/** The sizes of a convolution of c channels. */
@unmanaged
export class ConvSizes {
  batch: i32; h: i32; w: i32; c: i32; oh: i32; ow: i32;
  kh: i32; kw: i32; strideY: i32; strideX: i32; padTop: i32; padLeft: i32; dilY: i32; dilX: i32;
}

@unmanaged
export class DepthwiseArgs extends ConvSizes {
  /**
   * The input, the first tap of the filter, of c floats, the bias (0 for none), the scale before it (0 for none; with a bias), the
   * output and the number of the activation.
   */
  x: usize; filter: usize; bias: usize; scale: usize; out: usize; act: i32;
  /** Floats from one tap to the next; less than 0 for a filter that is read from its end on. */
  tapStep: i32;
}

/** What the sums of four channels start from: the bias, unless a scale comes first. */
// @ts-ignore: decorator
@inline
function start(args: DepthwiseArgs, at: usize): v128 {
  return args.bias && !args.scale ? v128.load(args.bias + at) : f32x4.splat(0);
}

// @ts-ignore: decorator
@inline
function finish(sum: v128, args: DepthwiseArgs, at: usize): v128 {
  const scaled = args.scale ? madd(sum, v128.load(args.scale + at), v128.load(args.bias + at)) : sum;
  return activate(scaled, args.act);
}

/** First tap within an image of n for a window starting at `at`. */
// @ts-ignore: decorator
@inline
function firstTap(at: i32, dil: i32): i32 {
  return at >= 0 ? 0 : ceilDiv(-at, dil);
}

/** One past the last tap within an image of n. */
// @ts-ignore: decorator
@inline
function lastTap(at: i32, dil: i32, taps: i32, n: i32): i32 {
  return at >= n ? 0 : minI(taps, ceilDiv(n - at, dil));
}

/** Job: item is one row of the output, of any image. */
export function depthwise(item: i32, args: DepthwiseArgs, scratch: usize): void {
  const c = args.c;
  const n = item / args.oh;
  const oy = item - n * args.oh;
  if (args.strideX <= 2 && hasColumns(args.kh, args.kw, args.dilX)) {
    depthwise3x3(n, oy, args, scratch);
    return;
  }
  const y0 = oy * args.strideY - args.padTop;
  const ky0 = firstTap(y0, args.dilY);
  const ky1 = lastTap(y0, args.dilY, args.kh, args.h);
  const rowBytes = <usize>(args.w * c) << 2;
  const image = args.x + <usize>(n * args.h) * rowBytes;
  const stepX = <usize>(args.strideX * c) << 2;
  const dilX = <usize>(args.dilX * c) << 2;
  const outPixel = <usize>c << 2;
  const tap = <usize>(args.tapStep << 2);
  const vectors = c & ~3;
  let out = args.out + <usize>(item * args.ow) * outPixel;
  let ox = 0;
  while (ox < args.ow) {
    const x0 = ox * args.strideX - args.padLeft;
    // Four pixels side by side whose taps are all within the row.
    if (ox + 4 <= args.ow && x0 >= 0 && x0 + 3 * args.strideX + (args.kw - 1) * args.dilX < args.w) {
      for (let ch = 0; ch < vectors; ch += 4) {
        const at = <usize>ch << 2;
        let a0 = start(args, at);
        let a1 = a0, a2 = a0, a3 = a0;
        for (let ky = ky0; ky < ky1; ky++) {
          let p = image + <usize>(y0 + ky * args.dilY) * rowBytes + <usize>(x0 * c + ch) * 4;
          let w = args.filter + <usize>(ky * args.kw) * tap + at;
          for (let kx = 0; kx < args.kw; kx++) {
            const f = v128.load(w);
            a0 = madd(v128.load(p), f, a0);
            a1 = madd(v128.load(p + stepX), f, a1);
            a2 = madd(v128.load(p + 2 * stepX), f, a2);
            a3 = madd(v128.load(p + 3 * stepX), f, a3);
            p += dilX;
            w += tap;
          }
        }
        v128.store(out + at, finish(a0, args, at));
        v128.store(out + outPixel + at, finish(a1, args, at));
        v128.store(out + 2 * outPixel + at, finish(a2, args, at));
        v128.store(out + 3 * outPixel + at, finish(a3, args, at));
      }
      if (vectors < c) for (let i = 0; i < 4; i++) scalars(args, image, rowBytes, y0, ky0, ky1, x0 + i * args.strideX, vectors, out + <usize>i * outPixel);
      out += 4 * outPixel;
      ox += 4;
    } else {
      const kx0 = firstTap(x0, args.dilX);
      const kx1 = lastTap(x0, args.dilX, args.kw, args.w);
      for (let ch = 0; ch < vectors; ch += 4) {
        const at = <usize>ch << 2;
        let a0 = start(args, at);
        for (let ky = ky0; ky < ky1; ky++) {
          let p = image + <usize>(y0 + ky * args.dilY) * rowBytes + <usize>((x0 + kx0 * args.dilX) * c + ch) * 4;
          let w = args.filter + <usize>(ky * args.kw + kx0) * tap + at;
          for (let kx = kx0; kx < kx1; kx++) {
            a0 = madd(v128.load(p), v128.load(w), a0);
            p += dilX;
            w += tap;
          }
        }
        v128.store(out + at, finish(a0, args, at));
      }
      if (vectors < c) scalars(args, image, rowBytes, y0, ky0, ky1, x0, vectors, out);
      out += outPixel;
      ox++;
    }
  }
}

/** Channels from `first` on of one pixel. */
function scalars(
  args: DepthwiseArgs, image: usize, rowBytes: usize, y0: i32, ky0: i32, ky1: i32, x0: i32, first: i32, out: usize,
): void {
  const kx0 = firstTap(x0, args.dilX);
  const kx1 = lastTap(x0, args.dilX, args.kw, args.w);
  for (let ch = first; ch < args.c; ch++) {
    const at = <usize>ch << 2;
    let sum: f32 = args.bias && !args.scale ? load<f32>(args.bias + at) : 0;
    for (let ky = ky0; ky < ky1; ky++) {
      const row = image + <usize>(y0 + ky * args.dilY) * rowBytes;
      for (let kx = kx0; kx < kx1; kx++) {
        const x = load<f32>(row + (<usize>((x0 + kx * args.dilX) * args.c + ch) << 2));
        sum += x * load<f32>(args.filter + (<usize>((ky * args.kw + kx) * args.tapStep + ch) << 2));
      }
    }
    if (args.scale) sum = sum * load<f32>(args.scale + at) + load<f32>(args.bias + at);
    store<f32>(out + at, activateScalar(sum, args.act));
  }
}

@unmanaged
export class DepthwiseInputArgs extends ConvSizes {
  /** The gradient of the output, the filter as [tap][c], and the gradient of the input. */
  dy: usize; filter: usize; dx: usize;
}

/** Job: item is one row of the gradient of the input. Its scratch holds 8 bytes a tap. */
export function depthwiseInput(item: i32, args: DepthwiseInputArgs, scratch: usize): void {
  const c = args.c;
  const n = item / args.h;
  const iy = item - n * args.h;
  let out = args.dx + (<usize>(item * args.w * c) << 2);
  for (let ix = 0; ix < args.w; ix++) {
    // Where the taps that meet this pixel are: in dy and in the filter, 8 bytes a tap.
    let end = scratch;
    for (let ky = 0; ky < args.kh; ky++) {
      const fy = iy + args.padTop - ky * args.dilY;
      if (fy < 0 || fy % args.strideY != 0 || fy / args.strideY >= args.oh) continue;
      for (let kx = 0; kx < args.kw; kx++) {
        const fx = ix + args.padLeft - kx * args.dilX;
        if (fx < 0 || fx % args.strideX != 0 || fx / args.strideX >= args.ow) continue;
        const at = ((n * args.oh + fy / args.strideY) * args.ow + fx / args.strideX) * c;
        store<usize>(end, args.dy + (<usize>at << 2));
        store<usize>(end, args.filter + (<usize>((ky * args.kw + kx) * c) << 2), 4);
        end += 8;
      }
    }
    for (let ch = 0; ch < c; ch += 4) {
      const offset = <usize>ch << 2;
      let sum = f32x4.splat(0);
      // The vector may reach beyond the last channel, into the next pixel: those lanes are not stored.
      for (let tap = scratch; tap < end; tap += 8)
        sum = madd(v128.load(load<usize>(tap) + offset), v128.load(load<usize>(tap, 4) + offset), sum);
      storeSome(out + offset, sum, c - ch);
    }
    out += <usize>c << 2;
  }
}

@unmanaged
export class DepthwiseFilterArgs extends ConvSizes {
  /** The input, the gradient of the output, and the gradient of the filter as [tap][c]. */
  x: usize; dy: usize; dw: usize;
}

/** Channels of an item of filters of 3x3: a line of the cache. */
const CHANNELS: i32 = 16;

/** Items of the job `depthwiseFilter`. */
export function depthwiseFilterItems(c: i32, kh: i32, kw: i32, dilX: i32): i32 {
  return hasColumns(kh, kw, dilX) ? ceilDiv(c, CHANNELS) : kh * kw;
}

/** Job: item is 16 channels of a filter of 3x3, else one tap and all channels. */
export function depthwiseFilter(item: i32, args: DepthwiseFilterArgs, _scratch: usize): void {
  const c = args.c;
  if (hasColumns(args.kh, args.kw, args.dilX)) {
    const first = item * CHANNELS;
    const last = minI(first + CHANNELS, c);
    for (let tap = 0; tap < 9; tap++) memory.fill(args.dw + (<usize>(tap * c + first) << 2), 0, <usize>(last - first) << 2);
    for (let n = 0; n < args.batch; n++)
      for (let oy = 0; oy < args.oh; oy++)
        for (let ch = first; ch < last; ch += 4) filterGradient3x3(n, oy, ch, args);
    return;
  }
  const ky = item / args.kw;
  const kx = item - ky * args.kw;
  const sums = args.dw + (<usize>(item * c) << 2);
  memory.fill(sums, 0, <usize>c << 2);
  const offX = kx * args.dilX - args.padLeft;
  const ox0 = offX >= 0 ? 0 : ceilDiv(-offX, args.strideX);
  const ox1 = minI(args.ow, offX >= args.w ? 0 : ceilDiv(args.w - offX, args.strideX));
  const step = <usize>(args.strideX * c) << 2;
  const pixel = <usize>c << 2;
  for (let n = 0; n < args.batch; n++) {
    for (let oy = 0; oy < args.oh; oy++) {
      const iy = oy * args.strideY - args.padTop + ky * args.dilY;
      if (<u32>iy >= <u32>args.h || ox0 >= ox1) continue;
      const x = args.x + (<usize>(((n * args.h + iy) * args.w + ox0 * args.strideX + offX) * c) << 2);
      const dy = args.dy + (<usize>(((n * args.oh + oy) * args.ow + ox0) * c) << 2);
      let ch = 0;
      for (; ch + 4 <= c; ch += 4) {
        const at = <usize>ch << 2;
        let sum = f32x4.splat(0);
        let p = x + at;
        let q = dy + at;
        for (let ox = ox0; ox < ox1; ox++) {
          sum = madd(v128.load(p), v128.load(q), sum);
          p += step;
          q += pixel;
        }
        v128.store(sums + at, f32x4.add(v128.load(sums + at), sum));
      }
      for (; ch < c; ch++) {
        const at = <usize>ch << 2;
        let sum: f32 = 0;
        let p = x + at;
        let q = dy + at;
        for (let ox = ox0; ox < ox1; ox++) {
          sum += load<f32>(p) * load<f32>(q);
          p += step;
          q += pixel;
        }
        store<f32>(sums + at, load<f32>(sums + at) + sum);
      }
    }
  }
}

/** A matrix of rows x columns floats, and where its transpose goes. */
@unmanaged
export class TransposeArgs {
  x: usize; out: usize; rows: i32; columns: i32;
}

/** Job of one item: transposes a matrix. Filters go between (channel, tap) and (tap, channel) by it. */
export function transpose(_item: i32, args: TransposeArgs, _scratch: usize): void {
  for (let i = 0; i < args.rows; i++)
    for (let j = 0; j < args.columns; j++)
      store<f32>(args.out + (<usize>(j * args.rows + i) << 2), load<f32>(args.x + (<usize>(i * args.columns + j) << 2)));
}
