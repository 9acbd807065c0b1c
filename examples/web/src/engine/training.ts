/** Fine-tuning in the worker: the pretrained network with a new head, a loop that can be paused, snapshots that survive. */
import { Adam, type MatchReport, Random, setSeed, transferParams } from '@chaingrad/core';
import {
  type LogEntry,
  LogReport,
  priorities,
  RateSchedule,
  SerialIterator,
  StandardUpdater,
  snapshot,
  Trainer,
  TransformDataset,
} from '@chaingrad/training';
import {
  type DetectionExample,
  MultiboxTrainChain,
  SSDMobileNetV2,
  type SSDTrainExample,
  ssdBatch,
  ssdTransform,
  toImage,
} from '@chaingrad/vision';
import type { LabelledPicture, TrainingStart, TrainingTask, Unfinished } from '../protocol.ts';
import { OpfsStore } from './opfs-store.ts';

const TASK = 'task.json';
/** A snapshot holds the optimizer's moments too, about 50 MB: not after every step. */
const SECONDS_BETWEEN_SNAPSHOTS = 10;
const EARLY = /^\/extractor\/(conv0|blocks\/[0-5])\//;
const PEAK = 1e-3;

export interface TrainingEvents {
  progress(iteration: number, loss: number, seconds: number): void;
  saved(iteration: number): void;
}

const store = () => new OpfsStore('training');
const pictureName = (i: number) => `picture-${i}`;

/** The task of an earlier visit; null where there is none. */
export async function readTask(): Promise<TrainingTask | null> {
  const files = store();
  const names = new Set((await files.list()).map(({ name }) => name));
  if (!names.has(TASK) || ![...names].some((name) => name.startsWith('snapshot'))) return null;
  const task = JSON.parse(new TextDecoder().decode(await files.read(TASK))) as TrainingTask;
  const pictures = await Promise.all(
    task.pictures.map(async (picture, i) => ({
      ...picture,
      image: new Blob([await files.read(pictureName(i))]),
    })),
  );
  return { ...task, pictures };
}

export async function unfinished(): Promise<Unfinished | null> {
  const task = await readTask();
  return task === null
    ? null
    : { labelNames: task.labelNames, pictures: task.pictures.length, iterations: task.iterations };
}

export const forgetTask = (): Promise<void> => store().clear();

async function writeTask(task: TrainingTask): Promise<void> {
  const files = store();
  await files.clear();
  for (const [i, { image }] of task.pictures.entries()) await files.write(pictureName(i), image);
  await files.write(
    TASK,
    JSON.stringify({ ...task, pictures: task.pictures.map((p) => ({ ...p, image: null })) }),
  );
}

async function exampleOf({ image, boxes }: LabelledPicture): Promise<DetectionExample> {
  return {
    img: await toImage(image),
    bbox: Float32Array.from(boxes.flatMap(({ box }) => box)),
    label: Int32Array.from(boxes, ({ label }) => label),
    difficult: new Uint8Array(boxes.length),
  };
}

const skippedOf = (report: MatchReport): TrainingStart['skipped'] => [
  ...report.mismatched.map(({ name, src, dst }) => ({
    name,
    why: `shapes differ: (${src.join(', ')}) there, (${dst.map((n) => n ?? '?').join(', ')}) here`,
  })),
  ...report.ignored.map((name) => ({ name, why: 'belongs to the old classes' })),
];

/** One fine-tuning, from its first step or from a snapshot. */
export class Training {
  readonly model: SSDMobileNetV2;
  readonly start: TrainingStart;
  readonly #trainer: Trainer;
  readonly #abort: AbortController;
  readonly #optimizer: Adam;
  #gate: { open: () => void; opened: Promise<void> } | null = null;

