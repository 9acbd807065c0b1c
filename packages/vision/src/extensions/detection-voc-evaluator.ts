import type { Link, Observation } from '@chaingrad/core';
import { checkOptions } from '@chaingrad/core';
import { type BatchIterator, Evaluator } from '@chaingrad/training';
import type { DetectionExample } from '../datasets/index.ts';
import { evalVocKinds } from '../evaluations/eval-detection-voc.ts';
import {
  type DetectionVocResult,
  type EvalDetectionVocOptions,
  evalDetectionVoc,
} from '../evaluations/index.ts';
import type { DetectionLink, Predictions } from '../models/index.ts';

export interface DetectionVOCEvaluatorOptions extends EvalDetectionVocOptions {
  /** Names of the classes, for `ap/<name>`; without them only the mean is reported. */
  readonly labelNames?: readonly string[];
  /** Default 0.01, ChainerCV's preset 'evaluate'. */
  readonly scoreThresh?: number;
  /** Default 0.45. */
  readonly nmsThresh?: number;
}

/**
 * Evaluates a detector as PASCAL VOC does and reports `map` and, of each class, `ap/<name>`: `validation/main/map`.
 *
 * Chainer counterpart: `chainercv.extensions.DetectionVOCEvaluator`.
 *
 * ```ts
 * const iterator = new SerialIterator(testset, 8, { repeat: false, shuffle: false });
 * trainer.extend(new DetectionVOCEvaluator(iterator, model, { labelNames: testset.labelNames }));
 * ```
 */
export class DetectionVOCEvaluator extends Evaluator<DetectionExample> {
  readonly #options: DetectionVOCEvaluatorOptions;
  readonly #model: Link & DetectionLink;
  #result: DetectionVocResult | null = null;

  /**
   * @param iterator gives `{ img, bbox, label, difficult }`, once: `repeat: false`.
   * @throws InvalidArgumentError for a repeating iterator.
   */
  constructor(
    iterator: BatchIterator<DetectionExample>,
    model: Link & DetectionLink,
    options: DetectionVOCEvaluatorOptions = {},
  ) {
    super(iterator, model);
    checkOptions('DetectionVOCEvaluator', options, {
      ...evalVocKinds,
      labelNames: 'object',
      scoreThresh: 'number',
      nmsThresh: 'number',
    });
    this.#model = model;
    this.#options = options;
  }

  /** What the last evaluation found; null before. */
  get result(): DetectionVocResult | null {
    return this.#result;
  }

  override async evaluate(signal: AbortSignal | null = null): Promise<Record<string, number>> {
    const { labelNames, scoreThresh = 0.01, nmsThresh = 0.45, ...options } = this.#options;
    const found: Predictions = { bboxes: [], labels: [], scores: [] };
    const truth: Omit<DetectionExample, 'img'>[] = [];
    this.iterator.reset();
    for await (const batch of this.iterator) {
      signal?.throwIfAborted();
      const { bboxes, labels, scores } = await this.#model.predict(
        batch.map(({ img }) => img),
        { scoreThresh, nmsThresh },
      );
      found.bboxes.push(...bboxes);
      found.labels.push(...labels);
      found.scores.push(...scores);
      truth.push(...batch);
    }
    const result = evalDetectionVoc(
      found.bboxes,
      found.labels,
      found.scores,
      truth.map(({ bbox }) => bbox),
      truth.map(({ label }) => label),
      truth.map(({ difficult }) => difficult),
      options,
    );
    this.#result = result;
    const values: Record<string, number> = { map: result.map };
    // Classes behind the last one that occurs have no entry.
    for (const [l, name] of (labelNames ?? []).entries()) values[`ap/${name}`] = result.ap[l] ?? Number.NaN;
    const observation: Observation = new Map();
    const reporter = this.makeReporter();
    reporter.scope(observation, () => reporter.report(values, this.#model));
    return Object.fromEntries(observation) as Record<string, number>;
  }
}
