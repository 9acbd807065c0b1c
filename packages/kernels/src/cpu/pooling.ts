/** Pooling and its gradients as direct loops: the reference that the other backends are tested against. */
import type { Pool2DAttrs } from '../attrs.ts';
import { geometryOf } from '../geometry.ts';
import { input, type Kernel } from '../kernel.ts';
import { output, values } from './data.ts';
import { forEachTap } from './windows.ts';

export const maxPool2d: Kernel<Pool2DAttrs> = (call) => {
  const { shape } = input(call, 'x');
  const g = geometryOf(shape, call.attrs.ksize, call.attrs);
  const channels = shape[3]!;
  const x = values(call, 'x');
  const outShape = [g.batch, g.outHeight, g.outWidth, channels];
  const y = new Float32Array(outShape.reduce((a, b) => a * b)).fill(Number.NEGATIVE_INFINITY);
  forEachTap(g, (outPixel, _tap, inPixel) => {
    for (let c = 0; c < channels; c++) {
      const to = outPixel * channels + c;
      y[to] = Math.max(y[to]!, x[inPixel * channels + c]!);
    }
  });
  return output(call, outShape, y);
};

export const maxPool2dGrad: Kernel<Pool2DAttrs> = (call) => {
  const { shape } = input(call, 'x');
  const g = geometryOf(shape, call.attrs.ksize, call.attrs);
  const channels = shape[3]!;
  const [dy, x, y] = [values(call, 'dy'), values(call, 'x'), values(call, 'y')];
  const dx = new Float64Array(x.length);
  const done = new Uint8Array(y.length);
  forEachTap(g, (outPixel, _tap, inPixel) => {
    for (let c = 0; c < channels; c++) {
      const from = outPixel * channels + c;
      const to = inPixel * channels + c;
      if (done[from] === 1 || x[to] !== y[from]) continue;
      done[from] = 1;
      dx[to]! += dy[from]!;
    }
  });
  return output(call, shape, dx);
};

export const avgPool2d: Kernel<Pool2DAttrs> = (call) => {
  const { shape } = input(call, 'x');
  const { ksize } = call.attrs;
  const g = geometryOf(shape, ksize, call.attrs);
  const channels = shape[3]!;
  const x = values(call, 'x');
  const outShape = [g.batch, g.outHeight, g.outWidth, channels];
  const sums = new Float64Array(outShape.reduce((a, b) => a * b));
  forEachTap(g, (outPixel, _tap, inPixel) => {
    for (let c = 0; c < channels; c++) sums[outPixel * channels + c]! += x[inPixel * channels + c]!;
  });
  return output(
    call,
    outShape,
    sums.map((v) => v / (ksize[0] * ksize[1])),
  );
};

export const avgPool2dGrad: Kernel<Pool2DAttrs & { inputShape: readonly number[] }> = (call) => {
  const { inputShape, ksize } = call.attrs;
  const g = geometryOf(inputShape, ksize, call.attrs);
  const channels = inputShape[3]!;
  const dy = values(call, 'dy');
  const sums = new Float64Array(inputShape.reduce((a, b) => a * b));
  forEachTap(g, (outPixel, _tap, inPixel) => {
    for (let c = 0; c < channels; c++) sums[inPixel * channels + c]! += dy[outPixel * channels + c]!;
  });
  return output(
    call,
    inputShape,
    sums.map((v) => v / (ksize[0] * ksize[1])),
  );
};
