/** Pooling and its gradients, and sums over pixels. */
import { maxI, minI, storeSome } from './simd';

/** The sizes of a pooling of c channels. */
@unmanaged
export class PoolSizes {
  h: i32; w: i32; c: i32; oh: i32; ow: i32;
  kh: i32; kw: i32; strideY: i32; strideX: i32; padTop: i32; padLeft: i32;
  /** Whether averages divide by the whole window, or by its part within the image. */
  wholeWindow: bool;
}

@unmanaged
export class PoolArgs extends PoolSizes {
  x: usize; out: usize;
}

@unmanaged
export class PoolGradientArgs extends PoolSizes {
  /** The input and output, which the gradient of averages does not read, and the gradients of the output and the input. */
  x: usize; y: usize; dy: usize; dx: usize;
  /** Output rows and channels an item takes, and items along each. */
  rowsPerItem: i32; rowItems: i32; channelsPerItem: i32; channelItems: i32;
}

/** Up to three values and zeros. */
// @ts-ignore: decorator
@inline
function loadSome(p: usize, lanes: i32): v128 {
  if (lanes >= 4) return v128.load(p);
  let v = v128.load32_zero(p);
  if (lanes > 1) v = v128.load32_lane(p + 4, v, 1);
  if (lanes > 2) v = v128.load32_lane(p + 8, v, 2);
  return v;
}

// @ts-ignore: decorator
@inline
function poolRow(item: i32, args: PoolArgs, average: bool): void {
  const c = args.c;
  const n = item / args.oh;
  const oy = item - n * args.oh;
  const y0 = oy * args.strideY - args.padTop;
  const ya = maxI(0, y0);
  const yb = minI(args.h, y0 + args.kh);
  const pixel = <usize>c << 2;
  const row = <usize>args.w * pixel;
  const image = args.x + <usize>(n * args.h) * row;
  let out = args.out + <usize>(item * args.ow) * pixel;
  for (let ox = 0; ox < args.ow; ox++) {
    const x0 = ox * args.strideX - args.padLeft;
    const xa = maxI(0, x0);
    const xb = minI(args.w, x0 + args.kw);
    const inside = maxI(0, yb - ya) * maxI(0, xb - xa);
    const scale = f32x4.splat(<f32>1 / <f32>(args.wholeWindow ? args.kh * args.kw : maxI(1, inside)));
    for (let ch = 0; ch < c; ch += 4) {
      const lanes = c - ch;
      const at = <usize>ch << 2;
      let v = average ? f32x4.splat(0) : f32x4.splat(-Infinity);
      for (let y = ya; y < yb; y++) {
        let p = image + <usize>y * row + <usize>xa * pixel + at;
        for (let x = xa; x < xb; x++) {
          // The vector may reach beyond the last channel: those lanes are not stored.
          if (average) v = f32x4.add(v, v128.load(p));
          else v = f32x4.pmax(v, v128.load(p));
          p += pixel;
        }
      }
      if (average) v = f32x4.mul(v, scale);
      storeSome(out + at, v, lanes);
    }
    out += pixel;
  }
}

/** Job: item is one row of the output of any image. */
export function maxPool(item: i32, args: PoolArgs, _scratch: usize): void {
  poolRow(item, args, false);
}

/** Job, as maxPool. */
export function avgPool(item: i32, args: PoolArgs, _scratch: usize): void {
  poolRow(item, args, true);
}

