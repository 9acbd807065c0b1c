/** Fine-tuning in the worker: the pretrained network with a new head, a loop that can be paused, snapshots that survive. */
import { Adam, type MatchReport, Random, type SerialEntry, setSeed, transferParams } from '@chaingrad/core';
import {
  type Extension,
  type LogEntry,
  LogReport,
  priorities,
  RateSchedule,
  SerialIterator,
  StandardUpdater,
  type Store,
  snapshot,
  Trainer,
  TransformDataset,
} from '@chaingrad/training';
import {
  balancedWeights,
  type DetectionExample,
  DetectionVOCEvaluator,
  type Image,
  MultiboxTrainChain,
  SSDMobileNetV2,
  type SSDTrainExample,
  ssdBatch,
  ssdTransform,
  toImage,
  warmStartHeads,
} from '@chaingrad/vision';
import { load, serialize } from '@chaingrad/weights';
import { BATCH } from '../project/advice.ts';
import type { LabelledPicture, Measured, TrainingStart, TrainingTask, Unfinished } from '../protocol.ts';

const TASK = 'task.json';
const BEST = 'best.npz';
/** A snapshot holds the optimizer's moments too, about 50 MB: not after every step, and on a slow machine less often. */
const SECONDS_BETWEEN_SNAPSHOTS = 10;
const TIMES_OF_A_SNAPSHOT = 20;
const EARLY = /^\/extractor\/(conv0|blocks\/[0-5])\//;
/** What the network knows already changes more slowly than its heads. */
const EXTRACTOR = /^\/extractor\/(?!extra\/)/;
/** Pictures are kept this many times as large as the network's input: parts of them are enlarged. */
const KEPT_SIZE = 1.6;
/** So often the held out pictures are looked at, and so often without getting better before it ends. */
const MEASUREMENTS = 10;
const PATIENCE = 4;

/** How it learns: as `chaingrad finetune` does by default, so that both come to the same. */
export const recipe = {
  lr: 1e-3,
  /** Of the extractor, as a share of it. */
  extractorLr: 0.3,
  batch: BATCH,
  iouThresh: 0.35,
  seed: 0,
  /** Background boxes of an image that count, at least. */
  minNegatives: 9,
  augment: { fill: 127.5, maxExpand: 1.5, crop: { minScale: 0.6 } },
} as const;
/** Steps in which the rate rises: a short training has none to spare. */
const warmup = (iterations: number): number => Math.min(20, Math.round(iterations / 20));

export interface TrainingEvents {
  progress(iteration: number, loss: number, seconds: number): void;
  measured(measured: Measured): void;
  saved(iteration: number): void;
}

const pictureName = (part: 'train' | 'test', i: number) => `${part}-${i}`;
const parts = ['train', 'test'] as const;

async function clear(store: Store): Promise<void> {
  for (const { name } of await store.list()) await store.remove(name);
}

/** The task of an earlier visit; null where there is none. */
export async function readTask(store: Store): Promise<TrainingTask | null> {
  const names = new Set((await store.list()).map(({ name }) => name));
  if (!names.has(TASK) || ![...names].some((name) => name.startsWith('snapshot'))) return null;
  const task = JSON.parse(new TextDecoder().decode(await store.read(TASK))) as TrainingTask;
  const withImages = (part: 'train' | 'test') =>
    Promise.all(
      task[part].map(async (picture, i) => ({
        ...picture,
        image: new Blob([await store.read(pictureName(part, i))]),
      })),
    );
  return { ...task, train: await withImages('train'), test: await withImages('test') };
}

export async function unfinished(store: Store): Promise<Unfinished | null> {
  const task = await readTask(store);
  return task === null
    ? null
    : {
        labelNames: task.labelNames,
        pictures: task.train.length + task.test.length,
        iterations: task.iterations,
      };
}

export const forgetTask = clear;

async function writeTask(task: TrainingTask, store: Store): Promise<void> {
  await clear(store);
  for (const part of parts)
    for (const [i, { image }] of task[part].entries())
      await store.write(pictureName(part, i), new Uint8Array(await image.arrayBuffer()));
  const bare = (pictures: readonly LabelledPicture[]) => pictures.map((each) => ({ ...each, image: null }));
  await store.write(TASK, JSON.stringify({ ...task, train: bare(task.train), test: bare(task.test) }));
}

const boxesOf = ({ boxes }: LabelledPicture, scale = 1): Omit<DetectionExample, 'img'> => ({
  bbox: Float32Array.from(boxes.flatMap(({ box }) => box.map((value) => value * scale))),
  label: Int32Array.from(boxes, ({ label }) => label),
  difficult: new Uint8Array(boxes.length),
});

