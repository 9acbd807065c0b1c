import { checkOptions, type Link } from '@chaingrad/core';
import type { BatchIterator } from '@chaingrad/training';
import type { SegmentationExample } from '../datasets/index.ts';
import { evalSemanticSegmentation, type SemanticSegmentationResult } from '../evaluations/index.ts';
import type { Image } from '../image/index.ts';
import type { SegmentationLink } from '../models/index.ts';
import type { LabelMap, RestOf } from '../utils/index.ts';
import { PredictionEvaluator } from './prediction-evaluator.ts';

export interface SemanticSegmentationEvaluatorOptions {
  /** Names of the classes, for `iou/<name>` and `class_accuracy/<name>`; without them only the means are reported. */
  readonly labelNames?: readonly string[];
}

/**
 * Evaluates a network that gives every pixel a class and reports `miou`, `pixel_accuracy`, `mean_class_accuracy`, and of each class
 * `iou/<name>` and `class_accuracy/<name>`: `validation/main/miou`.
 *
 * Chainer counterpart: `chainercv.extensions.SemanticSegmentationEvaluator`.
 */
export class SemanticSegmentationEvaluator extends PredictionEvaluator<
  SegmentationExample,
  LabelMap,
  SemanticSegmentationResult,
  Link & SegmentationLink
> {
  readonly #labelNames: readonly string[];

  /**
   * @param iterator gives `{ img, label }`, once: `repeat: false`.
   * @throws InvalidArgumentError for a repeating iterator.
   */
  constructor(
    iterator: BatchIterator<SegmentationExample>,
    model: Link & SegmentationLink,
    options: SemanticSegmentationEvaluatorOptions = {},
  ) {
    super(iterator, model);
    const { labelNames = [] } = checkOptions('SemanticSegmentationEvaluator', options, {
      labelNames: 'object',
    });
    this.#labelNames = labelNames;
  }

  protected override found(imgs: readonly Image[]): Promise<LabelMap[]> {
    return this.model.predict(imgs);
  }

  protected override judge(
    found: readonly LabelMap[],
    truth: readonly RestOf<SegmentationExample>[],
  ): SemanticSegmentationResult {
    return evalSemanticSegmentation(
      found,
      truth.map(({ label }) => label),
    );
  }

  protected override values(result: SemanticSegmentationResult): Record<string, number> {
    const { miou, pixelAccuracy, meanClassAccuracy, iou, classAccuracy } = result;
    const values: Record<string, number> = {
      miou,
      pixel_accuracy: pixelAccuracy,
      mean_class_accuracy: meanClassAccuracy,
    };
    // Classes behind the last one that occurs have no entry.
    for (const [l, name] of this.#labelNames.entries()) {
      values[`iou/${name}`] = iou[l] ?? Number.NaN;
      values[`class_accuracy/${name}`] = classAccuracy[l] ?? Number.NaN;
    }
    return values;
  }
}
