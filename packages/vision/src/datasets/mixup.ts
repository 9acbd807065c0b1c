import { checkOptions, defaultRandom, InvalidArgumentError } from '@chaingrad/core';
import { type Dataset, getExample, type IndexedDataset } from '@chaingrad/training';
import { ImageFormatError } from '../errors.ts';
import type { Image } from '../image/index.ts';
import type { Rng } from '../rng.ts';
import type { LabelExample } from './folder-dataset.ts';

/** An image between two, and how much it is of each class. */
export interface MixUpExample {
  readonly img: Image<Float32Array>;
  /** nClass values, whose sum is 1. */
  readonly label: Float32Array;
}

export interface MixUpOptions {
  /** The smaller, the more an image is one of the two. Default 1: all ratios alike. */
  readonly alpha?: number;
  readonly rng?: Rng;
}

/**
 * An image and a label between two (Zhang et al., mixup, 2018).
 * @param ratio the share of the first, in 0..1.
 * @throws ImageFormatError when the images differ in size; InvalidArgumentError for a label outside 0..nClass-1.
 */
export function mixUp(
  first: LabelExample,
  second: LabelExample,
  nClass: number,
  ratio: number,
): MixUpExample {
  const [a, b] = [first.img, second.img];
  if (a.shape.join() !== b.shape.join())
    throw new ImageFormatError('mixUp', `two images of one size`, `[${a.shape}] and [${b.shape}]`);
  const label = new Float32Array(nClass);
  for (const [{ label: l }, share] of [
    [first, ratio],
    [second, 1 - ratio],
  ] as const) {
    if (!Number.isInteger(l) || l < 0 || l >= nClass)
      throw new InvalidArgumentError('mixUp label', `an integer in 0..${nClass - 1}`, l);
    label[l]! += share;
  }
  const data = Float32Array.from(a.data, (v, i) => ratio * v + (1 - ratio) * b.data[i]!);
  return { img: { data, shape: a.shape }, label };
}

/** A draw of the gamma distribution with scale 1 (Marsaglia and Tsang, 2000). */
function gamma(rng: Rng, shape: number): number {
  // A small shape is a larger one's draw times a power of a uniform one.
  if (shape < 1) return gamma(rng, shape + 1) * (1 - rng.uniform(0, 1)) ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = rng.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - rng.uniform(0, 1)) < 0.5 * x * x + d * (1 - v + Math.log(v))) return d * v;
  }
}

/**
 * Each example mixed with another one by a ratio of the beta distribution.
 *
 * Chainer counterpart: `chainercv.datasets.MixUpSoftLabelDataset`, which wants a data set of pairs; here the partner is drawn.
 *
 * ```ts
 * const train = new MixUpDataset(images, 10, { alpha: 0.2 });
 * ```
 */
export class MixUpDataset implements IndexedDataset<MixUpExample> {
  readonly #dataset: Dataset<LabelExample>;
  readonly #nClass: number;
  readonly #alpha: number;
  readonly #rng: Rng | null;

  /**
   * @param dataset images of one size with their labels.
   * @throws InvalidArgumentError unless alpha is positive.
   */
  constructor(dataset: Dataset<LabelExample>, nClass: number, options: MixUpOptions = {}) {
    const { alpha = 1, rng = null } = checkOptions('MixUpDataset', options, {
      alpha: 'number',
      rng: 'object',
    });
    if (!(alpha > 0)) throw new InvalidArgumentError('MixUpDataset alpha', 'a positive number', alpha);
    this.#dataset = dataset;
    this.#nClass = nClass;
    this.#alpha = alpha;
    this.#rng = rng;
  }

  get length(): number {
    return this.#dataset.length;
  }

  async get(i: number): Promise<MixUpExample> {
    const rng = this.#rng ?? defaultRandom();
    const partner = rng.integer(this.length);
    const [a, b] = [gamma(rng, this.#alpha), gamma(rng, this.#alpha)];
    // Both can be 0 where alpha is tiny.
    const ratio = a + b > 0 ? a / (a + b) : 1;
    const [first, second] = await Promise.all([
      getExample(this.#dataset, i),
      getExample(this.#dataset, partner),
    ]);
    return mixUp(first, second, this.#nClass, ratio);
  }
}
