/** Maps sampled where a network says (Jaderberg et al., 2015). */
import * as tf from '@tensorflow/tfjs-core';
import { checkRank, checkSameShape, toPair } from './arguments.ts';

/**
 * Where the pixels of a map come from under affine transformations (`chainer.functions.spatial_transformer_grid`).
 *
 * @param theta (N, 2, 3): from (x, y, 1) of the output to (x, y) of the input, -1 to 1 between the centres of the corner pixels.
 * @param outputShape (height, width) in pixels.
 * @returns (N, H, W, 2): x and y of each pixel. Chainer has the 2 before H and W.
 */
export function spatialTransformerGrid(
  theta: tf.Tensor3D,
  outputShape: readonly [height: number, width: number],
): tf.Tensor4D {
  checkSameShape('spatialTransformerGrid theta', [theta.shape[0], 2, 3], theta.shape);
  const [height, width] = toPair('spatialTransformerGrid outputShape', outputShape, 1);
  const side = (n: number) => Array.from({ length: n }, (_, i) => (n === 1 ? -1 : (2 * i) / (n - 1) - 1));
  const [ys, xs] = [side(height), side(width)];
  return tf.tidy(() => {
    const points = tf.tensor2d(
      ys.flatMap((y) => xs.flatMap((x) => [x, y, 1])),
      [height * width, 3],
    );
    const all = tf.matMul(tf.broadcastTo(points, [theta.shape[0], height * width, 3]), theta, false, true);
    return tf.reshape(all, [theta.shape[0], height, width, 2]);
  });
}

/**
 * The values of x between its pixels, at the places of a grid, bilinearly (`chainer.functions.spatial_transformer_sampler`). Outside of the
 * map there are zeros. Gradients go to x and to the grid.
 *
 * @param x (N, H, W, C).
 * @param grid (N, OH, OW, 2): x and y, -1 to 1 between the centres of the corner pixels.
 * @returns (N, OH, OW, C).
 */
export function spatialTransformerSampler(x: tf.Tensor4D, grid: tf.Tensor4D): tf.Tensor4D {
  checkRank('spatialTransformerSampler x', x, ['N', 'H', 'W', 'C']);
  checkSameShape('spatialTransformerSampler grid', [x.shape[0], ...grid.shape.slice(1, 3), 2], grid.shape);
  const [n, height, width, channels] = x.shape;
  return tf.tidy(() => {
    const [gx, gy] = tf.unstack(grid, 3) as [tf.Tensor3D, tf.Tensor3D];
    const place = (g: tf.Tensor, size: number) => tf.mul(tf.add(g, 1), (size - 1) / 2);
    const [px, py] = [place(gx, width), place(gy, height)];
    const [left, top] = [tf.floor(px), tf.floor(py)];
    const rows = tf.reshape(x, [n * height * width, channels]);
    const images = tf.reshape(tf.range(0, n, 1, 'float32'), [n, 1, 1]);
    const corner = (dx: 0 | 1, dy: 0 | 1): tf.Tensor => {
      const [column, row] = [tf.add(left, dx), tf.add(top, dy)];
      const inside = (at: tf.Tensor, size: number) =>
        tf.logicalAnd(tf.greaterEqual(at, 0), tf.lessEqual(at, size - 1));
      const isInside = tf.logicalAnd(inside(column, width), inside(row, height));
      const safe = (at: tf.Tensor, size: number) => tf.clipByValue(at, 0, size - 1);
      const flat = tf.add(
        tf.mul(tf.add(tf.mul(images, height), safe(row, height)), width),
        safe(column, width),
      );
      // How much of the corner counts: 1 at the place itself, 0 a pixel away.
      const near = (at: tf.Tensor, p: tf.Tensor, d: 0 | 1) =>
        d === 0 ? tf.sub(tf.add(at, 1), p) : tf.sub(p, tf.sub(at, 1));
      const weight = tf.mul(tf.mul(near(column, px, dx), near(row, py, dy)), tf.cast(isInside, 'float32'));
      return tf.mul(tf.gather(rows, tf.cast(flat, 'int32')), tf.expandDims(weight, 3));
    };
    const [a, b, c, d] = [corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)];
    return tf.add(tf.add(a, b), tf.add(c, d)) as tf.Tensor4D;
  });
}
