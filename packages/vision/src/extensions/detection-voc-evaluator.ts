import { checkOptions, type Link, pickOptions } from '@chaingrad/core';
import type { BatchIterator } from '@chaingrad/training';
import type { DetectionExample } from '../datasets/index.ts';
import { evalVocKinds } from '../evaluations/eval-detection-voc.ts';
import {
  type DetectionVocResult,
  type EvalDetectionVocOptions,
  evalDetectionVoc,
} from '../evaluations/index.ts';
import type { Image } from '../image/index.ts';
import type { DetectionLink } from '../models/index.ts';
import type { RestOf } from '../utils/index.ts';
import { detectIn, type FoundObjects, PredictionEvaluator } from './prediction-evaluator.ts';

export interface DetectionVOCEvaluatorOptions extends EvalDetectionVocOptions {
  /** Names of the classes, for `ap/<name>`; without them only the mean is reported. */
  readonly labelNames?: readonly string[];
  /** Default 0.01, ChainerCV's preset 'evaluate'. */
  readonly scoreThresh?: number;
  /** Default 0.45; of a model whose `nms` is 'soft' its own suppression. */
  readonly nmsThresh?: number;
}

/** What is reported of VOC's measures: the mean, and of each class the average precision. */
export function vocValues(
  { ap, map }: DetectionVocResult,
  labelNames: readonly string[] = [],
): Record<string, number> {
  // Classes behind the last one that occurs have no entry.
  const classes = labelNames.map((name, l) => [`ap/${name}`, ap[l] ?? Number.NaN] as const);
  return { map, ...Object.fromEntries(classes) };
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
export class DetectionVOCEvaluator extends PredictionEvaluator<
  DetectionExample,
  FoundObjects,
  DetectionVocResult,
  Link & DetectionLink
> {
  readonly #options: DetectionVOCEvaluatorOptions;

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
    this.#options = checkOptions('DetectionVOCEvaluator', options, {
      ...evalVocKinds,
      labelNames: 'object',
      scoreThresh: 'number',
      nmsThresh: 'number',
    });
  }

  protected override found(imgs: readonly Image[]): Promise<FoundObjects[]> {
    const { scoreThresh = 0.01, nmsThresh } = this.#options;
    return detectIn(this.model, imgs, scoreThresh, nmsThresh, 0.45);
  }

  protected override judge(
    found: readonly FoundObjects[],
    truth: readonly RestOf<DetectionExample>[],
  ): DetectionVocResult {
    return evalDetectionVoc(
      found.map(({ bbox }) => bbox),
      found.map(({ label }) => label),
      found.map(({ score }) => score),
      truth.map(({ bbox }) => bbox),
      truth.map(({ label }) => label),
      truth.map(({ difficult }) => difficult),
      pickOptions(this.#options, evalVocKinds),
    );
  }

  protected override values(result: DetectionVocResult): Record<string, number> {
    return vocValues(result, this.#options.labelNames);
  }
}
