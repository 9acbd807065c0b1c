import type { Link, Observation } from '@chaingrad/core';
import { type BatchIterator, Evaluator } from '@chaingrad/training';
import type { Image } from '../image/index.ts';
import type { DetectionLink } from '../models/index.ts';
import { applyToIterator, type RestOf } from '../utils/index.ts';

/**
 * What all evaluators of predictions have in common: they predict batch by batch, judge all together, and report what comes out.
 * Subclasses say how.
 */
export abstract class PredictionEvaluator<
  E extends { readonly img: Image },
  P,
  R,
  M extends Link,
> extends Evaluator<E> {
  protected readonly model: M;
  #result: R | null = null;

  /** @throws InvalidArgumentError for a repeating iterator. */
  constructor(iterator: BatchIterator<E>, model: M) {
    super(iterator, model);
    this.model = model;
  }

  /** What the last evaluation found; null before. */
  get result(): R | null {
    return this.#result;
  }

  /** What is found in each image. */
  protected abstract found(imgs: readonly Image[]): Promise<P[]>;

  /** How good that is. */
  protected abstract judge(found: readonly P[], truth: readonly RestOf<E>[]): R;

  /** What is told of it. */
  protected abstract values(result: R): Record<string, number>;

  override async evaluate(signal: AbortSignal | null = null): Promise<Record<string, number>> {
    const found: P[] = [];
    const truth: RestOf<E>[] = [];
    this.iterator.reset();
    const find = (imgs: readonly Image[]) => {
      signal?.throwIfAborted();
      return this.found(imgs);
    };
    // Images are not kept.
    for await (const { outValues, restValues } of applyToIterator(find, this.iterator)) {
      found.push(...outValues);
      truth.push(...restValues);
    }
    const result = this.judge(found, truth);
    this.#result = result;
    const observation: Observation = new Map();
    const reporter = this.makeReporter();
    reporter.scope(observation, () => reporter.report(this.values(result), this.model));
    return Object.fromEntries(observation) as Record<string, number>;
  }
}

/** What a detector finds in one image. */
export interface FoundObjects {
  readonly bbox: Float32Array;
  readonly label: Int32Array;
  readonly score: Float32Array;
}

/**
 * ... in each of several.
 * @param nmsThresh what the user chose, in place of the model's own soft suppression too.
 * @param usual what counts where nothing was chosen, and the model does not suppress softly.
 */
export async function detectIn(
  model: DetectionLink,
  imgs: readonly Image[],
  scoreThresh: number,
  nmsThresh: number | undefined,
  usual: number,
): Promise<FoundObjects[]> {
  const hard = nmsThresh ?? (model.nms === 'soft' ? undefined : usual);
  const { bboxes, labels, scores } = await model.predict(imgs, {
    scoreThresh,
    ...(hard === undefined ? {} : { nmsThresh: hard }),
  });
  return bboxes.map((bbox, i) => ({ bbox, label: labels[i]!, score: scores[i]! }));
}
