import { checkOptions, defaultRandom, InvalidArgumentError } from '@chaingrad/core';
import { type Dataset, getExample, type IndexedDataset } from '@chaingrad/training';
import { choice, type Rng } from '../rng.ts';

export interface SiameseOptions {
  /** The share of pairs of one class; null (default) draws both at random, whatever their classes. */
  readonly posRatio?: number | null;
  /** How many pairs. Default as many as the first data set has examples. */
  readonly length?: number;
  /** The classes of the examples of both, which are needed for a share. */
  readonly labels0?: ArrayLike<number> | null;
  readonly labels1?: ArrayLike<number> | null;
  readonly rng?: Rng;
}

/**
 * Pairs of examples of two data sets, drawn at random: of one class in a given share of cases.
 *
 * Chainer counterpart: `chainercv.datasets.SiameseDataset`.
 *
 * ```ts
 * const pairs = new SiameseDataset(images, images, { posRatio: 0.5, labels0: labels, labels1: labels });
 * const [first, second] = await pairs.get(0);
 * ```
 */
export class SiameseDataset<A, B = A> implements IndexedDataset<[first: A, second: B]> {
  readonly length: number;
  readonly #datasets: readonly [Dataset<A>, Dataset<B>];
  readonly #posRatio: number | null;
  readonly #rng: Rng | null;
  /** The pairs of examples of one class, and of two: for each example of the first data set those of the second. */
  readonly #partners: Readonly<
    Record<'same' | 'other', readonly (readonly [i: number, js: readonly number[]])[]>
  >;

  /** @throws InvalidArgumentError where a share is asked for and cannot be had: without labels, or without such pairs. */
  constructor(dataset0: Dataset<A>, dataset1: Dataset<B>, options: SiameseOptions = {}) {
    const {
      posRatio = null,
      length = dataset0.length,
      labels0 = null,
      labels1 = null,
      rng = null,
    } = checkOptions('SiameseDataset', options, {
      posRatio: 'number | null',
      length: 'number',
      labels0: 'any',
      labels1: 'any',
      rng: 'object',
    });
    this.#datasets = [dataset0, dataset1];
    this.#posRatio = posRatio;
    this.#rng = rng;
    this.length = length;
    if (posRatio === null) {
      this.#partners = { same: [], other: [] };
      return;
    }
    if (!(posRatio >= 0 && posRatio <= 1))
      throw new InvalidArgumentError('SiameseDataset posRatio', 'a number in 0..1', posRatio);
    for (const [name, labels, { length: count }] of [
      ['labels0', labels0, dataset0],
      ['labels1', labels1, dataset1],
    ] as const) {
      if (labels?.length !== count)
        throw new InvalidArgumentError(`SiameseDataset ${name}`, `${count} labels`, labels?.length ?? 'none');
    }
    const pairs = (isSame: boolean) =>
      Array.from(labels0!, (label, i): [number, number[]] => {
        const js = Array.from(labels1!, (_, j) => j).filter((j) => (labels1![j] === label) === isSame);
        return [i, js];
      }).filter(([, js]) => js.length > 0);
    this.#partners = { same: pairs(true), other: pairs(false) };
    if (
      (posRatio > 0 && this.#partners.same.length === 0) ||
      (posRatio < 1 && this.#partners.other.length === 0)
    )
      throw new InvalidArgumentError(
        'SiameseDataset labels',
        'pairs of both kinds',
        'those of one kind only',
      );
  }

  /** A new pair at each call. */
  async get(i: number): Promise<[first: A, second: B]> {
    if (!(Number.isInteger(i) && i >= 0 && i < this.length))
      throw new InvalidArgumentError('SiameseDataset index', `an integer in 0..${this.length - 1}`, i);
    const rng = this.#rng ?? defaultRandom();
    const [first, second] = this.#datasets;
    const [a, b] = this.#draw(rng);
    return Promise.all([getExample(first, a), getExample(second, b)]);
  }

  #draw(rng: Rng): [number, number] {
    if (this.#posRatio === null)
      return [rng.integer(this.#datasets[0].length), rng.integer(this.#datasets[1].length)];
    const kind = rng.uniform(0, 1) < this.#posRatio ? 'same' : 'other';
    const [i, js] = choice(rng, this.#partners[kind]);
    return [i, choice(rng, js)];
  }
}
