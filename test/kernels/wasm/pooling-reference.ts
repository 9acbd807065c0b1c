/** Pooling in float64, and its drawn shapes. */
import type { Pool2DAttrs } from '../../../packages/kernels/src/attrs.ts';

/** A pooling whose windows all lie within the padded input. */
export interface PoolCase {
  shape: [number, number, number, number];
  attrs: Pool2DAttrs;
  out: [number, number];
}

/** The pixels of each window in row-major order, as flat indices into x, for one output value. */
export function windows(c: PoolCase, visit: (output: number, inputs: number[]) => void): void {
  const [n, h, w, channels] = c.shape;
  const { ksize, stride, pad } = c.attrs;
  for (let b = 0; b < n; b++)
    for (let y = 0; y < c.out[0]; y++)
      for (let x = 0; x < c.out[1]; x++)
        for (let ch = 0; ch < channels; ch++) {
          const inputs: number[] = [];
          for (let ky = 0; ky < ksize[0]; ky++)
            for (let kx = 0; kx < ksize[1]; kx++) {
              const iy = y * stride[0] - pad[0] + ky;
              const ix = x * stride[1] - pad[2] + kx;
              if (iy >= 0 && iy < h && ix >= 0 && ix < w)
                inputs.push(((b * h + iy) * w + ix) * channels + ch);
            }
          visit(((b * c.out[0] + y) * c.out[1] + x) * channels + ch, inputs);
        }
}

export const outputSize = ({ shape, out }: PoolCase) => shape[0] * out[0] * out[1] * shape[3];
export const outputShape = ({ shape, out }: PoolCase) => [shape[0], ...out, shape[3]];

/** Height and width of the output. */
export function outputOf(shape: PoolCase['shape'], { ksize, stride, pad }: Pool2DAttrs): [number, number] {
  const along = (at: 0 | 1) =>
    Math.floor((shape[1 + at]! + pad[2 * at]! + pad[2 * at + 1]! - ksize[at]) / stride[at]) + 1;
  return [along(0), along(1)];
}

/** The maximum of each window and its gradient, which goes to the first maximum in row-major order. */
export function maxPooling(c: PoolCase, x: Float32Array, dy: Float32Array) {
  const y = new Float64Array(outputSize(c));
  const dx = new Float64Array(x.length);
  windows(c, (o, inputs) => {
    let first: number | undefined;
    for (const at of inputs) if (first === undefined || x[at]! > x[first]!) first = at;
    y[o] = first === undefined ? Number.NEGATIVE_INFINITY : x[first]!;
    if (first !== undefined) dx[first]! += dy[o]!;
  });
  return { y, dx };
}

/** The average of each window, padding included, and its gradient. */
export function averagePooling(c: PoolCase, x: Float32Array, dy: Float32Array) {
  const y = new Float64Array(outputSize(c));
  const dx = new Float64Array(x.length);
  const area = c.attrs.ksize[0] * c.attrs.ksize[1];
  windows(c, (o, inputs) => {
    for (const at of inputs) {
      y[o]! += x[at]! / area;
      dx[at]! += dy[o]! / area;
    }
  });
  return { y, dx };
}
