/** The ranges of what convolutions get, by which they compute in whole numbers of 8 bits. */
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from './errors.ts';
import { convolution2D } from './functions/convolution.ts';
import type { Link } from './link.ts';
import type { ForwardInfo, LinkHook } from './link-hook.ts';
import { Convolution2D } from './links/convolution-2d.ts';
import { nearestName } from './options.ts';

/** The ranges of the inputs of convolutions, by the paths of their links: `{ '/extractor/conv0': [-1, 1] }`. */
export type Calibration = Readonly<Record<string, readonly [min: number, max: number]>>;

/** The convolutions that may compute in 8 bits, by their paths: those over all channels, as the sums of a depthwise one are too short. */
export function* roundableConvolutions(model: Link): Generator<[path: string, link: Convolution2D]> {
  for (const [path, link] of model.namedlinks())
    if (link instanceof Convolution2D && link.groups === 1) yield [path, link];
}

/**
 * Finds the ranges of what the convolutions of a model get while `run` calls it, and lets them compute in 8 bits from then on
 * (`Convolution2D.inputRange`). Of each call the range is the one that rounds its input with the least squared error, which may leave out the
 * farthest values; the mean over all calls counts. A convolution stays in float where rounding would change its outputs by more than 3 %.
 *
 * ```ts
 * await calibrate(model, () => model.predict(photos));
 * ```
 *
 * @param run calls the model with what is typical for it: some dozens of images. Ranges that the model had before count for nothing.
 * @returns the ranges; a convolution that stays in float, or was not called, has none.
 * @throws InvalidArgumentError where no convolution was called, or one got values that are not finite; what `run` throws. The model is as it
 *   was then.
 */
export async function calibrate(model: Link, run: () => unknown): Promise<Calibration> {
  const before = calibrationOf(model);
  const hooked = [...roundableConvolutions(model)].map(([path, link]) => ({
    path,
    link,
    hook: new RangeHook(),
  }));
  setCalibration(model, {});
  for (const { link, hook } of hooked) link.addHook(hook);
  try {
    await run();
    const found: Record<string, readonly [number, number]> = {};
    const called = hooked.filter(({ hook }) => hook.calls > 0);
    for (const { path, hook } of called) {
      const { range, error } = await hook.mean();
      checkRange(path, range);
      if (error <= MOST_ERROR) found[path] = range;
    }
    if (called.length === 0)
      throw new InvalidArgumentError('calibrate', 'a run that calls convolutions of the model', 'none');
    setCalibration(model, found);
    return found;
  } catch (error) {
    setCalibration(model, before);
    throw error;
  } finally {
    for (const { link, hook } of hooked) {
      link.deleteHook(hook.name);
      hook.dispose();
    }
  }
}

/** Steps that an input is rounded to, as the kernels have it. */
const STEPS = 127;

/** Parts of an input's own range that are tried: 1 to a fifth of it. */
const parts = Array.from({ length: 20 }, (_, i) => 0.92 ** i);

/** Values that an error is measured with, at most. */
const SAMPLES = 4096;

/** Where rounding changes what a convolution gives by more (root mean square, of the outputs' own), it stays in float. */
const MOST_ERROR = 0.03;

/** `values` as they are after rounding to the steps of the range (low, high), which may be several side by side. */
function rounded(values: tf.Tensor, low: tf.Tensor, high: tf.Tensor): tf.Tensor {
  const step = tf.maximum(tf.div(tf.sub(high, low), STEPS), 1e-30);
  const zero = tf.round(tf.div(tf.neg(low), step));
  const bytes = tf.clipByValue(tf.add(tf.round(tf.div(values, step)), zero), 0, STEPS);
  return tf.mul(tf.sub(bytes, zero), step);
}

/** A filter as it is after rounding: 127 steps to the largest value of each out-channel. */
function roundedFilter(W: tf.Tensor): tf.Tensor {
  const step = tf.maximum(tf.div(tf.max(tf.abs(W), [1, 2, 3], true), 127), 1e-30);
  return tf.mul(tf.round(tf.div(W, step)), step);
}

const squaredError = (got: tf.Tensor, expected: tf.Tensor, axis?: number): tf.Tensor =>
  tf.mean(tf.square(tf.sub(got, expected)), axis);

