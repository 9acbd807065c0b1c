/** Convolution and its input gradient, by the algorithm that is faster for the case. */
import { ceilDiv } from './ceil-div.ts';
import { type After, afterFrom, type ConvCase, type FilterData, nothing } from './convolution-case.ts';
import { withDepthwiseArgs } from './depthwise.ts';
import { runDirect, worthDirect } from './direct.ts';
import { runProduct, type Tap } from './implicit-gemm.ts';
import type { Runtime } from './runtime.ts';
import { runWinograd, worthWinograd } from './winograd.ts';

const isWinogradShape = (s: ConvCase) =>
  s.kh === 3 && s.kw === 3 && s.strideY === 1 && s.strideX === 1 && s.filter.y === 3 * s.filter.x;

/** out = act(x * filter, with what comes after). */
export function convolve(
  rt: Runtime,
  s: ConvCase,
  x: number,
  filter: FilterData,
  after: After,
  out: number,
): void {
  const c = s.c / s.groups;
  const o = s.o / s.groups;
  for (let g = 0; g < s.groups; g++) {
    const [xg, afterg, outg] = [x + 4 * g * c, afterFrom(after, g * o), out + 4 * g * o];
    const layout = { offset: g * o * s.filter.o, n: s.filter.o, k: s.filter.i, tap: s.filter.x };
    const one = { ...s, c, o, xPixel: s.c, outPixel: s.o };
    if (isWinogradShape(s) && worthWinograd(one)) {
      runWinograd(rt, one, filter, layout, xg, afterg, outg);
      continue;
    }
    const taps: Tap[] = [];
    for (let ky = 0; ky < s.kh; ky++)
      for (let kx = 0; kx < s.kw; kx++)
        taps.push({
          y: ky * s.dilY - s.padTop,
          x: kx * s.dilX - s.padLeft,
          offset: ky * s.filter.y + kx * s.filter.x,
        });
    if (worthDirect(one)) {
      runDirect(rt, one, taps, filter, layout, xg, afterg, outg);
      continue;
    }
    const product = {
      ...one,
      taps,
      rowsY: s.oh,
      rowsX: s.ow,
      outRow: s.ow * s.o,
      outImage: s.oh * s.ow * s.o,
      depthwise: null,
    };
    runProduct(rt, product, filter, layout, xg, afterg, outg);
  }
}

/**
 * out = act(act(x * first, with what comes after it) * filter, with what comes after): a 1x1 convolution of a depthwise one by 3x3
 * filters, whose output is computed block by block where the product reads it.
 */
export function convolveSeparable(
  rt: Runtime,
  first: ConvCase,
  s: ConvCase,
  x: number,
  filters: readonly [first: FilterData, second: FilterData],
  afters: readonly [first: After, second: After],
  out: number,
): void {
  withDepthwiseArgs(rt, first, x, filters[0], afters[0], 0, (args, scratchBytes) => {
    const product = {
      ...{ ...s, xPixel: s.c, outPixel: s.o, taps: [{ y: 0, x: 0, offset: 0 }], rowsY: s.oh, rowsX: s.ow },
      ...{ outRow: s.ow * s.o, outImage: s.oh * s.ow * s.o, depthwise: { args, scratchBytes } },
    };
    const layout = { offset: 0, n: s.filter.o, k: s.filter.i };
    runProduct(rt, product, filters[1], layout, 0, afters[1], out);
  });
}

/**
 * dx, the gradient of x (a transposed convolution): a convolution of dy with the flipped filter, in- and out-channels
 * exchanged. With a stride each phase of x's pixels meets only some of the taps, and is a convolution of stride 1 with those.
 */
export function convolveInputGradient(
  rt: Runtime,
  s: ConvCase,
  dy: number,
  filter: FilterData,
  dx: number,
): void {
  const c = s.c / s.groups;
  const o = s.o / s.groups;
  for (let g = 0; g < s.groups; g++) {
    const [dyg, dxg] = [dy + 4 * g * o, dx + 4 * g * c];
    const offset = g * o * s.filter.o;
    const one = {
      ...{ batch: s.batch, h: s.oh, w: s.ow, c: o, xPixel: s.o },
      ...{ oh: s.h, ow: s.w, o: c, outPixel: s.c, dilY: s.dilY, dilX: s.dilX, act: 0, inputRange: null },
      padTop: (s.kh - 1) * s.dilY - s.padTop,
      padLeft: (s.kw - 1) * s.dilX - s.padLeft,
    };
    if (isWinogradShape(s) && worthWinograd(one)) {
      const layout = { offset: offset + 8 * s.filter.x, n: s.filter.i, k: s.filter.o, tap: -s.filter.x };
      runWinograd(rt, one, filter, layout, dyg, nothing, dxg);
      continue;
    }
    const layout = { offset, n: s.filter.i, k: s.filter.o };
    // Some phases meet no tap at all.
    if (s.kh < s.strideY || s.kw < s.strideX || s.dilY > 1 || s.dilX > 1)
      if (g === 0) rt.heap.f32.fill(0, dx / 4, dx / 4 + s.batch * s.h * s.w * s.c);
    for (let py = 0; py < Math.min(s.strideY, s.h); py++) {
      for (let px = 0; px < Math.min(s.strideX, s.w); px++) {
        const taps: Tap[] = [];
        for (let ky = s.kh - 1; ky >= 0; ky--) {
          const y = py + s.padTop - ky * s.dilY;
          if (y % s.strideY !== 0) continue;
          for (let kx = s.kw - 1; kx >= 0; kx--) {
            const x = px + s.padLeft - kx * s.dilX;
            if (x % s.strideX === 0)
              taps.push({ y: y / s.strideY, x: x / s.strideX, offset: ky * s.filter.y + kx * s.filter.x });
          }
        }
        if (taps.length === 0) continue;
        const product = {
          ...one,
          taps,
          rowsY: ceilDiv(s.h - py, s.strideY),
          rowsX: ceilDiv(s.w - px, s.strideX),
          ...{ strideY: 1, strideX: 1, depthwise: null },
          ...{ outImage: s.h * s.w * s.c, outRow: s.strideY * s.w * s.c, outPixel: s.strideX * s.c },
        };
        runProduct(rt, product, filter, layout, dyg, nothing, dxg + 4 * (py * s.w + px) * s.c);
      }
    }
  }
}