/** The part of one gradient that an item owns. Several rows of items only where windows do not overlap. */
// @ts-ignore: decorator
@inline
function poolGradient(item: i32, args: PoolGradientArgs, average: bool): void {
  const c = args.c;
  const channelItem = item % args.channelItems;
  const rowItem = (item / args.channelItems) % args.rowItems;
  const n = item / (args.channelItems * args.rowItems);
  const c0 = channelItem * args.channelsPerItem;
  const c1 = minI(c0 + args.channelsPerItem, c);
  const r0 = rowItem * args.rowsPerItem;
  const r1 = minI(r0 + args.rowsPerItem, args.oh);
  const pixel = <usize>c << 2;
  const row = <usize>args.w * pixel;
  const dx = args.dx + <usize>(n * args.h) * row;
  const image = args.x + <usize>(n * args.h) * row;
  const top = r0 == 0 ? 0 : minI(args.h, maxI(0, r0 * args.strideY - args.padTop));
  const bottom = r1 == args.oh ? args.h : minI(args.h, maxI(0, r1 * args.strideY - args.padTop));
  if (c1 - c0 == c) memory.fill(dx + <usize>top * row, 0, <usize>maxI(0, bottom - top) * row);
  else
    for (let p = top * args.w; p < bottom * args.w; p++)
      memory.fill(dx + <usize>p * pixel + (<usize>c0 << 2), 0, <usize>(c1 - c0) << 2);
  for (let oy = r0; oy < r1; oy++) {
    const y0 = oy * args.strideY - args.padTop;
    const ya = maxI(0, y0);
    const yb = minI(args.h, y0 + args.kh);
    for (let ox = 0; ox < args.ow; ox++) {
      const x0 = ox * args.strideX - args.padLeft;
      const xa = maxI(0, x0);
      const xb = minI(args.w, x0 + args.kw);
      const inside = maxI(0, yb - ya) * maxI(0, xb - xa);
      const scale = f32x4.splat(<f32>1 / <f32>(args.wholeWindow ? args.kh * args.kw : maxI(1, inside)));
      const out = <usize>((n * args.oh + oy) * args.ow + ox) * pixel;
      for (let ch = c0; ch < c1; ch += 4) {
        const lanes = c1 - ch;
        const at = <usize>ch << 2;
        let dy = loadSome(args.dy + out + at, lanes);
        if (average) {
          dy = f32x4.mul(dy, scale);
          for (let y = ya; y < yb; y++) {
            let p = dx + <usize>y * row + <usize>xa * pixel + at;
            for (let x = xa; x < xb; x++) {
              storeSome(p, f32x4.add(loadSome(p, lanes), dy), lanes);
              p += pixel;
            }
          }
        } else {
          const top = v128.load(args.y + out + at);
          let open = i32x4.splat(-1);
          for (let y = ya; y < yb; y++) {
            let offset = <usize>y * row + <usize>xa * pixel + at;
            for (let x = xa; x < xb; x++) {
              const hit = v128.and(f32x4.eq(v128.load(image + offset), top), open);
              if (v128.any_true(hit)) {
                const p = dx + offset;
                storeSome(p, f32x4.add(loadSome(p, lanes), v128.and(hit, dy)), lanes);
                open = v128.andnot(open, hit);
              }
              offset += pixel;
            }
          }
        }
      }
    }
  }
}

/** Job: item is an image, a block of rows and a block of channels. */
export function maxPoolGradient(item: i32, args: PoolGradientArgs, _scratch: usize): void {
  poolGradient(item, args, false);
}

/** Job, as maxPoolGradient. */
export function avgPoolGradient(item: i32, args: PoolGradientArgs, _scratch: usize): void {
  poolGradient(item, args, true);
}

/** Sums of the columns of x, rows x columns, in blocks of rows: short sums of sums lose less than one long one. */
@unmanaged
export class SumArgs {
  x: usize; out: usize;
  rows: i32; columns: i32; rowsPerItem: i32;
}

/** Job: item sums a block of rows into row `item` of out. */
export function sumRows(item: i32, args: SumArgs, _scratch: usize): void {
  const columns = args.columns;
  const out = args.out + (<usize>(item * columns) << 2);
  const first = item * args.rowsPerItem;
  const rows = minI(args.rowsPerItem, args.rows - first);
  const row = <usize>columns << 2;
  const x = args.x + <usize>first * row;
  let j = 0;
  for (; j + 16 <= columns; j += 16) {
    let p = x + (<usize>j << 2);
    let a = f32x4.splat(0), b = a, c = a, d = a;
    for (let r = 0; r < rows; r++) {
      a = f32x4.add(a, v128.load(p));
      b = f32x4.add(b, v128.load(p, 16));
      c = f32x4.add(c, v128.load(p, 32));
      d = f32x4.add(d, v128.load(p, 48));
      p += row;
    }
    const to = out + (<usize>j << 2);
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
  for (; j < columns; j++) {
    let p = x + (<usize>j << 2);
    let sum: f32 = 0;
    for (let r = 0; r < rows; r++) {
      sum += load<f32>(p);
      p += row;
    }
    store<f32>(out + (<usize>j << 2), sum);
  }
}
