/**
 * Pooling and aligning of regions of interest over NHWC activations. Where the regions lie is known in JavaScript, so each of
 * these functions is one sparse matrix, whose rows are the bins of the regions, times the pixels.
 */
import { CSRMatrix, sparseMatMul, sparseMax } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import { roundHalfEven } from '../round-half-even.ts';
import { checkInteger, checkRank, type IntOrPair, toPair } from './arguments.ts';

/** What the regions are divided into, and where they lie. */
export interface RoiOptions {
  /** Bins of a region, y and x. */
  outsize: IntOrPair;
  /** From the coordinates of `rois` to pixels of x: 1 / 16 for a map with a stride of 16. */
  spatialScale: number;
}

export interface RoiAlignOptions extends RoiOptions {
  /** Samples of a bin, y and x; null for as many as it has pixels, rounded up. Default null. */
  samplingRatio?: number | null | readonly [y: number | null, x: number | null];
}

/** A weighted position along one axis. */
type Tap = readonly [at: number, weight: number];
/** The positions of each bin along one axis, sample by sample. */
type Bins = readonly (readonly (readonly Tap[])[])[];

interface Region {
  readonly batch: number;
  readonly y: Bins;
  readonly x: Bins;
}

/** The whole pixels of `bins` bins that divide `length` pixels from `start` on; bins may share pixels. */
function pixelBins(start: number, length: number, bins: number, size: number): Bins {
  const stride = length / bins;
  const inside = (at: number) => Math.min(Math.max(at + start, 0), size);
  return Array.from({ length: bins }, (_, i) => {
    const first = inside(Math.floor(i * stride));
    const end = inside(Math.ceil((i + 1) * stride));
    return Array.from({ length: Math.max(0, end - first) }, (_, k) => [[first + k, 1] as const]);
  });
}

/** A sample between pixels, as bilinear weights; null beyond one pixel outside of the map. */
function bilinear(at: number, size: number): Tap[] | null {
  if (at < -1 || at > size) return null;
  const low = Math.floor(Math.max(at, 0));
  if (low >= size - 1) return [[size - 1, 1]];
  const part = Math.max(at, 0) - low;
  return [
    [low, 1 - part],
    [low + 1, part],
  ];
}

/** The samples of `bins` bins from `start` to `end`, in pixels; those outside of the map are left out. */
function sampleBins(
  start: number,
  end: number,
  bins: number,
  size: number,
  ratio: number | null,
): { bins: Bins; samples: number } {
  const bin = Math.max(end - start, 1) / bins;
  const samples = ratio ?? Math.ceil(bin);
  return {
    samples,
    bins: Array.from({ length: bins }, (_, i) =>
      Array.from({ length: samples }, (_, k) =>
        bilinear(start + i * bin + ((k + 0.5) * bin) / samples, size),
      ).filter((taps) => taps !== null),
    ),
  };
}

/** The entries of the matrix's rows: pixels of y and x, with the product of their weights. */
function* product(
  batch: number,
  [height, width]: readonly [number, number],
  y: readonly Tap[],
  x: readonly Tap[],
  factor: number,
): Generator<Tap> {
  for (const [row, a] of y)
    for (const [column, b] of x)
      if (a * b !== 0) yield [(batch * height + row) * width + column, a * b * factor];
}

/** The positions of a bin, those that come several times added up: a bin of many samples has few pixels. */
function merged(samples: readonly (readonly Tap[])[]): Tap[] {
  const sums = new Map<number, number>();
  for (const [at, weight] of samples.flat()) sums.set(at, (sums.get(at) ?? 0) + weight);
  return [...sums];
}

type Values = ArrayLike<number> | tf.Tensor;

/** The numbers of an argument that must be in JavaScript. @throws InvalidArgumentError for a tensor on webgpu. */
function hostValues(where: string, values: Values): ArrayLike<number> {
  if (!(values instanceof tf.Tensor)) return values;
  if (tf.getBackend() === 'webgpu')
    throw new InvalidArgumentError(
      where,
      'numbers in JavaScript: webgpu gives the values of a tensor only later',
      'a tensor',
      'Give a Float32Array: await rois.data().',
    );
  return values.dataSync();
}

interface Call {
  readonly name: string;
  readonly x: tf.Tensor4D;
  readonly outsize: readonly [y: number, x: number];
  /** Corners in the order in which the function takes them, four a region. */
  readonly rois: readonly (readonly number[])[];
  readonly indices: readonly number[];
}

