import { checkOptions, type Link, type OptionKinds } from '@chaingrad/core';
import type { BatchIterator } from '@chaingrad/training';
import type { DetectionExample } from '../datasets/index.ts';
import { type CocoResult, evalDetectionCoco } from '../evaluations/index.ts';
import type { Image } from '../image/index.ts';
import type { DetectionLink } from '../models/index.ts';
import type { RestOf } from '../utils/index.ts';
import { detectIn, type FoundObjects, PredictionEvaluator } from './prediction-evaluator.ts';

export interface CocoEvaluatorOptions {
  /** Names of the classes, for `ap/<name>`; without them only the means are reported. */
  readonly labelNames?: readonly string[];
  /** Default 0.05, the preset 'evaluate' of the detectors on a feature pyramid. */
  readonly scoreThresh?: number;
  /** Default 0.5; of a model whose `nms` is 'soft' its own suppression. */
  readonly nmsThresh?: number;
}

export const cocoEvaluatorKinds: OptionKinds<CocoEvaluatorOptions> = {
  labelNames: 'object',
  scoreThresh: 'number',
  nmsThresh: 'number',
};

/** What is reported of COCO's measures: each mean, and of each class the average precision. */
export function cocoValues(result: CocoResult, labelNames: readonly string[] = []): Record<string, number> {
  const means = Object.entries(result).map(
    ([name, { mean }]) => [name === 'ap' ? 'map' : name, mean] as const,
  );
  const classes = labelNames.map((name, l) => [`ap/${name}`, result.ap.perClass[l] ?? Number.NaN] as const);
  return Object.fromEntries([...means, ...classes]);
}

/**
 * Evaluates a detector as COCO does and reports `map`, `ap50`, `ap75`, `apSmall`, ..., `arLarge`, and of each class `ap/<name>`:
 * `validation/main/map`. What is difficult stands for a crowd.
 *
 * Chainer counterpart: `chainercv.extensions.DetectionCOCOEvaluator`.
 *
 * ```ts
 * const iterator = new SerialIterator(testset, 8, { repeat: false, shuffle: false });
 * trainer.extend(new DetectionCOCOEvaluator(iterator, model, { labelNames: testset.labelNames }));
 * ```
 */
export class DetectionCOCOEvaluator extends PredictionEvaluator<
  DetectionExample,
  FoundObjects,
  CocoResult,
  Link & DetectionLink
> {
  readonly #options: CocoEvaluatorOptions;

  /**
   * @param iterator gives `{ img, bbox, label, difficult }`, once: `repeat: false`.
   * @throws InvalidArgumentError for a repeating iterator.
   */
  constructor(
    iterator: BatchIterator<DetectionExample>,
    model: Link & DetectionLink,
    options: CocoEvaluatorOptions = {},
  ) {
    super(iterator, model);
    this.#options = checkOptions('DetectionCOCOEvaluator', options, cocoEvaluatorKinds);
  }

  protected override found(imgs: readonly Image[]): Promise<FoundObjects[]> {
    const { scoreThresh = 0.05, nmsThresh } = this.#options;
    return detectIn(this.model, imgs, scoreThresh, nmsThresh, 0.5);
  }

  protected override judge(
    found: readonly FoundObjects[],
    truth: readonly RestOf<DetectionExample>[],
  ): CocoResult {
    return evalDetectionCoco(
      found.map(({ bbox }) => bbox),
      found.map(({ label }) => label),
      found.map(({ score }) => score),
      truth.map(({ bbox }) => bbox),
      truth.map(({ label }) => label),
      { gtCrowdeds: truth.map(({ difficult }) => difficult) },
    );
  }

  protected override values(result: CocoResult): Record<string, number> {
    return cocoValues(result, this.#options.labelNames);
  }
}
