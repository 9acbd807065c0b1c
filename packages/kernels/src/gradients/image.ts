/** Gradients of resizing: the forward pass is one matrix for the rows and one for the columns, so this is their transposes. */
import * as tf from '@tensorflow/tfjs-core';
import { type RuleTable, rule } from './rule.ts';

interface Resize {
  alignCorners: boolean;
  halfPixelCenters: boolean;
}

type Weights = readonly (readonly [index: number, weight: number])[];
type Sampling = (out: number, outSize: number, inSize: number, a: Resize) => Weights;

const ratioOf = (outSize: number, inSize: number, { alignCorners }: Resize) =>
  alignCorners && outSize > 1 ? (inSize - 1) / (outSize - 1) : inSize / outSize;

/** Which input elements make an output element, as tfjs' kernels compute it. */
const bilinear: Sampling = (out, outSize, inSize, a) => {
  const ratio = ratioOf(outSize, inSize, a);
  const source = a.halfPixelCenters ? ratio * (out + 0.5) - 0.5 : ratio * out;
  const low = Math.max(0, Math.floor(source));
  const high = Math.min(inSize - 1, Math.ceil(source));
  return [
    [low, 1 - (source - low)],
    [high, source - low],
  ];
};

const nearest: Sampling = (out, outSize, inSize, a) => {
  const source = ratioOf(outSize, inSize, a) * (a.halfPixelCenters ? out + 0.5 : out);
  return [[Math.min(inSize - 1, a.alignCorners ? Math.round(source) : Math.floor(source)), 1]];
};

/** The matrix (inSize, outSize) that spreads the gradients of one axis. */
function spreading(sampling: Sampling, outSize: number, inSize: number, a: Resize): tf.Tensor2D {
  const values = new Float32Array(inSize * outSize);
  for (let out = 0; out < outSize; out++)
    for (const [index, weight] of sampling(out, outSize, inSize, a)) values[index * outSize + out]! += weight;
  return tf.tensor2d(values, [inSize, outSize]);
}

/** Multiplies along the first axis. */
function times(matrix: tf.Tensor2D, x: tf.Tensor): tf.Tensor {
  const [first, ...rest] = x.shape as [number, ...number[]];
  return tf.reshape(tf.matMul(matrix, tf.reshape(x, [first, -1]) as tf.Tensor2D), [matrix.shape[0], ...rest]);
}

const resize = (sampling: Sampling) =>
  rule<Resize>({ inputs: ['images'] }, (dy, [images], a) => ({
    images: () => {
      const [, inHeight, inWidth] = images!.shape as [number, number, number, number];
      const [, outHeight, outWidth] = dy.shape as [number, number, number, number];
      const rows = times(spreading(sampling, outHeight, inHeight, a), tf.transpose(dy, [1, 0, 2, 3]));
      const columns = times(spreading(sampling, outWidth, inWidth, a), tf.transpose(rows, [2, 0, 1, 3]));
      return tf.transpose(columns, [2, 1, 0, 3]);
    },
  }));

export const imageRules: RuleTable = {
  ResizeBilinear: resize(bilinear),
  ResizeNearestNeighbor: resize(nearest),
};