function checkRegions(
  name: string,
  x: tf.Tensor4D,
  rois: Values,
  roiIndices: Values | null,
  options: RoiOptions,
): Call {
  checkRank(`${name} x`, x, ['N', 'H', 'W', 'C']);
  const outsize = toPair(`${name} outsize`, options.outsize, 1);
  if (!(options.spatialScale > 0))
    throw new InvalidArgumentError(`${name} spatialScale`, 'a positive number', options.spatialScale);
  const width = roiIndices === null ? 5 : 4;
  const values = Array.from(hostValues(`${name} rois`, rois));
  if (values.length % width !== 0)
    throw new InvalidArgumentError(`${name} rois`, `${width} numbers a region`, `${values.length} numbers`);
  const rows = Array.from({ length: values.length / width }, (_, i) =>
    values.slice(i * width, (i + 1) * width),
  );
  const indices =
    roiIndices === null
      ? rows.map((row) => row[0]!)
      : Array.from(hostValues(`${name} roiIndices`, roiIndices));
  if (indices.length !== rows.length)
    throw new InvalidArgumentError(
      `${name} roiIndices`,
      `one for each of ${rows.length} regions`,
      `${indices.length}`,
    );
  const wrong = indices.find((i) => !(Number.isInteger(i) && i >= 0 && i < x.shape[0]));
  if (wrong !== undefined)
    throw new InvalidArgumentError(`${name} roiIndices`, `integers in 0..${x.shape[0] - 1}`, wrong);
  return { name, x, outsize, indices, rois: rows.map((row) => row.slice(width - 4)) };
}

const pixels = (x: tf.Tensor4D) => tf.reshape(x, [-1, x.shape[3]]) as tf.Tensor2D;

function binsOf(
  { x, outsize, rois, indices }: Call,
  axis: (at: 0 | 1, corners: readonly number[], bins: number, size: number) => Bins,
): Region[] {
  return rois.map((corners, i) => ({
    batch: indices[i]!,
    y: axis(0, corners, outsize[0], x.shape[1]),
    x: axis(1, corners, outsize[1], x.shape[2]),
  }));
}

const matrixOf = (
  { x }: Call,
  regions: readonly Region[],
  rows: (region: Region, y: Bins[number], x: Bins[number]) => Iterable<Iterable<Tap>>,
) =>
  CSRMatrix.of(
    x.shape[0] * x.shape[1] * x.shape[2],
    (function* () {
      for (const region of regions)
        for (const y of region.y) for (const column of region.x) yield* rows(region, y, column);
    })(),
  );

const mapSize = ({ x }: Call) => [x.shape[1], x.shape[2]] as const;

/** The mean of each bin; zero by an empty one. @param count how many samples a bin has, those outside included. */
function averageBins(
  call: Call,
  regions: readonly Region[],
  count: (y: Bins[number], x: Bins[number], region: Region) => number,
): tf.Tensor4D {
  const matrix = matrixOf(call, regions, (region, y, x) => [
    product(region.batch, mapSize(call), merged(y), merged(x), 1 / count(y, x, region)),
  ]);
  return tf.tidy(() =>
    tf.reshape(sparseMatMul(matrix, pixels(call.x)), [regions.length, ...call.outsize, call.x.shape[3]]),
  );
}

/** The largest pixel of each bin. */
function maxBins(call: Call, regions: readonly Region[], empty: number): tf.Tensor4D {
  const matrix = matrixOf(call, regions, (region, y, x) => [
    product(region.batch, mapSize(call), y.flat(), x.flat(), 1),
  ]);
  return tf.tidy(() =>
    tf.reshape(sparseMax(matrix, pixels(call.x), empty), [regions.length, ...call.outsize, call.x.shape[3]]),
  );
}

const kinds = { outsize: 'any', spatialScale: 'number' } as const;

/**
 * The largest value of each bin of each region (Girshick, Fast R-CNN, 2015), as `chainer.functions.roi_pooling_2d`: corners are rounded to
 * pixels, halves to even, and both ends belong to the region. An empty bin gives 0. No gradient reaches the regions.
 *
 * @param x (N, H, W, C).
 * @param rois (R, 5): (index of the image, xmin, ymin, xmax, ymax), in units of `spatialScale`: numbers row by row, or a tensor whose
 *   values are in JavaScript.
 * @returns (R, outsize y, outsize x, C).
 * @throws InvalidArgumentError when an argument does not fit.
 */
export function roiPooling2D(x: tf.Tensor4D, rois: Values, options: RoiOptions): tf.Tensor4D {
  const { spatialScale } = checkOptions('roiPooling2D', options, kinds);
  const call = checkRegions('roiPooling2D', x, rois, null, options);
  const regions = binsOf(call, (axis, corners, bins, size) => {
    const [start, end] = [1 - axis, 3 - axis].map((i) => roundHalfEven(corners[i]! * spatialScale));
    return pixelBins(start!, Math.max(end! - start! + 1, 1), bins, size);
  });
  return maxBins(call, regions, 0);
}

/** Regions by rounded corners (ymin, xmin, ymax, xmax), whose ends do not belong to them. */
function roundedRegions(call: Call, spatialScale: number): Region[] {
  return binsOf(call, (axis, corners, bins, size) => {
    const [start, end] = [axis, axis + 2].map((i) => roundHalfEven(corners[i]! * spatialScale));
    return pixelBins(start!, Math.max(end! - start!, 1), bins, size);
  });
}

