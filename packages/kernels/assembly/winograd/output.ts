/** The output transform of Winograd's convolution, Aᵀ M A, with scale, bias and activation. */
import { NR, activate, align64, ceilDiv, madd, minI, storeSome } from '../simd';
import { P, Q, TileArgs } from './tiles';

const P3: f32 = 0.35355339059327376;
const Q3: f32 = 2.82842712474619010;

@unmanaged
export class WinogradArgs extends TileArgs {
  /** The transformed filter, [position][panel][c][8]; floats from one position to the next. */
  u: usize; uPos: i32;
  /** The bias and the scale before it, 0 for none; the output; the number of the activation. */
  bias: usize; scale: usize; out: usize; act: i32;
  /** Tiles an item takes. */
  tilesPerItem: i32;
}

/** Bytes of one tile's positions for one panel of 8 out-channels; a power of two would crowd the cache sets. */
// @ts-ignore: decorator
@inline
export function tileBytes(six: bool): i32 {
  return six ? 64 * 32 + 64 : 36 * 32;
}

/** What comes after a convolution, of four channels: `last` tells whether it does after this line. */
// @ts-ignore: decorator
@inline
function end(last: bool, v: v128, scale: v128, bias: v128, act: i32): v128 {
  return last ? activate(madd(v, scale, bias), act) : v;
}

/** One-dimensional Aᵀ: six values to four. */
// @ts-ignore: decorator
@inline
function outputLine(
  m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, dst: usize, to: usize, last: bool, scale: v128, bias: v128, act: i32,
): void {
  const s = f32x4.add(m1, m2);
  const d = f32x4.sub(m1, m2);
  const s2 = f32x4.add(m3, m4);
  const d2 = f32x4.sub(m3, m4);
  v128.store(dst, end(last, f32x4.add(f32x4.add(m0, s), s2), scale, bias, act));
  v128.store(dst + to, end(last, madd(f32x4.splat(Q), d2, f32x4.mul(f32x4.splat(P), d)), scale, bias, act));
  v128.store(dst + 2 * to, end(last, madd(f32x4.splat(2), s2, f32x4.mul(f32x4.splat(0.5), s)), scale, bias, act));
  v128.store(dst + 3 * to, end(last, madd(f32x4.splat(Q3), d2, madd(f32x4.splat(P3), d, m5)), scale, bias, act));
}

/** One-dimensional Aᵀ of F(6x6): eight values to six. */
// @ts-ignore: decorator
@inline
function outputLine6(
  m0: v128, m1: v128, m2: v128, m3: v128, m4: v128, m5: v128, m6: v128, m7: v128,
  dst: usize, to: usize, last: bool, scale: v128, bias: v128, act: i32,
): void {
  const s1 = f32x4.add(m1, m2);
  const s2 = f32x4.add(m3, m4);
  const s3 = f32x4.add(m5, m6);
  v128.store(dst, end(last, f32x4.add(f32x4.add(m0, s1), f32x4.add(s2, s3)), scale, bias, act));
  v128.store(dst + 2 * to, end(last, madd(f32x4.splat(4), s3, madd(f32x4.splat(0.25), s2, s1)), scale, bias, act));
  v128.store(dst + 4 * to, end(last, madd(f32x4.splat(16), s3, madd(f32x4.splat(0.0625), s2, s1)), scale, bias, act));
  const d1 = f32x4.sub(m1, m2);
  const d2 = f32x4.sub(m3, m4);
  const d3 = f32x4.sub(m5, m6);
  v128.store(dst + to, end(last, madd(f32x4.splat(2), d3, madd(f32x4.splat(0.5), d2, d1)), scale, bias, act));
  v128.store(dst + 3 * to, end(last, madd(f32x4.splat(8), d3, madd(f32x4.splat(0.125), d2, d1)), scale, bias, act));
  v128.store(dst + 5 * to, end(last, madd(f32x4.splat(32), d3, madd(f32x4.splat(0.03125), d2, f32x4.add(d1, m7))), scale, bias, act));
}

