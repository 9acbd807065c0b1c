/** What `chaingrad finetune` does, once its options are read. */
import { existsSync, mkdirSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Adam, Random, type SerialEntry, setSeed, useBackend } from '@chaingrad/core';
import {
  type Extension,
  LogReport,
  PlotReport,
  PrintReport,
  priorities,
  RateSchedule,
  SerialIterator,
  StandardUpdater,
  snapshot,
  Trainer,
  TransformDataset,
} from '@chaingrad/training';
import {
  type DetectionDataset,
  DetectionVOCEvaluator,
  MultiboxTrainChain,
  onnxOfDetector,
  type SSD,
  type SSDAugmentOptions,
  type SSDTrainExample,
  ssdBatch,
  ssdTransform,
} from '@chaingrad/vision';
import { load, serialize } from '@chaingrad/weights';
import { apReport, apTable } from '../../average-precision.ts';
import { drawComparison } from '../../comparison.ts';
import { type DataProblems, expectObjects, openTraining, tellProblems } from '../../detection-data.ts';
import { bestFirst } from '../../detector.ts';
import { CliError, oneLine } from '../../errors.ts';
import { writeImage } from '../../images.ts';
import { readLabels } from '../../labels.ts';
import { detectors } from '../../models.ts';
import type { BackendChoice } from '../../options.ts';
import { makeFolder } from '../../outputs.ts';
import { lockRun } from './run-lock.ts';
import { type FinetuneSettings, settingsFile, settingsOf, withClasses } from './settings.ts';
import { startModel } from './start-model.ts';

export interface FinetuneOptions extends Partial<FinetuneSettings> {
  readonly out: string;
  readonly resume?: boolean;
  readonly backend: BackendChoice;
  /** A format in which the best model is written once more, with its post-processing. */
  readonly export?: 'onnx';
}

/** Test images that are drawn at the end. */
const PICTURES = 12;
/** Background boxes of an image without objects that count: about as many as of one with three objects. */
const MIN_NEGATIVES = 9;
/** Objects below this score are not drawn. */
const DRAWN_SCORE = 0.5;
/** Training images are kept this many times as large as the network's input: parts of them are enlarged. */
const KEPT_SIZE = 1.6;

/**
 * Fine-tunes a detector on the images of a folder and writes into `out`: best.npz (with the names of the classes), log,
 * best.onnx on wish, loss.svg, precision.svg, result.json, the pictures with test detections, and a snapshot to resume from.
 *
 * @throws CliError and the errors of the libraries.
 */
export async function finetune(options: FinetuneOptions): Promise<void> {
  const { out, resume = false, backend: _backend, export: _format, ...chosen } = options;
  // What cannot be is told before a folder is made for it.
  settingsOf(out, resume, chosen);
  const isNew = !existsSync(out);
  makeFolder(out);
  const lock = await lockRun(out);
  try {
    await run(options);
  } finally {
    await lock.release();
    // It stays empty where the data is refused; a folder with anything in it is not removed.
    if (isNew) await rmdir(out).catch(() => {});
  }
}