/** Of those that are tried, the range (min, max) that rounds x with the least squared error. */
function bestRange(x: tf.Tensor): tf.Tensor1D {
  const part = tf.tensor1d(parts);
  const [low, high] = [tf.mul(part, tf.minimum(tf.min(x), 0)), tf.mul(part, tf.maximum(tf.max(x), 0))];
  const values = tf.reshape(samplesOf(x), [-1, 1]);
  const best = tf.argMax(tf.neg(squaredError(rounded(values, low, high), values, 0)));
  return tf.reshape(tf.gather(tf.stack([low, high], 1), tf.reshape(best, [1]) as tf.Tensor1D), [2]);
}

/** Some values of x (N, H, W, C), from all channels. */
function samplesOf(x: tf.Tensor): tf.Tensor {
  let stride = Math.ceil(x.size / SAMPLES);
  while (divisor(stride, x.shape.at(-1)!) > 1) stride++;
  return tf.stridedSlice(tf.reshape(x, [-1]), [0], [x.size], [stride]);
}

/** The greatest common divisor. */
const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/** Sums the ranges of what a link is called with, and what rounding changes in its outputs. */
class RangeHook implements LinkHook {
  readonly name = 'InputRange';
  calls = 0;
  /** Of min, max and the squared error, in parts of the outputs' own square. */
  #sums: tf.Tensor1D | null = null;

  forwardPostprocess({ link, args, out }: ForwardInfo): void {
    const [x, activation, normalization = null] = args as Parameters<Convolution2D['forward']>;
    if (x.size === 0) return;
    const before = this.#sums;
    // They outlive the call of whichever link runs.
    this.#sums = tf.tidy(() => {
      const range = bestRange(x);
      const [W, b, options] = (link as Convolution2D).argumentsOf(activation, normalization);
      const bytes = rounded(x, tf.slice(range, 0, 1), tf.slice(range, 1, 1)) as tf.Tensor4D;
      const y = out as tf.Tensor4D;
      const error = squaredError(convolution2D(bytes, roundedFilter(W) as tf.Tensor4D, b, options), y);
      const square = tf.maximum(tf.mean(tf.square(y)), 1e-30);
      const seen = tf.concat1d([range, tf.reshape(tf.div(error, square), [1])]);
      return tf.keep(before === null ? seen : tf.add(before, seen));
    });
    before?.dispose();
    this.calls++;
  }

  /** The mean range, and the error (root mean square, of the outputs' own). */
  async mean(): Promise<{ readonly range: readonly [min: number, max: number]; readonly error: number }> {
    const [min, max, error] = await this.#sums!.data();
    return { range: [min! / this.calls, max! / this.calls], error: Math.sqrt(error! / this.calls) };
  }

  dispose(): void {
    this.#sums?.dispose();
  }
}

/** The ranges that a model's convolutions have now; empty where none computes in 8 bits. */
export function calibrationOf(model: Link): Calibration {
  return Object.fromEntries(
    [...roundableConvolutions(model)].flatMap(([path, { inputRange }]) =>
      inputRange === null ? [] : [[path, inputRange] as const],
    ),
  );
}

/**
 * Gives the convolutions of a model these ranges, and takes those of all others away: `{}` lets all compute in float again.
 *
 * @throws InvalidArgumentError for a path where no convolution is, or none over all channels, and unless a range is of two finite numbers
 *   around 0. Then nothing is changed.
 */
export function setCalibration(model: Link, calibration: Calibration): void {
  const links = new Map(roundableConvolutions(model));
  for (const [path, range] of Object.entries(calibration)) {
    if (!links.has(path)) {
      const nearest = nearestName(path, [...links.keys()]);
      const advice = nearest === null ? '' : `Did you mean '${nearest}'?`;
      throw new InvalidArgumentError('calibration', 'paths of convolutions over all channels', path, advice);
    }
    checkRange(path, range);
  }
  for (const [path, link] of links) link.inputRange = calibration[path] ?? null;
}

/** Whether it is a range of inputs: two finite numbers, the first at most 0 and the second at least 0. */
export function isInputRange(range: unknown): range is readonly [min: number, max: number] {
  if (!Array.isArray(range) || range.length !== 2) return false;
  const [min, max] = range as unknown[];
  return Number.isFinite(min) && Number.isFinite(max) && (min as number) <= 0 && (max as number) >= 0;
}

function checkRange(path: string, range: unknown): void {
  if (!isInputRange(range))
    throw new InvalidArgumentError(`${path} inputRange`, 'two finite numbers, min <= 0 <= max', range);
}
