import { checkOptions, InvalidArgumentError, type Link, type OptionKinds } from '@chaingrad/core';
import type { BatchIterator } from '@chaingrad/training';
import type { InstanceExample } from '../datasets/index.ts';
import { evalVocKinds } from '../evaluations/eval-detection-voc.ts';
import {
  type CocoResult,
  type DetectionVocResult,
  type EvalDetectionVocOptions,
  evalInstanceSegmentationCoco,
  evalInstanceSegmentationVoc,
} from '../evaluations/index.ts';
import type { Image } from '../image/index.ts';
import type { InstancePredictions, PredictOptions } from '../models/index.ts';
import type { Masks, RestOf } from '../utils/index.ts';
import { type CocoEvaluatorOptions, cocoEvaluatorKinds, cocoValues } from './detection-coco-evaluator.ts';
import { vocValues } from './detection-voc-evaluator.ts';
import { PredictionEvaluator } from './prediction-evaluator.ts';

/** What finds objects with their masks. */
export interface InstanceSegmentationLink {
  predict(imgs: readonly Image[], options?: PredictOptions): Promise<InstancePredictions>;
}

interface FoundInstances {
  readonly mask: Masks;
  readonly label: Int32Array;
  readonly score: Float32Array;
}

type Model = Link & InstanceSegmentationLink;

/** The masks that a model finds. */
abstract class InstanceSegmentationEvaluator<R> extends PredictionEvaluator<
  InstanceExample,
  FoundInstances,
  R,
  Model
> {
  protected abstract readonly thresholds: PredictOptions;

  protected override async found(imgs: readonly Image[]): Promise<FoundInstances[]> {
    const { masks, labels, scores } = await this.model.predict(imgs, this.thresholds);
    if (masks === undefined) {
      const advice = "Make the model with returnValues: ['masks', 'labels', 'scores'].";
      throw new InvalidArgumentError(
        'InstanceSegmentationEvaluator model',
        'one that gives masks',
        'none',
        advice,
      );
    }
    return masks.map((mask, i) => ({ mask, label: labels[i]!, score: scores[i]! }));
  }
}

/** Predictions and truth as the evaluations take them. */
const lists = (found: readonly FoundInstances[], truth: readonly RestOf<InstanceExample>[]) =>
  [
    found.map(({ mask }) => mask),
    found.map(({ label }) => label),
    found.map(({ score }) => score),
    truth.map(({ mask }) => mask),
    truth.map(({ label }) => label),
  ] as const;

export interface InstanceSegmentationVOCEvaluatorOptions extends EvalDetectionVocOptions {
  /** Names of the classes, for `ap/<name>`; without them only the mean is reported. */
  readonly labelNames?: readonly string[];
  /** Default 0.05. */
  readonly scoreThresh?: number;
  /** Default 0.5. */
  readonly nmsThresh?: number;
}

const vocKinds: OptionKinds<InstanceSegmentationVOCEvaluatorOptions> = {
  ...evalVocKinds,
  ...cocoEvaluatorKinds,
};

/**
 * Evaluates masks as PASCAL VOC does boxes and reports `map` and, of each class, `ap/<name>`.
 *
 * Chainer counterpart: `chainercv.extensions.InstanceSegmentationVOCEvaluator`.
 */
export class InstanceSegmentationVOCEvaluator extends InstanceSegmentationEvaluator<DetectionVocResult> {
  protected override readonly thresholds: PredictOptions;
  readonly #labelNames: readonly string[];
  readonly #options: EvalDetectionVocOptions;

  /**
   * @param iterator gives `{ img, mask, label }`, once: `repeat: false`.
   * @throws InvalidArgumentError for a repeating iterator.
   */
  constructor(
    iterator: BatchIterator<InstanceExample>,
    model: Model,
    options: InstanceSegmentationVOCEvaluatorOptions = {},
  ) {
    super(iterator, model);
    const {
      labelNames = [],
      scoreThresh = 0.05,
      nmsThresh = 0.5,
      ...rest
    } = checkOptions('InstanceSegmentationVOCEvaluator', options, vocKinds);
    this.thresholds = { scoreThresh, nmsThresh };
    this.#labelNames = labelNames;
    this.#options = rest;
  }

  protected override judge(
    found: readonly FoundInstances[],
    truth: readonly RestOf<InstanceExample>[],
  ): DetectionVocResult {
    return evalInstanceSegmentationVoc(...lists(found, truth), this.#options);
  }

  protected override values(result: DetectionVocResult): Record<string, number> {
    return vocValues(result, this.#labelNames);
  }
}

/**
 * Evaluates masks as COCO does and reports what `DetectionCOCOEvaluator` reports of boxes. Crowds and annotated areas count where the
 * examples have them.
 *
 * Chainer counterpart: `chainercv.extensions.InstanceSegmentationCOCOEvaluator`.
 */
export class InstanceSegmentationCOCOEvaluator extends InstanceSegmentationEvaluator<CocoResult> {
  protected override readonly thresholds: PredictOptions;
  readonly #labelNames: readonly string[];

  /**
   * @param iterator gives `{ img, mask, label }`, once: `repeat: false`.
   * @throws InvalidArgumentError for a repeating iterator.
   */
  constructor(iterator: BatchIterator<InstanceExample>, model: Model, options: CocoEvaluatorOptions = {}) {
    super(iterator, model);
    const {
      labelNames = [],
      scoreThresh = 0.05,
      nmsThresh = 0.5,
    } = checkOptions('InstanceSegmentationCOCOEvaluator', options, cocoEvaluatorKinds);
    this.thresholds = { scoreThresh, nmsThresh };
    this.#labelNames = labelNames;
  }

  protected override judge(
    found: readonly FoundInstances[],
    truth: readonly RestOf<InstanceExample>[],
  ): CocoResult {
    const areas = truth.flatMap(({ area }) => (area === undefined ? [] : [area]));
    return evalInstanceSegmentationCoco(...lists(found, truth), {
      gtCrowdeds: truth.map(({ crowded, label }) => crowded ?? new Uint8Array(label.length)),
      gtAreas: areas.length === truth.length ? areas : null,
    });
  }

  protected override values(result: CocoResult): Record<string, number> {
    return cocoValues(result, this.#labelNames);
  }
}
