import { BboxFormatError } from '../errors.ts';

export interface ClassificationResult {
  /** The share of correct predictions; NaN without examples. */
  readonly accuracy: number;
  /** Confusion matrix, nClass * nClass counts: a row for each true class, a column for each predicted one. */
  readonly confusion: Int32Array;
  /** Of each class the share of its examples that were recognised; NaN where there are none. */
  readonly recall: Float64Array;
  /** Of each class the share of its predictions that are correct; NaN where there are none. */
  readonly precision: Float64Array;
}

/**
 * Accuracy and confusion matrix of a classifier.
 * @param predLabels one label an example, counting from 0.
 * @param gtLabels the true ones.
 * @throws BboxFormatError when the lists differ in length, or a label is not in [0, nClass).
 */
export function evalClassification(
  predLabels: ArrayLike<number>,
  gtLabels: ArrayLike<number>,
  nClass: number,
): ClassificationResult {
  if (predLabels.length !== gtLabels.length) {
    throw new BboxFormatError('evalClassification', `${gtLabels.length} predictions`, `${predLabels.length}`);
  }
  const confusion = new Int32Array(nClass * nClass);
  const check = (label: number, what: string) => {
    if (Number.isInteger(label) && label >= 0 && label < nClass) return label;
    throw new BboxFormatError('evalClassification', `${what} in [0, ${nClass})`, `${label}`);
  };
  for (let i = 0; i < gtLabels.length; i++) {
    confusion[check(gtLabels[i]!, 'labels') * nClass + check(predLabels[i]!, 'predictions')]! += 1;
  }
  const classes = Array.from({ length: nClass }, (_, c) => c);
  const sum = (at: (c: number) => number) => classes.reduce((total, c) => total + confusion[at(c)]!, 0);
  const right = sum((c) => c * nClass + c);
  return {
    accuracy: right / gtLabels.length,
    confusion,
    recall: Float64Array.from(classes, (t) => confusion[t * nClass + t]! / sum((c) => t * nClass + c)),
    precision: Float64Array.from(classes, (p) => confusion[p * nClass + p]! / sum((c) => c * nClass + p)),
  };
}
