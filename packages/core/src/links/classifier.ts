import * as tf from '@tensorflow/tfjs-core';
import { Chain } from '../chain.ts';
import { InvalidArgumentError } from '../errors.ts';
import { accuracy } from '../functions/loss.ts';
import { softmaxCrossEntropy } from '../functions/softmax-cross-entropy.ts';
import type { Link } from '../link.ts';
import { metaMode } from '../meta/mode.ts';
import { checkOptions } from '../options.ts';
import { keepClone } from '../parameter.ts';
import { report } from '../reporter.ts';

/** A scalar from the prediction and the labels. */
export type Criterion = (y: tf.Tensor, t: tf.Tensor) => tf.Tensor;

export interface ClassifierOptions {
  /** Default softmaxCrossEntropy. */
  lossfun?: Criterion;
  /** Default accuracy; null computes none. */
  accfun?: Criterion | null;
  /** Which argument holds the labels: its position (negative ones count from the end), or its name in a last argument that is a record. Default -1. */
  labelKey?: number | string;
}

interface Results {
  y: tf.Tensor;
  loss: tf.Tensor;
  accuracy: tf.Tensor | null;
}

// Outside the fields: a copy of a classifier must not free the tensors of the original.
const results = new WeakMap<Classifier, Results>();

/**
 * A predictor with a loss and an accuracy (Chainer's `Classifier`). Child: predictor.
 *
 * A call gives the loss and reports `loss` and `accuracy`. The last y, loss and accuracy can be read; they are this link's, and
 * are freed by the next call and by `dispose`.
 */
export class Classifier<P extends Link = Link> extends Chain {
  readonly predictor: P;
  readonly lossfun: Criterion;
  readonly accfun: Criterion | null;
  readonly labelKey: number | string;

  constructor(predictor: P, options: ClassifierOptions = {}) {
    super();
    const {
      lossfun,
      accfun,
      labelKey = -1,
    } = checkOptions('Classifier', options, {
      lossfun: 'function',
      accfun: 'any',
      labelKey: 'any',
    });
    this.predictor = predictor;
    this.lossfun = lossfun ?? ((y, t) => softmaxCrossEntropy(y, t));
    this.accfun = accfun === undefined ? (y, t) => accuracy(y, t) : accfun;
    this.labelKey = labelKey;
  }

  /** The prediction of the last call; null before. */
  get y(): tf.Tensor | null {
    return results.get(this)?.y ?? null;
  }

  /** The loss of the last call; null before. */
  get loss(): tf.Tensor | null {
    return results.get(this)?.loss ?? null;
  }

  /** The accuracy of the last call; null before and without `accfun`. */
  get accuracy(): tf.Tensor | null {
    return results.get(this)?.accuracy ?? null;
  }

  /**
   * @param args the predictor's inputs and the labels.
   * @returns the loss, which is the caller's.
   * @throws InvalidArgumentError when `labelKey` names no argument.
   */
  override forward(...args: readonly unknown[]): tf.Tensor {
    this.clear();
    const { inputs, t } = this.split(args);
    const y = this.predictor.call(...(inputs as never[])) as tf.Tensor;
    const loss = this.lossfun(y, t);
    const acc = this.accfun?.(y, t) ?? null;
    if (metaMode() !== null) return loss;
    results.set(this, {
      y: keepClone(y),
      loss: keepClone(loss),
      accuracy: acc === null ? null : keepClone(acc),
    });
    report(acc === null ? { loss } : { loss, accuracy: acc }, this);
    return loss;
  }

  /** The predictor's arguments, and the labels taken out of them. */
  private split(args: readonly unknown[]): { inputs: unknown[]; t: tf.Tensor } {
    const { labelKey } = this;
    const fail = (expected: string, got: unknown) =>
      new InvalidArgumentError(`${this.constructor.name} labelKey`, expected, got);
    if (typeof labelKey === 'number') {
      const inputs = [...args];
      const at = labelKey < 0 ? labelKey + args.length : labelKey;
      const [t] = inputs.splice(at, 1);
      if (!Number.isInteger(labelKey) || at < 0 || !(t instanceof tf.Tensor)) {
        throw fail(`the position of a tensor among the ${args.length} arguments`, labelKey);
      }
      return { inputs, t };
    }
    const named = args.at(-1);
    if (typeof named !== 'object' || named === null || named instanceof tf.Tensor) {
      throw fail(`a last argument that is a record with '${labelKey}'`, typeof named);
    }
    const { [labelKey]: t, ...rest } = named as Record<string, unknown>;
    if (!(t instanceof tf.Tensor)) throw fail(`one of the names ${Object.keys(named).join(', ')}`, labelKey);
    return { inputs: [...args.slice(0, -1), ...(Object.keys(rest).length === 0 ? [] : [rest])], t };
  }

  private clear(): void {
    const last = results.get(this);
    if (last === undefined) return;
    results.delete(this);
    tf.dispose([last.y, last.loss, ...(last.accuracy === null ? [] : [last.accuracy])]);
  }

  override dispose(): void {
    this.clear();
    super.dispose();
  }
}
