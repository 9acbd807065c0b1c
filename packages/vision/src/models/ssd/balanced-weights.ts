/** Weights are not further from 1 than this, either way: a class of one box must not drown the others. */
const LARGEST = 3;

/**
 * Weights of classes for `MultiboxTrainChain`, so that rare ones learn nearly as fast as frequent ones: the root of the mean number
 * of boxes of a class over the class's own, from 1/3 to 3. Classes with as many boxes as the mean have 1.
 *
 * ```ts
 * const chain = new MultiboxTrainChain(model, { classWeights: balancedWeights(train.records.map(({ label }) => label), 3) });
 * ```
 *
 * @param labels the labels of each image, counting from 0.
 * @param nFgClass number of classes.
 * @returns a weight for each class; 1 for one that does not occur.
 */
export function balancedWeights(labels: Iterable<Int32Array>, nFgClass: number): number[] {
  const counts = new Array<number>(nFgClass).fill(0);
  for (const image of labels) for (const label of image) counts[label]! += 1;
  const present = counts.filter((n) => n > 0);
  const mean = present.reduce((sum, n) => sum + n, 0) / present.length;
  return counts.map((n) => (n === 0 ? 1 : Math.min(LARGEST, Math.max(1 / LARGEST, Math.sqrt(mean / n)))));
}
