/** The ranges of what convolutions get, by which they compute in whole numbers of 8 bits. */
import type { InputRange } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from './errors.ts';
import { checkInputRange, convolution2D } from './functions/convolution.ts';
import { Link } from './link.ts';
import type { ForwardInfo, LinkHook } from './link-hook.ts';
import { Convolution2D } from './links/convolution-2d.ts';
import { nearestName } from './options.ts';

/** The ranges of the inputs of convolutions, by the paths of their links: `{ '/extractor/conv0': [-1, 1] }`. */
export type Calibration = Readonly<Record<string, InputRange>>;

/**
 * The convolutions that may compute in 8 bits, by their paths: those over all channels, as the sums of a depthwise one are too short, which
 * compute as `Convolution2D` does. A link that is held twice comes twice.
 */
export function* roundableConvolutions(model: Link): Generator<[path: string, link: Convolution2D]> {
  for (const [path, link] of model.namedlinks())
    if (
      link instanceof Convolution2D &&
      link.groups === 1 &&
      link.forward === Convolution2D.prototype.forward
    )
      yield [path, link];
}

/**
 * Finds the ranges of what the convolutions of a model get while `run` calls it, and lets them compute in 8 bits from then on
 * (`Convolution2D.inputRange`). Of each call the range is the one that rounds its input with the least squared error, which may leave out the
 * farthest values; the mean over all calls counts. A convolution stays in float where rounding with that would change its outputs by more
 * than 3 % (root mean square, the mean over all calls).
 *
 * ```ts
 * await calibrate(model, () => model.predict(photos));
 * ```
 *
 * @param run calls the model with what is typical for it: some dozens of images. It runs twice: ranges are found, then what they change. Ranges
 *   that the model had before count for nothing.
 * @returns the ranges; a convolution that stays in float, or was not called, has none.
 * @throws InvalidArgumentError where no convolution was called, or one got values that are not finite, or the model is being calibrated
 *   already; what `run` throws. The model is as it was then.
 */
export async function calibrate(model: Link, run: () => unknown): Promise<Calibration> {
  if (!(model instanceof Link)) throw new InvalidArgumentError('calibrate model', 'a link', model);
  if (typeof run !== 'function') throw new InvalidArgumentError('calibrate run', 'a function', run);
  const before = calibrationOf(model);
  const links = new Map([...roundableConvolutions(model)].map(([path, link]) => [link, path]));
  for (const [link, path] of links)
    if (calibrating.has(link))
      throw new InvalidArgumentError('calibrate model', 'one that is not being calibrated', path);
  const watches: Watch[] = [];
  try {
    for (const [link, path] of links) {
      calibrating.add(link);
      watches.push(new Watch(link, path));
    }
    setCalibration(model, {});
    await run();
    const called = watches.filter(({ calls }) => calls > 0);
    if (called.length === 0)
      throw new InvalidArgumentError('calibrate', 'a run that calls convolutions of the model', 'none');
    for (const watch of called) await watch.findRange();
    await run();
    const found: Record<string, InputRange> = {};
    for (const watch of called) {
      if (watch.calls === 0)
        throw new InvalidArgumentError(
          'calibrate',
          'a run that can be repeated',
          'one that calls nothing the second time',
        );
      const [min, max] = watch.range!;
      if (min < max && (await watch.error()) <= MOST_ERROR) found[watch.path] = [min, max];
    }
    setCalibration(model, found);
    return found;
  } catch (error) {
    setCalibration(model, before);
    throw error;
  } finally {
    for (const link of links.keys()) calibrating.delete(link);
    for (const watch of watches) watch.end();
  }
}

const calibrating = new WeakSet<Convolution2D>();

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

/** Watches what a link is called with: first for the ranges, then, when there is one, for what it changes. */
class Watch implements LinkHook {
  readonly name = 'chaingrad.calibrate';
  calls = 0;
  range: InputRange | null = null;
  /** Over all calls: of the ends of the ranges, or of squared errors, in parts of the outputs' own square. */
  #sum: tf.Tensor1D | null = null;