async function run({
  out,
  resume = false,
  backend,
  export: format,
  ...chosen
}: FinetuneOptions): Promise<void> {
  const chosenSettings = settingsOf(out, resume, chosen);
  const say = (text: string) => process.stderr.write(`${text}\n`);
  setSeed(chosenSettings.seed);
  const { name: backendName } = await useBackend(backend);
  const { train, test, problems } = await openBoth(chosenSettings, say);
  const { labelNames } = train;
  const settings = withClasses(out, chosenSettings, labelNames);
  say(
    `${train.length} images to learn from, ${test.length} to test with; ${labelNames.length} classes: ${labelNames.join(', ')}${withoutObjects(train, test)}`,
  );

  using model = await startModel(settings, train, new Random(settings.seed + 2), say);
  const chain = new MultiboxTrainChain(model, { minNegatives: MIN_NEGATIVES });
  using optimizer = new Adam({ alpha: settings.lr }).setup(chain);
  const frozen = freeze(model, settings);
  say(
    `${settings.model} on ${backendName}, ${frozen} of ${[...model.params()].length} parameter arrays frozen`,
  );

  const random = new Random(settings.seed + 1);
  const transform = ssdTransform(model, {
    augment: augmentation(model, settings),
    iouThresh: settings.iouThresh,
    rng: random,
  });
  const iterator = new SerialIterator<SSDTrainExample>(
    new TransformDataset(train, transform),
    settings.batch,
  );
  const updater = new StandardUpdater<SSDTrainExample>(iterator, optimizer, { converter: ssdBatch });
  const progress = ({ updater: { epochDetail, iteration }, elapsedTime }: Trainer) =>
    Math.max(
      settings.epochs === null ? 0 : epochDetail / settings.epochs,
      settings.minutes === null ? 0 : elapsedTime / 60 / settings.minutes,
      settings.updates === null ? 0 : iteration / settings.updates,
    );
  const trainer = new Trainer(updater, (self) => progress(self) >= 1, {
    out,
    random: { augmentation: random },
  });
  const evaluator = new DetectionVOCEvaluator(
    new SerialIterator(test, 4, { repeat: false, shuffle: false }),
    model,
    { labelNames },
  );
  evaluator.name = 'validation';
  const validation = new Validation(evaluator, model);
  const losses = ['main/loss', 'main/loss/loc', 'main/loss/conf'];
  const precisions = [validation.key, ...labelNames.map((name) => `validation/main/ap/${name}`)];
  const tested = (self: Trainer) =>
    (self.updater.isNewEpoch && self.updater.epoch % settings.evalEvery === 0) || progress(self) >= 1;
  trainer
    .extend(validation, { trigger: tested })
    .extend(new RateSchedule({ attr: 'alpha', peak: settings.lr, warmup: 20, progress }))
    .extend(new LogReport())
    .extend(
      new PrintReport(['epoch', 'iteration', ...losses, validation.key, 'elapsed_time'], {
        out: (line) => process.stdout.write(`${line}\n`),
      }),
    )
    .extend(new PlotReport(losses, { xKey: 'epoch', filename: 'loss.svg' }))
    .extend(new PlotReport(precisions, { xKey: 'epoch', filename: 'precision.svg', trigger: tested }))
    .extend(snapshot({ nRetains: 1, autoload: resume, onAbort: true, log: say }));
  await trainer.store.write(settingsFile, `${JSON.stringify(settings, null, 2)}\n`);
  await trainer.store.write('problems.json', `${JSON.stringify(problems, null, 2)}\n`);

  // The first Ctrl-C keeps what was learnt, the second ends at once.
  const abort = new AbortController();
  const stop = () =>
    abort.abort(new CliError(`stopped; go on with: chaingrad finetune --resume --out ${out}`));
  process.once('SIGINT', stop);
  // Whoever reads along (`| head`) has gone: nobody would see the rest, and what was learnt is kept.
  process.stdout.on('error', stop);
  try {
    await trainer.run({ signal: abort.signal });
  } finally {
    process.removeListener('SIGINT', stop);
    process.stdout.removeListener('error', stop);
  }

  await validation.measure(trainer);
  await load(model, join(out, validation.file));
  // A resumed run may not have been better than the one before: then the file is of that one.
  if (validation.best === null) await evaluator.evaluate();
  const report = {
    ...apReport(validation.best ?? evaluator.result!, labelNames, test.length),
    problems: problems.test,
  };
  await trainer.store.write('result.json', `${JSON.stringify(report, null, 2)}\n`);
  await drawPictures(model, test, labelNames, join(out, 'pictures'));
  const best = [validation.file];
  if (format === 'onnx') {
    const { saveOnnx } = await import('@chaingrad/onnx');
    await saveOnnx(join(out, 'best.onnx'), model, ...onnxOfDetector(model, { postprocess: true }));
    best.push('best.onnx');
  }
  process.stdout.write(
    `${apTable(report)}wrote ${best.map((name) => join(out, name)).join(', ')}, log, loss.svg, precision.svg and pictures\n`,
  );
}

/** The images, decoded; what is wrong with them is told also where the run cannot begin. */
async function openBoth(
  { data, images, labels, trainSplit, testSplit, strict, model }: FinetuneSettings,
  say: (text: string) => void,
): Promise<{ train: DetectionDataset; test: DetectionDataset; problems: DataProblems }> {
  const labelNames = labels === 'auto' ? undefined : await readLabels(labels);
  const onProblem = strict ? 'refuse' : 'skip';
  const opened = await openTraining(
    { data, images: images ?? undefined, labelNames, onProblem, trainSplit, testSplit },
    say,
  );
  const [, insize] = detectors[model].inputShape;
  const train = await opened.train.preload({ maxSide: insize * KEPT_SIZE });
  const test = await opened.test.preload();
  // What was found before one folder was divided is of both, and told once.
  const known = new Set(train.problems);
  const problems = { train: train.problems, test: test.problems.filter((problem) => !known.has(problem)) };
  tellProblems(data, problems.train, say);
  tellProblems(data, problems.test, say);
  expectObjects(data, train, 'to learn from');
  expectObjects(data, test, 'to test with');
  return { train, test, problems };
}