  private constructor(
    model: SSDMobileNetV2,
    optimizer: Adam,
    trainer: Trainer,
    start: TrainingStart,
    abort: AbortController,
  ) {
    this.model = model;
    this.#optimizer = optimizer;
    this.#trainer = trainer;
    this.start = start;
    this.#abort = abort;
    trainer.extend(() => this.#gate?.opened, { name: 'pause', priority: -1000 });
  }

  /** @param source the pretrained detector, of which everything but the head is copied. */
  static async create(
    task: TrainingTask,
    source: SSDMobileNetV2,
    events: TrainingEvents,
    resume: boolean,
  ): Promise<Training> {
    if (!resume) await writeTask(task);
    setSeed(0);
    const model = new SSDMobileNetV2({ nFgClass: task.labelNames.length, scoreFunction: 'softmax' });
    model.initialize([1, 300, 300, 3]);
    model.labelNames = task.labelNames;
    const sameCount = source.nFgClass === model.nFgClass;
    const report = transferParams(source, model, sameCount ? { ignore: /^\/multibox\/conf\// } : {});
    const chain = new MultiboxTrainChain(model);
    const optimizer = new Adam({ alpha: PEAK }).setup(chain);
    let frozen = 0;
    for (const [path, param] of model.namedparams()) {
      if (!(task.freezeEarly && EARLY.test(path)) && !task.frozen?.includes(path)) continue;
      param.frozen = true;
      frozen++;
    }

    const examples = await Promise.all(task.pictures.map(exampleOf));
    const random = new Random(1);
    const transform = ssdTransform(model, {
      // Few pictures, known for their layout: light and mirroring, and parts that keep most of each thing.
      augment: { fill: 127.5, maxExpand: 1.5, crop: null },
      iouThresh: 0.35,
      rng: random,
    });
    const iterator = new SerialIterator<SSDTrainExample>(
      new TransformDataset(examples, transform),
      Math.min(4, examples.length),
    );
    const updater = new StandardUpdater<SSDTrainExample>(iterator, optimizer, { converter: ssdBatch });
    const files = store();
    const trainer = new Trainer(updater, [task.iterations, 'iteration'], {
      out: files,
      random: { augmentation: random },
    });
    const abort = new AbortController();
    const log = new LogReport({ trigger: [1, 'iteration'], filename: null });
    const progress = ({ updater: { iteration } }: Trainer) => iteration / task.iterations;
    let savedAt = performance.now();
    let saving = 0;
    const tell = (entry: LogEntry) =>
      events.progress(entry['iteration']!, entry['main/loss']!, entry['elapsed_time']!);
    trainer
      .extend(new RateSchedule({ attr: 'alpha', peak: PEAK, warmup: 5, progress }))
      .extend(log)
      .extend(
        {
          // After a resume: what the page has forgotten.
          initialize: () => log.log.forEach(tell),
          call: () => tell(log.log.at(-1)!),
        },
        { name: 'progress', priority: priorities.reader - 1 },
      )
      .extend(snapshot({ nRetains: 1, autoload: resume, onAbort: true, log: () => {} }), {
        trigger: ({ updater: { iteration } }) => {
          const due =
            iteration === 1 ||
            iteration === task.iterations ||
            performance.now() - savedAt > SECONDS_BETWEEN_SNAPSHOTS * 1000;
          if (due) [savedAt, saving] = [performance.now(), iteration];
          return due;
        },
      })
      .extend(
        ({ updater: { iteration } }) => {
          if (saving === iteration) events.saved(iteration);
        },
        { name: 'saved', priority: priorities.snapshot - 1 },
      );
    const skipped = skippedOf(report);
    const start = {
      summary: report.summary(),
      copied: report.copied.length,
      skipped,
      frozen,
      iteration: 0,
      losses: [],
    };
    return new Training(model, optimizer, trainer, start, abort);
  }

  pause(paused: boolean): void {
    if (!paused) {
      this.#gate?.open();
      this.#gate = null;
    } else if (this.#gate === null) {
      let open = () => {};
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      this.#gate = { open, opened };
    }
  }

  stop(): void {
    this.#abort.abort(new Error('stopped'));
    this.pause(false);
  }

  /** @returns whether it was stopped before its end. */
  async run(): Promise<{ stopped: boolean; iteration: number }> {
    const { signal } = this.#abort;
    try {
      await this.#trainer.run({ signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#optimizer.dispose();
    }
    return { stopped: signal.aborted, iteration: this.#trainer.updater.iteration };
  }
}