  constructor(
    private readonly link: Convolution2D,
    readonly path: string,
  ) {
    link.addHook(this);
  }

  forwardPostprocess({ args, out }: ForwardInfo): void {
    const [x, activation, normalization = null] = args as Parameters<Convolution2D['forward']>;
    if (x.size === 0) return;
    const before = this.#sum;
    // It outlives the call of whichever link runs.
    this.#sum = tf.tidy(() => {
      const seen =
        this.range === null ? bestRange(x) : this.#change(x, out as tf.Tensor4D, activation, normalization);
      return tf.keep(before === null ? seen : tf.add(before, seen));
    });
    before?.dispose();
    this.calls++;
  }

  #change(
    x: tf.Tensor4D,
    y: tf.Tensor4D,
    ...[activation, normalization]: Parameters<Convolution2D['argumentsOf']>
  ): tf.Tensor1D {
    const [W, b, options] = this.link.argumentsOf(activation, normalization);
    const [min, max] = this.range!;
    const bytes = rounded(x, tf.scalar(min), tf.scalar(max)) as tf.Tensor4D;
    const error = squaredError(convolution2D(bytes, roundedFilter(W) as tf.Tensor4D, b, options), y);
    return tf.reshape(tf.div(error, tf.maximum(tf.mean(tf.square(y)), 1e-30)), [1]);
  }

  /** @throws InvalidArgumentError for inputs that are not finite. */
  async findRange(): Promise<void> {
    const [min, max] = await this.#mean();
    const range = [min!, max!];
    checkInputRange(this.path, range);
    this.range = range;
  }

  /** What the range changes: root mean square, of the outputs' own. */
  async error(): Promise<number> {
    const [square] = await this.#mean();
    return Math.sqrt(square!);
  }

  /** The mean over all calls, which are forgotten then. */
  async #mean(): Promise<number[]> {
    const [sum, calls] = [this.#sum!, this.calls];
    [this.#sum, this.calls] = [null, 0];
    const values = await sum.data();
    sum.dispose();
    return Array.from(values, (value) => value / calls);
  }

  end(): void {
    this.link.deleteHook(this.name);
    this.#sum?.dispose();
  }
}

/**
 * The ranges that a model's convolutions have now; empty where none computes in 8 bits.
 *
 * @throws InvalidArgumentError for an `inputRange` that is none.
 */
export function calibrationOf(model: Link): Calibration {
  const found: Record<string, InputRange> = {};
  for (const [path, { inputRange }] of roundableConvolutions(model)) {
    if (inputRange === null) continue;
    checkInputRange(path, inputRange);
    found[path] = inputRange;
  }
  return found;
}

/**
 * Gives the convolutions of a model these ranges, and takes those of all others away: `{}` lets all compute in float again.
 *
 * @throws InvalidArgumentError for a path where no convolution is, or none over all channels, and unless a range is of two numbers around 0, at
 *   most 1e30 apart. Then nothing is changed.
 */
export function setCalibration(model: Link, calibration: Calibration): void {
  if (typeof calibration !== 'object' || calibration === null || Array.isArray(calibration))
    throw new InvalidArgumentError('calibration', 'an object of ranges by paths', calibration);
  const links = new Map(roundableConvolutions(model));
  for (const [path, range] of Object.entries(calibration)) {
    if (!links.has(path)) {
      const nearest = nearestName(path, [...links.keys()]);
      const advice = nearest === null ? '' : `Did you mean '${nearest}'?`;
      throw new InvalidArgumentError('calibration', 'paths of convolutions over all channels', path, advice);
    }
    checkInputRange(path, range);
  }
  for (const link of links.values()) link.inputRange = null;
  for (const [path, [min, max]] of Object.entries(calibration)) links.get(path)!.inputRange = [min, max];
}
