import { checkOptions, InvalidArgumentError, Link, type SerialEntry, valueText } from '@chaingrad/core';
import type { Extension } from '../extension.ts';
import { FileName } from '../file-name.ts';
import { checkPixels, type Pixels } from '../png.ts';
import { appendTo } from '../stores/store.ts';
import {
  firstRecord,
  histogramValue,
  imageValue,
  type SummaryValue,
  scalarValue,
  stepOf,
  summaryRecord,
} from '../tensorboard/events.ts';
import { joined } from '../tensorboard/message.ts';
import { recordsIn } from '../tensorboard/records.ts';
import type { Trainer } from '../trainer.ts';
import type { TriggerLike } from '../triggers/trigger.ts';
import { IntervalMeans } from './interval-means.ts';

/** Pictures by name, e.g. `{ 'generated/0': img }`. */
export type NamedPixels = Readonly<Record<string, Pixels>>;

export interface TensorBoardReportOptions {
  /** The values to write. Default all. */
  readonly keys?: readonly string[];
  /** How often it writes: scalars are means since the last time. Default every epoch. */
  readonly trigger?: TriggerLike;
  /** A link of whose parameters and gradients it writes histograms, as `data/conv1/W` and `grad/conv1/W`. Default none. */
  readonly histograms?: Link;
  /** Gives pictures to write: images, rows first, 0..255. Default none. */
  readonly images?: (trainer: Trainer) => NamedPixels | Promise<NamedPixels>;
  /** The file. TensorBoard looks for 'tfevents' in the name. Default 'events.out.tfevents'. */
  readonly filename?: string;
}

/**
 * Writes what is reported, histograms and pictures as an event file, which `tensorboard --logdir result` shows. The step is the
 * iteration. A training that is resumed continues the file: what was written after the snapshot is taken out, as it comes again.
 *
 * ```ts
 * trainer.extend(new TensorBoardReport({ trigger: [100, 'iteration'], histograms: model }));
 * ```
 */
export class TensorBoardReport implements Extension {
  readonly defaultName = 'TensorBoardReport';
  readonly readsObservation = true;
  readonly #means: IntervalMeans;
  readonly #histograms: Link | null;
  readonly #images: TensorBoardReportOptions['images'];
  readonly #filename: string;
  readonly #warned = new Set<string>();

  /** @throws UnknownOptionError; InvalidArgumentError for a file that TensorBoard would not find, and for another thing than a link. */
  constructor(options: TensorBoardReportOptions = {}) {
    const {
      keys = null,
      trigger = [1, 'epoch'],
      histograms = null,
      images,
      filename = 'events.out.tfevents',
    } = checkOptions(
      'TensorBoardReport',
      options,
      { keys: 'object', trigger: 'any', histograms: 'object', images: 'function', filename: 'string' },
      { logName: 'filename', logDir: 'filename', link: 'histograms' },
    );
    if (histograms !== null && !(histograms instanceof Link)) {
      throw new InvalidArgumentError('TensorBoardReport histograms', 'a Link', valueText(histograms));
    }
    if (!filename.includes('tfevents') || filename.includes('{')) {
      throw new InvalidArgumentError(
        'TensorBoardReport filename',
        "a fixed name with 'tfevents' in it",
        `'${filename}'`,
      );
    }
    this.#filename = new FileName('TensorBoardReport', filename).template;
    this.#means = new IntervalMeans('TensorBoardReport', keys, trigger);
    this.#histograms = histograms;
    this.#images = images;
  }

  /** Begins the file anew, or after a resume takes out what comes again. */
  async initialize({ store, updater, isBeforeTraining }: Trainer): Promise<void> {
    const begins = isBeforeTraining || !(await store.list()).some(({ name }) => name === this.#filename);
    if (begins) return await store.write(this.#filename, firstRecord(Date.now() / 1000));
    const file = await store.read(this.#filename);
    const kept: Uint8Array[] = [];
    for (const { record, content } of recordsIn(file)) {
      if (stepOf(content) <= updater.iteration) kept.push(record);
    }
    if (kept.length === 0) kept.push(firstRecord(Date.now() / 1000));
    const whole = joined(kept);
    if (whole.length !== file.length) await store.write(this.#filename, whole);
  }

  /** @throws InvalidArgumentError for pictures that are none. */
  async call(trainer: Trainer): Promise<void> {
    const means = await this.#means.next(trainer, ['epoch']);
    if (means === null) return;
    const values = [...means].map(([key, mean]) => scalarValue(key, mean));
    values.push(scalarValue('epoch', trainer.updater.epochDetail));
    values.push(...(await this.#histogramsNow()));
    for (const [name, pixels] of Object.entries((await this.#images?.(trainer)) ?? {})) {
      checkPixels(`TensorBoardReport images '${name}'`, pixels);
      values.push(await imageValue(name, pixels));
    }
    const { store, updater } = trainer;
    await appendTo(store, this.#filename, summaryRecord(Date.now() / 1000, updater.iteration, values));
  }

  async #histogramsNow(): Promise<SummaryValue[]> {
    const arrays = [...(this.#histograms?.namedparams(false) ?? [])].flatMap(([path, { array, grad }]) => [
      { tag: `data${path}`, values: array?.data() },
      { tag: `grad${path}`, values: grad?.data() },
    ]);
    const shown: SummaryValue[] = [];
    for (const { tag, values } of arrays) {
      if (values === undefined) continue;
      const { value, notFinite } = histogramValue(tag, await values);
      shown.push(value);
      if (notFinite === 0 || this.#warned.has(tag)) continue;
      this.#warned.add(tag);
      console.warn(
        `TensorBoardReport: ${tag} has ${notFinite} values that are not finite; its histogram shows the others.`,
      );
    }
    return shown;
  }

  settle(): Promise<void> {
    return this.#means.settle();
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield* this.#means.serialEntries(prefix);
  }

  finalize(): void {
    this.#means.finalize();
  }
}