/** How many images show only what is not to be found; '' where none does. */
function withoutObjects(...datasets: readonly DetectionDataset[]): string {
  const [train, test] = datasets.map(
    ({ records }) => records.filter(({ label }) => label.length === 0).length,
  );
  return train === 0 && test === 0 ? '' : `; without objects ${train} and ${test}`;
}

/** What `--freeze` calls by name. `early`: the layers on the large maps, half the time of a step, which see edges and colours. */
const namedPatterns: Readonly<Record<string, RegExp>> = {
  early: /^\/extractor\/(conv0|blocks\/[0-5]|conv[123]_\d)\//,
  extractor: /^\/extractor\//,
};

/** Freezes what is asked for and slows the extractor down. @returns the number of frozen parameters. */
function freeze(model: SSD, { freeze: what, extractorLr, model: name }: FinetuneSettings): number {
  let pattern: RegExp | null = null;
  try {
    if (what !== 'none') pattern = namedPatterns[what] ?? new RegExp(what);
  } catch (error) {
    throw new CliError(`--freeze: ${oneLine(error)}`);
  }
  let frozen = 0;
  for (const [path, param] of model.namedparams()) {
    if (pattern?.test(path)) {
      param.frozen = true;
      frozen++;
    } else if (path.startsWith('/extractor/')) {
      (param.updateRule!.hyperparam as { eta: number }).eta = extractorLr;
    }
  }
  if (pattern !== null && frozen === 0) {
    throw new CliError(
      `--freeze ${what}: no parameter has such a path; they are listed by: chaingrad summary ${name}`,
    );
  }
  return frozen;
}

function augmentation(
  model: SSD,
  { augment, flip }: FinetuneSettings,
): Omit<SSDAugmentOptions, 'size'> | null {
  if (augment === 'none') return null;
  // MobileNet's input is scaled to -1..1: its middle is grey.
  const fill = model.mean === 0 ? 127.5 : (model.mean as number | number[]);
  const mirror = { xFlip: flip !== 'none', yFlip: flip === 'xy' };
  return augment === 'ssd'
    ? { fill, ...mirror }
    : { fill, ...mirror, maxExpand: 1.5, crop: { minScale: 0.6 } };
}

/** Evaluates, and keeps the best model in a file. */
class Validation implements Extension {
  readonly defaultName = 'validation';
  readonly priority = priorities.writer;
  readonly key = 'validation/main/map';
  readonly file = 'best.npz';
  #bestMap = Number.NEGATIVE_INFINITY;
  #best: { ap: Float64Array; map: number } | null = null;
  #measuredAt = -1;

  constructor(
    readonly evaluator: DetectionVOCEvaluator,
    readonly model: SSD,
  ) {}

  /** Of the model in the file, where this run has written it. */
  get best(): { readonly ap: ArrayLike<number>; readonly map: number } | null {
    return this.#best;
  }

  async call(trainer: Trainer): Promise<void> {
    trainer.report(await this.measure(trainer));
  }

  /** Unless this has been done since the last update. */
  async measure(trainer: Trainer): Promise<Record<string, number>> {
    const { iteration } = trainer.updater;
    if (this.#measuredAt === iteration) return {};
    const values = await this.evaluator.evaluate(trainer.signal);
    this.#measuredAt = iteration;
    const result = this.evaluator.result!;
    // Without any truth the mean is not a number; the last model is as good as any.
    if (!(result.map <= this.#bestMap)) {
      this.#best = result;
      this.#bestMap = result.map;
      await trainer.store.write(this.file, await serialize(this.model, { compression: false }));
    }
    return values;
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield {
      key: `${prefix}best_map`,
      kind: 'state',
      shape: [],
      read: () => this.#bestMap,
      write: (value) => {
        this.#bestMap = Number(value);
      },
    };
  }
}

async function drawPictures(
  model: SSD,
  test: DetectionDataset,
  labelNames: readonly string[],
  folder: string,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < Math.min(PICTURES, test.length); i++) {
    const example = await test.get(i);
    const { bboxes, labels, scores } = await model.predict([example.img], { scoreThresh: DRAWN_SCORE });
    const found = bestFirst({ bboxes: bboxes[0]!, labels: labels[0]!, scores: scores[0]! });
    const name = basename(test.records[i]!.file).replace(/\.[^.]*$/, '');
    await writeImage(join(folder, `${name}.png`), drawComparison(example, found, labelNames), 'png');
  }
}
