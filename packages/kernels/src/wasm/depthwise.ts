/** Depthwise convolution (one in-channel and one out-channel a group) and its gradients. */
import type { ConvCase, FilterData } from './convolution.ts';
import type { Runtime } from './runtime.ts';

export const isDepthwise = (s: ConvCase) => s.groups > 1 && s.groups === s.c && s.groups === s.o;

/** Depthwise filters lie as (tap, channel) in tfjs and as (channel, tap) in OIHW. */
const channelsLast = (s: ConvCase) => s.filter.o === 1;

function words(rt: Runtime, s: ConvCase, x: number, w: number, bias: number, out: number): number {
  return rt.words([
    ...[x, w, bias, out],
    ...[s.batch, s.h, s.w, s.c, s.oh, s.ow],
    ...[s.kh, s.kw, s.strideY, s.strideX, s.padTop, s.padLeft, s.dilY, s.dilX],
    s.act,
  ]);
}

/** out = the transpose of x, rows x columns. */
function transpose(rt: Runtime, x: number, rows: number, columns: number, out: number): void {
  rt.run('transpose', 1, rt.words([x, 0, 0, out, 1, rows, columns]));
}

function withFilter(rt: Runtime, s: ConvCase, filter: FilterData, use: (w: number) => void): void {
  const taps = s.kh * s.kw;
  if (channelsLast(s)) use(filter.pointer);
  else
    rt.filters.with(
      filter.dataId,
      `depthwise/${s.c}/${taps}`,
      4 * (taps * s.c + 4),
      (w) => transpose(rt, filter.pointer, s.c, taps, w),
      use,
    );
}

export function depthwise(
  rt: Runtime,
  s: ConvCase,
  x: number,
  filter: FilterData,
  bias: number,
  out: number,
): void {
  withFilter(rt, s, filter, (w) => rt.run('depthwise', s.batch * s.oh, words(rt, s, x, w, bias, out)));
}

export function depthwiseInputGradient(
  rt: Runtime,
  s: ConvCase,
  dy: number,
  filter: FilterData,
  dx: number,
): void {
  withFilter(rt, s, filter, (w) =>
    rt.run('depthwiseInput', s.batch * s.h, words(rt, s, dy, w, 0, dx), Math.max(4096, 8 * s.kh * s.kw)),
  );
}

export function depthwiseFilterGradient(rt: Runtime, s: ConvCase, x: number, dy: number, dw: number): void {
  const taps = s.kh * s.kw;
  if (channelsLast(s)) {
    rt.run('depthwiseFilter', taps, words(rt, s, x, dy, 0, dw));
    return;
  }
  const sums = rt.heap.malloc(4 * taps * s.c);
  rt.run('depthwiseFilter', taps, words(rt, s, x, dy, 0, sums));
  transpose(rt, sums, taps, s.c, dw);
  rt.heap.free(sums);
}
