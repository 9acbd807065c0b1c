/** Max pooling as WGSL. tfjs' own starts from -1e20 instead of minus infinity, and its gradient has no rule for ties. */
import type * as tf from '@tensorflow/tfjs-core';
import type { Pool2DAttrs } from '../attrs.ts';
import { geometryOf } from '../geometry.ts';
import { input, type Kernel } from '../kernel.ts';
import { runElementwise } from './program.ts';

const pairsOf = ({ ksize, stride, pad }: Pool2DAttrs) => ({ ksize, stride, pad: [pad[0], pad[2]] }) as const;

/** The index in x of a pixel's channel. */
const at = `
  fn at(n : i32, y : i32, x : i32, c : i32) -> i32 {
    return getIndexFromCoords4D(vec4<i32>(n, y, x, c), uniforms.xShape);
  }`;

export const maxPool2d: Kernel<Pool2DAttrs> = ({ attrs, backend, ...call }) => {
  const x = input({ attrs, backend, ...call }, 'x');
  const g = geometryOf(x.shape, attrs.ksize, attrs);
  return runElementwise(backend, {
    key: 'maxPool2d',
    shape: [g.batch, g.outHeight, g.outWidth, x.shape[3]!],
    dtype: 'float32',
    inputs: { x },
    pairs: pairsOf(attrs),
    functions: at,
    body: `
      let o = getCoordsFromIndex(index);
      let first = o.yz * uniforms.stride - uniforms.pad;
      let low = max(first, vec2<i32>(0));
      let high = min(first + uniforms.ksize, uniforms.xShape.yz);
      var value = -uniforms.INFINITY;
      for (var i = low.x; i < high.x; i++) {
        for (var j = low.y; j < high.y; j++) {
          value = max(value, x[at(o.x, i, j, o.w)]);
        }
      }`,
  });
};

/** For each pixel of x: the gradients of the windows in which it is the first maximum. */
export const maxPool2dGrad: Kernel<Pool2DAttrs> = ({ attrs, backend, ...call }) => {
  const all = { attrs, backend, ...call };
  const inputs: Record<string, tf.TensorInfo> = {
    dy: input(all, 'dy'),
    x: input(all, 'x'),
    y: input(all, 'y'),
  };
  return runElementwise(backend, {
    key: 'maxPool2dGrad',
    shape: inputs['x']!.shape,
    dtype: 'float32',
    inputs,
    pairs: pairsOf(attrs),
    functions: `${at}
      /** Whether no element of the window before (row, column) is the maximum. */
      fn isFirst(n : i32, first : vec2<i32>, row : i32, column : i32, c : i32, maximum : f32) -> bool {
        let low = max(first, vec2<i32>(0));
        let end = min(first.y + uniforms.ksize.y, uniforms.xShape.z);
        for (var i = low.x; i <= row; i++) {
          for (var j = low.y; j < end; j++) {
            if (i == row && j == column) { return true; }
            if (x[at(n, i, j, c)] == maximum) { return false; }
          }
        }
        return true;
      }`,
    body: `
      let p = getCoordsFromIndex(index);
      let padded = p.yz + uniforms.pad;
      let low = max((padded - uniforms.ksize + uniforms.stride) / uniforms.stride, vec2<i32>(0));
      let high = min(padded / uniforms.stride, uniforms.dyShape.yz - 1);
      let own = x[index];
      var value = 0.0;
      for (var i = low.x; i <= high.x; i++) {
        for (var j = low.y; j <= high.y; j++) {
          let window = getIndexFromCoords4D(vec4<i32>(p.x, i, j, p.w), uniforms.dyShape);
          let first = vec2<i32>(i, j) * uniforms.stride - uniforms.pad;
          if (own == y[window] && all(p.yz < first + uniforms.ksize)
              && isFirst(p.x, first, p.y, p.z, p.w, own)) {
            value += dy[window];
          }
        }
      }`,
  });
};
