/** The ranges of what convolutions get, by which they compute in whole numbers of 8 bits. */
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from './errors.ts';
import type { Link } from './link.ts';
import type { LinkHook } from './link-hook.ts';
import { Convolution2D } from './links/convolution-2d.ts';
import { nearestName } from './options.ts';

/** The smallest and the largest input of convolutions, by the paths of their links: `{ '/extractor/conv0': [-1, 1] }`. */
export type Calibration = Readonly<Record<string, readonly [min: number, max: number]>>;

/** The convolutions that may compute in 8 bits, by their paths: those over all channels, as the sums of a depthwise one are too short. */
function* convolutions(model: Link): Generator<[path: string, link: Convolution2D]> {
  for (const [path, link] of model.namedlinks())
    if (link instanceof Convolution2D && link.groups === 1) yield [path, link];
}

/**
 * Finds the ranges of what the convolutions of a model get while `run` calls it, and lets them compute in 8 bits from then on
 * (`Convolution2D.inputRange`).
 *
 * ```ts
 * await calibrate(model, () => model.predict(photos));
 * ```
 *
 * @param run calls the model with what is typical for it: some dozens of images. Ranges that were found before count for nothing.
 * @returns the ranges; a convolution that was not called has none.
 * @throws InvalidArgumentError where no convolution was called, or where one got values that are not finite; the model is as it was then.
 */
export async function calibrate(model: Link, run: () => unknown): Promise<Calibration> {
  const before = calibrationOf(model);
  const seen = new Map<string, [min: tf.Scalar, max: tf.Scalar]>();
  const hooked = [...convolutions(model)];
  for (const [path, link] of hooked) link.addHook(new RangeHook(path, seen));
  setCalibration(model, {});
  try {
    await run();
    const found: Record<string, [number, number]> = {};
    for (const [path, ends] of seen) {
      const [min, max] = await Promise.all(ends.map(async (end) => (await end.data())[0]!));
      found[path] = [Math.min(0, min!), Math.max(0, max!)];
    }
    if (seen.size === 0)
      throw new InvalidArgumentError('calibrate', 'a run that calls convolutions of the model', 'none');
    setCalibration(model, found);
    return found;
  } catch (error) {
    setCalibration(model, before);
    throw error;
  } finally {
    for (const [, link] of hooked) link.deleteHook(HOOK);
    for (const ends of seen.values()) tf.dispose(ends);
  }
}

const HOOK = 'InputRange';

/** Keeps the smallest and the largest value that a link was called with. */
class RangeHook implements LinkHook {
  readonly name = HOOK;

  constructor(
    private readonly path: string,
    private readonly seen: Map<string, [min: tf.Scalar, max: tf.Scalar]>,
  ) {}

  forwardPreprocess({ args: [x] }: { readonly args: readonly unknown[] }): void {
    const known = this.seen.get(this.path);
    const ends = tf.tidy((): [tf.Scalar, tf.Scalar] => {
      const [min, max] = [tf.min(x as tf.Tensor), tf.max(x as tf.Tensor)] as [tf.Scalar, tf.Scalar];
      return known === undefined ? [min, max] : [tf.minimum(min, known[0]), tf.maximum(max, known[1])];
    });
    // They outlive the call of whichever link runs.
    for (const end of ends) tf.keep(end);
    tf.dispose(known ?? []);
    this.seen.set(this.path, ends);
  }
}

/** The ranges that a model's convolutions have now; empty where none computes in 8 bits. */
export function calibrationOf(model: Link): Calibration {
  return Object.fromEntries(
    [...convolutions(model)].flatMap(([path, { inputRange }]) =>
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
  const links = new Map(convolutions(model));
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

/** @throws InvalidArgumentError unless it is of two finite numbers, of which the first is at most 0 and the second at least 0. */
function checkRange(path: string, range: unknown): void {
  const [min, max] = Array.isArray(range) ? (range as unknown[]) : [];
  const isRange =
    Number.isFinite(min) && Number.isFinite(max) && (min as number) <= 0 && (max as number) >= 0;
  if (!isRange)
    throw new InvalidArgumentError(`${path} inputRange`, 'two finite numbers, min <= 0 <= max', range);
}
