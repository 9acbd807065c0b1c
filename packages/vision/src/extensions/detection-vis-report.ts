import { checkOptions, InvalidArgumentError } from '@chaingrad/core';
import {
  type BatchIterator,
  type Extension,
  encodePng,
  type Trainer,
  type TriggerLike,
} from '@chaingrad/training';
import type { DetectionExample } from '../datasets/index.ts';
import type { Image } from '../image/index.ts';
import type { DetectionLink, PredictOptions } from '../models/index.ts';
import { applyToIterator, type NumberList, tileImages } from '../utils/index.ts';
import { type PixelContext, visBbox } from '../visualizations/index.ts';

/** What of an example is drawn. */
export type ShownExample = Pick<DetectionExample, 'img' | 'bbox' | 'label'>;

export interface DetectionVisReportOptions {
  /** Names of the classes, which are written on the boxes. */
  readonly labelNames?: readonly string[];
  /** `{iteration}`, `{epoch}` and `{index}`, the number of the example, are filled in. Default 'detection_iter={iteration}_idx={index}.png'. */
  readonly filename?: string;
  /** Examples that are drawn, the first of the iterator. Default all. */
  readonly nExamples?: number;
  /** Default what the model says. */
  readonly scoreThresh?: number;
  /** Makes the context of a canvas of a size. Default an `OffscreenCanvas`; in Node give `(w, h) => createCanvas(w, h).getContext('2d')` of `@napi-rs/canvas`. */
  readonly makeContext?: (width: number, height: number) => PixelContext;
}

const FIELD = /\{([^}]*)\}/g;

/**
 * Draws what a detector finds during training: a PNG file an example, left the truth, right what is found.
 *
 * Called every epoch. Chainer counterpart: `chainercv.extensions.DetectionVisReport`.
 *
 * ```ts
 * const iterator = new SerialIterator(testset, 4, { repeat: false, shuffle: false });
 * const makeContext = (width, height) => createCanvas(width, height).getContext('2d');
 * trainer.extend(new DetectionVisReport(iterator, model, { labelNames, nExamples: 8, makeContext }));
 * ```
 */
export class DetectionVisReport implements Extension {
  readonly defaultName = 'DetectionVisReport';
  readonly trigger: TriggerLike = [1, 'epoch'];
  readonly #iterator: BatchIterator<ShownExample>;
  readonly #model: DetectionLink;
  readonly #filename: string;
  readonly #nExamples: number;
  readonly #labelNames: readonly string[] | undefined;
  readonly #predictOptions: PredictOptions;
  readonly #makeContext: (width: number, height: number) => PixelContext;

  /**
   * @param iterator gives `{ img, bbox, label }`, once: `repeat: false`.
   * @param model finds objects.
   * @throws InvalidArgumentError for a repeating iterator, a file name with other fields or without `{index}`, and where there is
   *   no canvas.
   */
  constructor(
    iterator: BatchIterator<ShownExample>,
    model: DetectionLink,
    options: DetectionVisReportOptions = {},
  ) {
    const where = 'DetectionVisReport';
    const {
      labelNames,
      filename = 'detection_iter={iteration}_idx={index}.png',
      nExamples = Number.POSITIVE_INFINITY,
      scoreThresh,
      makeContext = offscreenContext(),
    } = checkOptions(where, options, {
      labelNames: 'object',
      filename: 'string',
      nExamples: 'number',
      scoreThresh: 'number',
      makeContext: 'function',
    });
    if (iterator.repeat) {
      const advice = 'Build it with repeat: false.';
      throw new InvalidArgumentError(`${where} iterator`, 'one that ends', 'one that repeats', advice);
    }
    const fields = [...filename.matchAll(FIELD)].map(([, name]) => name!);
    const known = fields.every((name) => ['iteration', 'epoch', 'index'].includes(name));
    if (!known || !fields.includes('index') || /[/\\]/.test(filename)) {
      const expected = 'the name of a file with {index}, maybe {iteration} and {epoch}';
      throw new InvalidArgumentError(`${where} filename`, expected, `'${filename}'`);
    }
    this.#iterator = iterator;
    this.#model = model;
    this.#filename = filename;
    this.#nExamples = nExamples;
    this.#labelNames = labelNames;
    this.#predictOptions = scoreThresh === undefined ? {} : { scoreThresh };
    this.#makeContext = makeContext;
  }

  async call({ updater, store, signal }: Trainer): Promise<void> {
    const predict = (imgs: readonly Image[]) => {
      signal?.throwIfAborted();
      return this.#model.predict(imgs, this.#predictOptions);
    };
    let index = 0;
    this.#iterator.reset();
    if (this.#nExamples <= 0) return;
    for await (const { inValues, outValues, restValues } of applyToIterator(predict, this.#iterator)) {
      for (const [i, img] of inValues.entries()) {
        const { bbox, label } = restValues[i]!;
        const picture = tileImages(
          [
            this.#drawn(img, bbox, label, null),
            this.#drawn(img, outValues.bboxes[i]!, outValues.labels[i]!, outValues.scores[i]!),
          ],
          2,
          { fill: 255 },
        );
        const fields = { iteration: updater.iteration, epoch: updater.epoch, index };
        const name = this.#filename.replace(FIELD, (_, field: keyof typeof fields) => String(fields[field]));
        await store.write(name, await encodePng(picture));
        index++;
        if (index >= this.#nExamples) return;
      }
    }
  }

  #drawn(
    img: Image,
    bbox: NumberList,
    label: NumberList,
    score: NumberList | null,
  ): Image<Uint8ClampedArray> {
    const [height, width] = img.shape;
    const context = this.#makeContext(width, height);
    const options = this.#labelNames === undefined ? {} : { labelNames: this.#labelNames };
    visBbox(context, img, bbox, label, score, options);
    const { data } = context.getImageData(0, 0, width, height);
    return { data: Uint8ClampedArray.from(data), shape: [height, width, 4] };
  }

  async finalize(): Promise<void> {
    await this.#iterator.finalize();
  }
}

/** @throws InvalidArgumentError where there is no canvas. */
function offscreenContext(): (width: number, height: number) => PixelContext {
  if (typeof OffscreenCanvas === 'undefined') {
    const advice = "In Node: (w, h) => createCanvas(w, h).getContext('2d') of @napi-rs/canvas.";
    throw new InvalidArgumentError('DetectionVisReport makeContext', 'a canvas', 'none', advice);
  }
  return (width, height) => new OffscreenCanvas(width, height).getContext('2d')!;
}
