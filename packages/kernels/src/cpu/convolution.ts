/** Convolution and its gradients as direct loops: the reference that the other backends are tested against. */
import type { Conv2DAttrs } from '../attrs.ts';
import { geometryOf } from '../geometry.ts';
import { input, type Kernel } from '../kernel.ts';
import { output, values } from './data.ts';
import { forEachTap } from './windows.ts';

type Shape4 = readonly [number, number, number, number];

interface Channels {
  readonly groups: number;
  /** In-channels of one group. */
  readonly in: number;
  /** Out-channels of one group. */
  readonly out: number;
  readonly taps: number;
}

function channelsOf([out, inPerGroup, kh, kw]: Shape4, groups: number): Channels {
  return { groups, in: inPerGroup, out: out / groups, taps: kh * kw };
}

/** Where the weight of (tap, in-channel, group) starts in tap-major order; its group's out-channels follow. */
const weightRow = (c: Channels, tap: number, i: number, group: number) =>
  (tap * c.in + i) * c.groups * c.out + group * c.out;

/** Calls `visit` with the offset in OIHW and in tap-major order of each weight. */
function forEachWeight(c: Channels, visit: (oihw: number, tapMajor: number) => void): void {
  for (let o = 0; o < c.groups * c.out; o++)
    for (let i = 0; i < c.in; i++)
      for (let tap = 0; tap < c.taps; tap++)
        visit((o * c.in + i) * c.taps + tap, (tap * c.in + i) * c.groups * c.out + o);
}

/** OIHW weights in (tap, in, out) order, so that the innermost loop runs over neighbours. */
function tapMajor(filter: Float32Array, c: Channels): Float32Array {
  const packed = new Float32Array(filter.length);
  forEachWeight(c, (from, to) => {
    packed[to] = filter[from]!;
  });
  return packed;
}

function activate(v: number, activation: Conv2DAttrs['activation']): number {
  if (activation === 'linear') return v;
  return activation === 'relu' ? Math.max(0, v) : Math.min(6, Math.max(0, v));
}

export const conv2d: Kernel<Conv2DAttrs> = (call) => {
  const filterShape = input(call, 'filter').shape as unknown as Shape4;
  const g = geometryOf(input(call, 'x').shape, [filterShape[2], filterShape[3]], call.attrs);
  const c = channelsOf(filterShape, call.attrs.groups);
  const x = values(call, 'x');
  const w = tapMajor(values(call, 'filter'), c);
  const [inAll, outAll] = [c.groups * c.in, c.groups * c.out];
  const y = new Float64Array(g.batch * g.outHeight * g.outWidth * outAll);
  if (call.inputs['bias'] !== undefined) {
    const bias = values(call, 'bias');
    for (let i = 0; i < y.length; i += outAll) y.set(bias, i);
  }
  forEachTap(g, (outPixel, tap, inPixel) => {
    for (let group = 0; group < c.groups; group++) {
      const to = outPixel * outAll + group * c.out;
      for (let i = 0; i < c.in; i++) {
        const v = x[inPixel * inAll + group * c.in + i]!;
        const row = weightRow(c, tap, i, group);
        for (let o = 0; o < c.out; o++) y[to + o]! += v * w[row + o]!;
      }
    }
  });
  const shape = [g.batch, g.outHeight, g.outWidth, outAll];
  return output(
    call,
    shape,
    y.map((v) => activate(v, call.attrs.activation)),
  );
};

export const conv2dBackpropInput: Kernel<Conv2DAttrs & { inputShape: Shape4 }> = (call) => {
  const { inputShape, groups } = call.attrs;
  const filterShape = input(call, 'filter').shape as unknown as Shape4;
  const g = geometryOf(inputShape, [filterShape[2], filterShape[3]], call.attrs);
  const c = channelsOf(filterShape, groups);
  const dy = values(call, 'dy');
  const w = tapMajor(values(call, 'filter'), c);
  const [inAll, outAll] = [c.groups * c.in, c.groups * c.out];
  const dx = new Float64Array(inputShape.reduce((a, b) => a * b));
  forEachTap(g, (outPixel, tap, inPixel) => {
    for (let group = 0; group < c.groups; group++) {
      const from = outPixel * outAll + group * c.out;
      for (let i = 0; i < c.in; i++) {
        const row = weightRow(c, tap, i, group);
        let sum = 0;
        for (let o = 0; o < c.out; o++) sum += dy[from + o]! * w[row + o]!;
        dx[inPixel * inAll + group * c.in + i]! += sum;
      }
    }
  });
  return output(call, inputShape, dx);
};

export const conv2dBackpropFilter: Kernel<Conv2DAttrs & { filterShape: Shape4 }> = (call) => {
  const { filterShape, groups } = call.attrs;
  const g = geometryOf(input(call, 'x').shape, [filterShape[2], filterShape[3]], call.attrs);
  const c = channelsOf(filterShape, groups);
  const x = values(call, 'x');
  const dy = values(call, 'dy');
  const [inAll, outAll] = [c.groups * c.in, c.groups * c.out];
  const dw = new Float64Array(c.taps * c.in * outAll);
  forEachTap(g, (outPixel, tap, inPixel) => {
    for (let group = 0; group < c.groups; group++) {
      const from = outPixel * outAll + group * c.out;
      for (let i = 0; i < c.in; i++) {
        const v = x[inPixel * inAll + group * c.in + i]!;
        const row = weightRow(c, tap, i, group);
        for (let o = 0; o < c.out; o++) dw[row + o]! += v * dy[from + o]!;
      }
    }
  });
  const oihw = new Float32Array(dw.length);
  forEachWeight(c, (to, from) => {
    oihw[to] = dw[from]!;
  });
  return output(call, filterShape, oihw);
};