/** The picture and its boxes, no side longer than `maxSide`. */
async function smallExample(picture: LabelledPicture, maxSide: number): Promise<DetectionExample> {
  const bitmap = await createImageBitmap(picture.image);
  try {
    const scale = Math.min(1, maxSide / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(
      Math.max(1, Math.round(bitmap.width * scale)),
      Math.max(1, Math.round(bitmap.height * scale)),
    );
    const context = canvas.getContext('2d')!;
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const { data, shape } = await toImage(canvas);
    const img: Image = { data: new Uint8Array(data), shape };
    return { img, ...boxesOf(picture, scale) };
  } finally {
    bitmap.close();
  }
}

/** Of two that find as much the later one has learnt more: its scores are higher. */
const isBest = ({ map }: Measured, before: Measured | null) =>
  before === null || (map ?? 0) >= (before.map ?? 0);

/** Measures on the held out pictures, and keeps the best model. */
class Validation implements Extension {
  readonly defaultName = 'validation';
  readonly priority = priorities.writer;
  #best: Measured | null = null;
  #points: Measured[] = [];

  constructor(
    readonly evaluator: DetectionVOCEvaluator,
    readonly model: SSDMobileNetV2,
    readonly store: Store,
    readonly tell: (measured: Measured) => void,
    readonly classes: number,
  ) {}

  get best(): Measured | null {
    return this.#best;
  }

  /** Whether it has stopped getting better. */
  get isOver(): boolean {
    const first = this.#points.findIndex(({ map }) => map === this.#best?.map);
    return first >= 0 && this.#points.length - 1 - first >= PATIENCE;
  }

  async call({ updater: { iteration }, signal }: Trainer): Promise<void> {
    if (this.#points.at(-1)?.iteration === iteration) return;
    await this.evaluator.evaluate(signal);
    const { map, ap } = this.evaluator.result!;
    const known = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? null : value);
    const measured: Measured = {
      iteration,
      map: known(map),
      ap: Array.from({ length: this.classes }, (_, l) => known(ap[l])),
    };
    this.#points.push(measured);
    if (isBest(measured, this.#best)) {
      this.#best = measured;
      await this.store.write(BEST, await serialize(this.model, { compression: false }));
    }
    this.tell(measured);
  }

  /** Puts the best model in the place of the last. */
  async restore(): Promise<void> {
    if (this.#best === null || this.#best === this.#points.at(-1)) return;
    // It is missing where the browser had no room for it; then the last model is as good as any.
    const bytes = await this.store.read(BEST).catch(() => null);
    if (bytes === null) this.#best = this.#points.at(-1)!;
    else await load(this.model, bytes);
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield {
      key: `${prefix}points`,
      kind: 'state',
      shape: [],
      read: () => JSON.stringify(this.#points),
      write: (value) => {
        this.#points = JSON.parse(String(value));
        for (const point of this.#points) {
          if (isBest(point, this.#best)) this.#best = point;
          this.tell(point);
        }
      },
    };
  }
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
  readonly task: TrainingTask;
  readonly start: TrainingStart;
  readonly #trainer: Trainer;
  readonly #abort = new AbortController();
  readonly #optimizer: Adam;
  readonly #validation: Validation | null;
  #gate: { open: () => void; opened: Promise<void> } | null = null;

  private constructor(
    task: TrainingTask,
    model: SSDMobileNetV2,
    optimizer: Adam,
    trainer: Trainer,
    start: TrainingStart,
    validation: Validation | null,
  ) {
    this.task = task;
    this.model = model;
    this.#optimizer = optimizer;
    this.#trainer = trainer;
    this.start = start;
    this.#validation = validation;
    trainer.extend(() => this.#gate?.opened, { name: 'pause', priority: -1000 });
  }

  /** @param source the pretrained detector, of which everything but the head is copied. */
  static async create(
    task: TrainingTask,
    source: SSDMobileNetV2,
    store: Store,
    events: TrainingEvents,
    resume: boolean,
  ): Promise<Training> {
    if (!resume) await writeTask(task, store);
    setSeed(recipe.seed);
    const { labelNames } = task;
    const model = new SSDMobileNetV2({ nFgClass: labelNames.length, scoreFunction: 'softmax' });
    model.initialize([1, 300, 300, 3]);
    model.labelNames = labelNames;
    model.nms = 'soft';
    // What a head of other classes has learnt says nothing about these, also where there are as many.
    const report = transferParams(source, model, { ignore: /^\/multibox\/conf\// });
    const labels = task.train.map((picture) => boxesOf(picture).label);
    const chain = new MultiboxTrainChain(model, {
      minNegatives: recipe.minNegatives,
      classWeights: balancedWeights(labels, labelNames.length),
    });
    const optimizer = new Adam({ alpha: recipe.lr }).setup(chain);
    let frozen = 0;
    for (const [path, param] of model.namedparams()) {
      if ((task.freezeEarly && EARLY.test(path)) || task.frozen?.includes(path)) {
        param.frozen = true;
        frozen++;
      } else if (EXTRACTOR.test(path)) {
        (param.updateRule!.hyperparam as { eta: number }).eta = recipe.extractorLr;
      }
    }

    // One after the other: a decoded photo takes forty times as much as its file.
    const examples: DetectionExample[] = [];
    for (const picture of task.train) examples.push(await smallExample(picture, model.insize * KEPT_SIZE));
    // A new class begins from the known one that answers where its things are: few pictures then suffice.
    const dataset = { length: examples.length, get: (i: number) => examples[i]! };
    if (!resume) await warmStartHeads(source, model, dataset, { rng: new Random(recipe.seed + 2) });
    const random = new Random(recipe.seed + 1);
    const { augment, iouThresh } = recipe;
    const transform = ssdTransform(model, { augment, iouThresh, rng: random });
    const iterator = new SerialIterator<SSDTrainExample>(
      new TransformDataset(examples, transform),
      Math.min(recipe.batch, examples.length),
    );
    const updater = new StandardUpdater<SSDTrainExample>(iterator, optimizer, { converter: ssdBatch });
    const test = {
      length: task.test.length,
      get: async (i: number): Promise<DetectionExample> => {
        const picture = task.test[i]!;
        return { img: await toImage(picture.image), ...boxesOf(picture) };
      },
    };
    const evaluator =
      test.length === 0
        ? null
        : new DetectionVOCEvaluator(
            new SerialIterator(test, BATCH, { repeat: false, shuffle: false }),
            model,
          );
    const validation =
      evaluator === null ? null : new Validation(evaluator, model, store, events.measured, labelNames.length);
    const isOver = ({ updater: { iteration } }: Trainer) =>
      iteration >= task.iterations || (validation?.isOver ?? false);
    const trainer = new Trainer(updater, isOver, { out: store, random: { augmentation: random } });
    const log = new LogReport({ trigger: [1, 'iteration'], filename: null });
    const progress = ({ updater: { iteration } }: Trainer) => iteration / task.iterations;
    let savedAt = performance.now();
    let saving = 0;
    let pause = SECONDS_BETWEEN_SNAPSHOTS * 1000;
    const tell = (entry: LogEntry) =>
      events.progress(entry['iteration']!, entry['main/loss']!, entry['elapsed_time']!);
    const every = Math.max(5, Math.round(task.iterations / MEASUREMENTS));
    if (validation !== null)
      trainer.extend(validation, {
        trigger: ({ updater: { iteration } }) => iteration % every === 0 || iteration === task.iterations,
      });
    trainer
      .extend(
        new RateSchedule({
          attr: 'alpha',
          peak: recipe.lr,
          warmup: warmup(task.iterations),
          progress,
        }),
      )
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
          const due = iteration === 1 || iteration === task.iterations || performance.now() - savedAt > pause;
          if (due) [savedAt, saving] = [performance.now(), iteration];
          return due;
        },
      })
      .extend(
        ({ updater: { iteration } }) => {
          if (saving !== iteration) return;
          const took = performance.now() - savedAt;
          pause = Math.max(SECONDS_BETWEEN_SNAPSHOTS * 1000, TIMES_OF_A_SNAPSHOT * took);
          events.saved(iteration);
        },
        { name: 'saved', priority: priorities.snapshot - 1 },
      );
    const start = {
      summary: report.summary(),
      copied: report.copied.length,
      skipped: skippedOf(report),
      frozen,
    };
    return new Training(task, model, optimizer, trainer, start, validation);
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

  /** Ends with the best model that was measured, or the last where nothing was. */
  async run(): Promise<{ stopped: boolean; early: boolean; iteration: number; best: Measured | null }> {
    const { signal } = this.#abort;
    try {
      await this.#trainer.run({ signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#optimizer.dispose();
    }
    await this.#validation?.restore();
    // The next training begins with its own.
    this.model.enableUpdate();
    const { iteration } = this.#trainer.updater;
    const best = this.#validation?.best ?? null;
    return {
      stopped: signal.aborted,
      early: !signal.aborted && iteration < this.task.iterations,
      iteration,
      best,
    };
  }
}