/** Aᵀ M A of tiles [t0, t1) for panels [p0, p1), with scale, bias and activation. m is [panel][tile][position][8]. */
// @ts-ignore: decorator
@inline
export function transformProducts(six: bool, args: WinogradArgs, m: usize, t0: i32, t1: i32, p0: i32, p1: i32, scratch: usize): void {
  const outputs = six ? 6 : 4;
  const temp = align64(scratch);
  const result = temp + (six ? 768 : 384);
  const rows = t1 - t0;
  const perPhase = args.tilesY * args.tilesX;
  const phases = args.phasesY * args.phasesX;
  const act = args.act;
  const outPixel = args.outPixel;
  for (let t = t0; t < t1; t++) {
    const tx = t % args.tilesX;
    const ty = (t / args.tilesX) % args.tilesY;
    const phase = (t / perPhase) % phases;
    const n = t / (perPhase * phases);
    const y0 = phase / args.phasesX + ty * outputs * args.dilY;
    const x0 = (phase % args.phasesX) + tx * outputs * args.dilX;
    if (y0 >= args.oh || x0 >= args.ow) continue;
    const countY = minI(outputs, ceilDiv(args.oh - y0, args.dilY));
    const countX = minI(outputs, ceilDiv(args.ow - x0, args.dilX));
    const stepY = <usize>(args.dilY * args.ow * outPixel) << 2;
    const stepX = <usize>(args.dilX * outPixel) << 2;
    const corner = args.out + (<usize>(((n * args.oh + y0) * args.ow + x0) * outPixel) << 2);
    for (let p = p0; p < p1; p++) {
      let from = m + <usize>((p - p0) * rows + t - t0) * tileBytes(six);
      for (let half = 0; half < 8; half += 4) {
        const channel = p * NR + half;
        const left = args.o - channel;
        if (left <= 0) break;
        let bias = f32x4.splat(0);
        if (args.bias) bias = v128.load(args.bias + (<usize>channel << 2));
        let scale = f32x4.splat(1);
        if (args.scale) scale = v128.load(args.scale + (<usize>channel << 2));
        if (six) {
          for (let i: usize = 0; i < 8 * 16; i += 16) {
            const f = from + 2 * i;
            outputLine6(
              v128.load(f), v128.load(f, 256), v128.load(f, 512), v128.load(f, 768),
              v128.load(f, 1024), v128.load(f, 1280), v128.load(f, 1536), v128.load(f, 1792), temp + i, 128, false, scale, bias, act,
            );
          }
        } else {
          for (let i: usize = 0; i < 6 * 16; i += 16) {
            const f = from + 2 * i;
            outputLine(
              v128.load(f), v128.load(f, 192), v128.load(f, 384), v128.load(f, 576), v128.load(f, 768), v128.load(f, 960),
              temp + i, 96, false, scale, bias, act,
            );
          }
        }
        // Where not all of a line is wanted it goes elsewhere first.
        const whole = countX == outputs && left >= 4;
        const step = whole ? stepX : 16;
        let out = corner + (<usize>channel << 2);
        let f = temp;
        for (let i = 0; i < countY; i++) {
          const line = whole ? out : result;
          if (six) {
            outputLine6(
              v128.load(f), v128.load(f, 16), v128.load(f, 32), v128.load(f, 48),
              v128.load(f, 64), v128.load(f, 80), v128.load(f, 96), v128.load(f, 112), line, step, true, scale, bias, act,
            );
            f += 128;
          } else {
            outputLine(
              v128.load(f), v128.load(f, 16), v128.load(f, 32), v128.load(f, 48), v128.load(f, 64), v128.load(f, 80),
              line, step, true, scale, bias, act,
            );
            f += 96;
          }
          if (!whole) {
            for (let j: usize = 0; j < <usize>countX; j++) storeSome(out + j * stepX, v128.load(result + j * 16), left);
          }
          out += stepY;
        }
        from += 16;
      }
    }
  }
}

/** `transformProducts` of F(4x4), not inlined. */
export function transformOutput(args: WinogradArgs, m: usize, t0: i32, t1: i32, p0: i32, p1: i32, scratch: usize): void {
  transformProducts(false, args, m, t0, t1, p0, p1, scratch);
}
