/** Gradients of resizing: the forward pass is one matrix for the rows and one for the columns, so these are their transposes. */
import * as tf from '@tensorflow/tfjs-core';
import { runKernel } from '../run.ts';
import { type RuleTable, rule, zeros } from './rule.ts';

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

interface CropAndResize {
  cropSize: [height: number, width: number];
  method: 'bilinear' | 'nearest';
}

/** How much of one axis, of `size` pixels, each of `count` samples of each box reads. */
interface Samples {
  /** (boxes, count, size): the matrix that samples. */
  readonly weights: tf.Tensor3D;
  /** Its derivative by the places of the samples. */
  readonly slopes: () => tf.Tensor3D;
  /** How far each sample (count, 1) lies on the way from the box's one edge to the other, in 0..1. */
  readonly way: tf.Tensor2D;
  readonly size: number;
}

function samplesOf(
  [low, high]: readonly [tf.Tensor, tf.Tensor],
  count: number,
  size: number,
  a: CropAndResize,
): Samples {
  const way = tf.tensor2d(
    Float32Array.from({ length: count }, (_, i) => (count > 1 ? i / (count - 1) : 0.5)),
    [count, 1],
  );
  const between = tf.add(low, tf.mul(tf.sub(high, low), tf.reshape(way, [1, count])));
  const places = tf.reshape(tf.mul(between, size - 1), [-1, count, 1]);
  const inside = tf.cast(
    tf.logicalAnd(tf.greaterEqual(places, 0), tf.lessEqual(places, size - 1)),
    'float32',
  );
  const pixels = tf.range(0, size, 1, 'float32');
  const offsets = tf.sub(pixels, a.method === 'nearest' ? tf.floor(tf.add(places, 0.5)) : places);
  return {
    weights: tf.mul(tf.relu(tf.sub(1, tf.abs(offsets))), inside),
    slopes: () => tf.mul(tf.mul(tf.sign(offsets), tf.step(tf.sub(1, tf.abs(offsets)))), inside),
    way,
    size,
  };
}

/** Multiplies each box's matrix (boxes, n, m) with the second axis of x (boxes, m, p, channels). */
function alongRows(matrix: tf.Tensor, x: tf.Tensor, transpose = false): tf.Tensor {
  const [boxes, m, p, channels] = x.shape as [number, number, number, number];
  const flat = tf.matMul(matrix, tf.reshape(x, [boxes, m, p * channels]), transpose);
  return tf.reshape(flat, [boxes, flat.shape[1]!, p, channels]);
}

const turned = (x: tf.Tensor) => tf.transpose(x, [0, 2, 1, 3]);

/** The gradients by the two edges of each box along the rows, each (boxes, 1). */
function edgeGradients(
  dy: tf.Tensor,
  maps: tf.Tensor,
  rows: Samples,
  columns: Samples,
): [low: tf.Tensor, high: tf.Tensor] {
  const moved = alongRows(rows.slopes(), turned(alongRows(columns.weights, turned(maps))));
  const [boxes, count] = dy.shape as [number, number];
  const byPlace = tf.mul(tf.sum(tf.reshape(tf.mul(dy, moved), [boxes, count, -1]), 2), rows.size - 1);
  return [
    tf.matMul(byPlace as tf.Tensor2D, tf.sub(1, rows.way)),
    tf.matMul(byPlace as tf.Tensor2D, rows.way),
  ];
}

const cropAndResize = rule<CropAndResize>(
  { inputs: ['image', 'boxes', 'boxInd'] },
  (dy, [image, boxes, boxInd], a) => {
    const [batch, height, width] = image!.shape as [number, number, number];
    const [top, left, bottom, right] = tf.split(boxes!, 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const rows = samplesOf([top, bottom], a.cropSize[0], height, a);
    const columns = samplesOf([left, right], a.cropSize[1], width, a);
    return {
      image: () => {
        const spread = alongRows(rows.weights, dy, true);
        const maps = turned(alongRows(columns.weights, turned(spread), true));
        return runKernel('UnsortedSegmentSum', { x: maps, segmentIds: boxInd! }, { numSegments: batch });
      },
      boxes: () => {
        if (a.method === 'nearest') return zeros(boxes!);
        const maps = tf.gather(image!, boxInd!);
        const [dTop, dBottom] = edgeGradients(dy, maps, rows, columns);
        const [dLeft, dRight] = edgeGradients(turned(dy), turned(maps), columns, rows);
        return tf.concat([dTop, dLeft, dBottom, dRight], 1);
      },
      boxInd: () => zeros(boxInd!),
    };
  },
);

export const imageRules: RuleTable = {
  CropAndResize: cropAndResize,
  ResizeBilinear: resize(bilinear),
  ResizeNearestNeighbor: resize(nearest),
};
