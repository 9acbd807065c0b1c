/** Depthwise convolution (one in-channel and one out-channel a group) and its gradients. */
import { type After, type ConvCase, type FilterData, nothing, sizesOf } from './convolution-case.ts';
import type { DepthwiseArgs } from './layouts.generated.ts';
import type { Runtime } from './runtime.ts';

export const isDepthwise = (s: ConvCase) => s.groups > 1 && s.groups === s.c && s.groups === s.o;

/** Depthwise filters lie as (tap, channel) in tfjs and as (channel, tap) in OIHW. */
const channelsLast = (s: ConvCase) => s.filter.o === 1;

function withFilter(rt: Runtime, s: ConvCase, filter: FilterData, use: (w: number) => void): void {
  const taps = s.kh * s.kw;
  if (channelsLast(s)) use(filter.pointer);
  else
    rt.filters.with(
      filter.key,
      { name: `depthwise/${s.c}/${taps}`, bytes: 4 * (taps * s.c + 4), cost: 1 },
      (w) => rt.run('transpose', 1, { x: filter.pointer, rows: s.c, columns: taps, out: w }),
      use,
    );
}

/** Calls `use` with the arguments of the job, and with the scratch that an item takes. @param out 0 where the output goes nowhere. */
export function withDepthwiseArgs(
  rt: Runtime,
  s: ConvCase,
  x: number,
  filter: FilterData,
  after: After,
  out: number,
  use: (args: DepthwiseArgs, scratchBytes: number) => void,
): void {
  withFilter(rt, s, filter, (w) => {
    const args = { ...sizesOf(s), x, filter: w, tapStep: s.c, ...after, out, act: s.act };
    use(args, rt.sizes.depthwise3x3Scratch(s.c));
  });
}

export function depthwise(
  rt: Runtime,
  s: ConvCase,
  x: number,
  filter: FilterData,
  after: After,
  out: number,
): void {
  withDepthwiseArgs(rt, s, x, filter, after, out, (args, scratchBytes) =>
    rt.run('depthwise', s.batch * s.oh, args, scratchBytes),
  );
}

export function depthwiseInputGradient(
  rt: Runtime,
  s: ConvCase,
  dy: number,
  filter: FilterData,
  dx: number,
): void {
  withFilter(rt, s, filter, (w) => {
    if (s.strideY === 1 && s.strideX === 1) {
      // The convolution of dy by the filter from its last tap to its first.
      const args = {
        ...{ ...sizesOf(s), h: s.oh, w: s.ow, oh: s.h, ow: s.w, ...nothing, act: 0 },
        padTop: (s.kh - 1) * s.dilY - s.padTop,
        padLeft: (s.kw - 1) * s.dilX - s.padLeft,
        ...{ x: dy, filter: w + 4 * (s.kh * s.kw - 1) * s.c, tapStep: -s.c, out: dx },
      };
      rt.run('depthwise', s.batch * s.h, args, rt.sizes.depthwise3x3Scratch(s.c));
      return;
    }
    // 8 bytes of scratch for each tap
    rt.run('depthwiseInput', s.batch * s.h, { ...sizesOf(s), dy, filter: w, dx }, 8 * s.kh * s.kw);
  });
}

export function depthwiseFilterGradient(rt: Runtime, s: ConvCase, x: number, dy: number, dw: number): void {
  const taps = s.kh * s.kw;
  const items = rt.sizes.depthwiseFilterItems(s.c, s.kh, s.kw, s.dilX);
  const run = (sums: number) => rt.run('depthwiseFilter', items, { ...sizesOf(s), x, dy, dw: sums });
  if (channelsLast(s)) run(dw);
  else
    rt.heap.withBlocks([4 * taps * s.c], (sums) => {
      run(sums!);
      rt.run('transpose', 1, { x: sums!, rows: taps, columns: s.c, out: dw });
    });
}