/**
 * The largest value of each bin of each region, as `chainer.functions.roi_max_pooling_2d`: corners are rounded to pixels, halves to even.
 * An empty bin gives minus infinity. No gradient reaches the regions.
 *
 * @param x (N, H, W, C).
 * @param rois (R, 4): (ymin, xmin, ymax, xmax), in units of `spatialScale`: a bbox, or a tensor whose values are in JavaScript.
 * @param roiIndices (R): the image of each region.
 * @returns (R, outsize y, outsize x, C).
 * @throws InvalidArgumentError when an argument does not fit.
 */
export function roiMaxPooling2D(
  x: tf.Tensor4D,
  rois: Values,
  roiIndices: Values,
  options: RoiOptions,
): tf.Tensor4D {
  checkOptions('roiMaxPooling2D', options, kinds);
  const call = checkRegions('roiMaxPooling2D', x, rois, roiIndices, options);
  return maxBins(call, roundedRegions(call, options.spatialScale), Number.NEGATIVE_INFINITY);
}

/** The mean of each bin of each region, as `chainer.functions.roi_average_pooling_2d`; else as `roiMaxPooling2D`. An empty bin gives 0. */
export function roiAveragePooling2D(
  x: tf.Tensor4D,
  rois: Values,
  roiIndices: Values,
  options: RoiOptions,
): tf.Tensor4D {
  checkOptions('roiAveragePooling2D', options, kinds);
  const call = checkRegions('roiAveragePooling2D', x, rois, roiIndices, options);
  return averageBins(call, roundedRegions(call, options.spatialScale), (y, x) => y.length * x.length);
}

interface SampledRegion extends Region {
  readonly count: number;
}

function sampledRegions(call: Call, options: RoiAlignOptions): SampledRegion[] {
  const ratio = options.samplingRatio ?? null;
  const ratios = typeof ratio === 'object' && ratio !== null ? ratio : ([ratio, ratio] as const);
  for (const one of ratios) if (one !== null) checkInteger(`${call.name} samplingRatio`, one, 1);
  const [, height, width] = call.x.shape;
  return call.rois.map((corners, i) => {
    const [ymin, xmin, ymax, xmax] = corners.map((v) => v * options.spatialScale);
    const y = sampleBins(ymin!, ymax!, call.outsize[0], height, ratios[0]);
    const x = sampleBins(xmin!, xmax!, call.outsize[1], width, ratios[1]);
    return { batch: call.indices[i]!, y: y.bins, x: x.bins, count: y.samples * x.samples };
  });
}

const alignKinds = { ...kinds, samplingRatio: 'any' } as const;

/**
 * The mean of bilinear samples of each bin of each region (He et al., Mask R-CNN, 2017), as `chainer.functions.roi_average_align_2d`: nothing
 * is rounded. A sample more than a pixel outside of the map counts as 0. No gradient reaches the regions.
 *
 * @param x (N, H, W, C).
 * @param rois (R, 4): (ymin, xmin, ymax, xmax), in units of `spatialScale`: a bbox, or a tensor whose values are in JavaScript.
 * @param roiIndices (R): the image of each region.
 * @returns (R, outsize y, outsize x, C).
 * @throws InvalidArgumentError when an argument does not fit.
 */
export function roiAverageAlign2D(
  x: tf.Tensor4D,
  rois: Values,
  roiIndices: Values,
  options: RoiAlignOptions,
): tf.Tensor4D {
  checkOptions('roiAverageAlign2D', options, alignKinds);
  const call = checkRegions('roiAverageAlign2D', x, rois, roiIndices, options);
  return averageBins(
    call,
    sampledRegions(call, options),
    (_y, _x, region) => (region as SampledRegion).count,
  );
}

/**
 * The largest of bilinear samples of each bin of each region, as `chainer.functions.roi_max_align_2d`; else as `roiAverageAlign2D`. A bin
 * whose samples all lie outside of the map gives minus infinity.
 */
export function roiMaxAlign2D(
  x: tf.Tensor4D,
  rois: Values,
  roiIndices: Values,
  options: RoiAlignOptions,
): tf.Tensor4D {
  checkOptions('roiMaxAlign2D', options, alignKinds);
  const call = checkRegions('roiMaxAlign2D', x, rois, roiIndices, options);
  const regions = sampledRegions(call, options);
  const samples = matrixOf(call, regions, function* (region, y, x) {
    for (const rows of y)
      for (const columns of x) yield product(region.batch, mapSize(call), rows, columns, 1);
  });
  let next = 0;
  const bins = CSRMatrix.of(
    samples.shape[0],
    regions.flatMap(({ y, x }) =>
      y.flatMap((rows) =>
        x.map((columns) => Array.from({ length: rows.length * columns.length }, () => [next++, 1] as const)),
      ),
    ),
  );
  return tf.tidy(() => {
    const sampled = sparseMatMul(samples, pixels(call.x));
    const largest = sparseMax(bins, sampled, Number.NEGATIVE_INFINITY);
    return tf.reshape(largest, [regions.length, ...call.outsize, call.x.shape[3]]);
  });
}
