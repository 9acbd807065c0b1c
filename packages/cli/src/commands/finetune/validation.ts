/** Tests on the way, and the file with the best model. */
import type { SerialEntry } from '@chaingrad/core';
import { type Extension, priorities, type Trainer } from '@chaingrad/training';
import type { DetectionDataset, SSD } from '@chaingrad/vision';
import { serialize } from '@chaingrad/weights';
import { type Measurement, measure } from '../../measure.ts';

/**
 * Measures the model, and keeps the best one by COCO's AP in a file; where the images are those that the model is tested with in
 * the end, they choose nothing, and the file holds the last one.
 */
export class Validation implements Extension {
  readonly defaultName = 'validation';
  readonly priority = priorities.writer;
  readonly file = 'best.npz';
  #best = Number.NEGATIVE_INFINITY;
  #last: Measurement | null = null;
  #measuredAt = -1;
  /** How much of the training was done at the last test. */
  #testedAt = 0;

  constructor(
    readonly model: SSD,
    readonly dataset: DetectionDataset,
    readonly chooses: boolean,
    readonly progress: (trainer: Trainer) => number,
    /** Files that tell of the best model: they go before it is another one. */
    readonly derived: readonly string[] = [],
  ) {}

  /** Of the last test. */
  get last(): Measurement | null {
    return this.#last;
  }

  /** Whether a share of the training has passed since the last test, in whole epochs. */
  isDue(trainer: Trainer, share: number): boolean {
    const done = this.progress(trainer);
    return done >= 1 || (trainer.updater.isNewEpoch && done - this.#testedAt >= share);
  }

  async call(trainer: Trainer): Promise<void> {
    this.#testedAt = this.progress(trainer);
    const { map, ap, coco } = await this.measure(trainer, trainer.signal);
    const report: Record<string, number> = {
      'validation/main/map': map ?? Number.NaN,
      'validation/main/coco_ap': coco.ap ?? Number.NaN,
    };
    for (const [name, value] of Object.entries(ap))
      report[`validation/main/ap/${name}`] = value ?? Number.NaN;
    trainer.report(report);
  }

  /** Unless this has been done since the last update. */
  async measure(trainer: Trainer, signal: AbortSignal | null = null): Promise<Measurement> {
    const { iteration } = trainer.updater;
    if (this.#measuredAt === iteration && this.#last !== null) return this.#last;
    const found = await measure(this.model, this.dataset, this.model.labelNames!, signal);
    this.#measuredAt = iteration;
    this.#last = found;
    // Without any truth there is no figure; the last model is as good as any.
    const ap = found.coco.ap ?? Number.POSITIVE_INFINITY;
    if (!this.chooses || ap >= this.#best) {
      this.#best = Math.max(ap, this.#best);
      for (const name of this.derived) await trainer.store.remove(name);
      await trainer.store.write(this.file, await serialize(this.model, { compression: false }));
    }
    return found;
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    const entry = (name: string, read: () => number, write: (value: number) => void): SerialEntry => ({
      key: `${prefix}${name}`,
      kind: 'state',
      shape: [],
      read,
      write: (value) => write(Number(value)),
    });
    yield entry(
      'best_ap',
      () => this.#best,
      (value) => {
        this.#best = value;
      },
    );
    yield entry(
      'tested_at',
      () => this.#testedAt,
      (value) => {
        this.#testedAt = value;
      },
    );
  }
}
