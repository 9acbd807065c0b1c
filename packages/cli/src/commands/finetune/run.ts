/** What `chaingrad finetune` does, once its options are read. */
import { existsSync, mkdirSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { Adam, listNames, Random, setSeed } from '@chaingrad/core';
import {
  IntervalTrigger,
  LogReport,
  PlotReport,
  PrefetchIterator,
  type PrefetchIteratorOptions,
  PrintReport,
  RateSchedule,
  StandardUpdater,
  snapshot,
  Trainer,
  type Trigger,
} from '@chaingrad/training';
import {
  balancedWeights,
  type DetectionDataset,
  type DetectionExample,
  MultiboxTrainChain,
  onnxOfDetector,
  type SSD,
  type SSDAugmentOptions,
  type SSDPicturing,
  ssdBatch,
  ssdPicture,
  ssdTargets,
} from '@chaingrad/vision';
import { load } from '@chaingrad/weights';
import { apTable, confusionTable } from '../../average-precision.ts';
import { drawComparison } from '../../comparison.ts';
import { type DataProblems, expectObjects, openTraining, tellProblems } from '../../detection-data.ts';
import { bestFirst, tellSuppression } from '../../detector.ts';
import { CliError, oneLine } from '../../errors.ts';
import { writeImage } from '../../images.ts';
import { readLabels } from '../../labels.ts';
import { type Measurement, measure, preloadFor, SURE } from '../../measure.ts';
import { detectors } from '../../models.ts';
import { makeFolder } from '../../outputs.ts';
import { type BackendArguments, startBackend } from '../../start-backend.ts';
import { lockRun } from './run-lock.ts';
import { type FinetuneSettings, settingsFile, settingsOf, withClasses } from './settings.ts';
import { seeSmallThings } from './small-things.ts';
import { startModel } from './start-model.ts';
import { Validation } from './validation.ts';

export interface FinetuneOptions extends Partial<FinetuneSettings>, BackendArguments {
  readonly out: string;
  readonly resume?: boolean;
  /** A format in which the best model is written once more, with its post-processing. */
  readonly export?: 'onnx';
  /** Print one JSON object with the result on stdout, and everything else on stderr. */
  readonly json?: boolean;
}

/** What tells of the best model, and what is made of it. */
const RESULT = 'result.json';
const ONNX = 'best.onnx';
/** Test images that are drawn at the end. */
const PICTURES = 12;
/** Background boxes of an image without objects that count: about as many as of one with three objects. */
const MIN_NEGATIVES = 9;
/** Sweeps over the images, where the user does not say how long it learns, */
const EPOCHS = 20;
/** and updates at least. */
const MIN_UPDATES = 300;
/** Tests on the way: many where a part of the images is there to choose by; else few, which are only looked at. */
const MANY_TESTS = 8;
const FEW_TESTS = 3;
/** Updates from a line of the log, and a snapshot, to the next, at least; and lines of a log, about. */
const PACE = 50;

/**
 * Fine-tunes a detector on the images of a folder and writes into `out`: best.npz (with the names of the classes), log,
 * best.onnx on wish, loss.svg, precision.svg, result.json, the pictures with test detections, and a snapshot to resume from.
 *
 * @throws CliError and the errors of the libraries.
 */
export async function finetune(options: FinetuneOptions): Promise<void> {
  const {
    out,
    resume = false,
    backend: _backend,
    wide: _wide,
    export: _format,
    json: _json,
    ...chosen
  } = options;
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
  wide,
  export: format,
  json = false,
  ...chosen
}: FinetuneOptions): Promise<void> {
  const chosenSettings = settingsOf(out, resume, chosen);
  const say = (text: string) => process.stderr.write(`${text}\n`);
  // With --json only the result is on stdout.
  const print = (text: string) => (json ? process.stderr : process.stdout).write(text);
  setSeed(chosenSettings.seed);
  const { name: backendName } = await startBackend({ backend, wide });
  if (resume) await expectSnapshot(out);
  if (resume && !existsSync(chosenSettings.data)) {
    throw new CliError(
      `${chosenSettings.data}: the images of the training are not there any more: pass --data with their folder`,
    );
  }
  const { train, val, test, problems, settings } = await openAll(out, chosenSettings, say, json);
  const { labelNames } = train;
  const counted = [`${train.length} images to learn from`];
  if (val !== null) counted.push(`${val.length} to choose the best model by`);
  counted.push(`${test.length} to test with`);
  const names = labelNames.length === 1 ? '1 class' : `${labelNames.length} classes`;
  say(`${counted.join(', ')}; ${names}: ${listNames(labelNames, 50)}${withoutObjects(train, test)}`);

  using model = await startModel(settings, train, new Random(settings.seed + 2), say);
  const classWeights =
    settings.balance === 'none'
      ? null
      : balancedWeights(
          train.records.map(({ label }) => label),
          labelNames.length,
        );
  const chain = new MultiboxTrainChain(model, { minNegatives: MIN_NEGATIVES, classWeights });
  using optimizer = new Adam({ alpha: settings.lr }).setup(chain);
  const frozen = freeze(model, settings);
  say(
    `${settings.model} on ${backendName}, ${frozen} of ${[...model.params()].length} parameter arrays frozen`,
  );

  const { insize, tiles } = model;
  const iterator = new PrefetchIterator<DetectionExample, DetectionExample, SSDPicturing>(
    train,
    settings.batch,
    {
      seed: settings.seed + 1,
      ...pictured(),
      workerData: { size: [insize, insize], tiles, augment: augmentation(model, settings) },
    },
  );
  const targets = ssdTargets(model, { iouThresh: settings.iouThresh });
  const updater = new StandardUpdater<DetectionExample>(iterator, optimizer, {
    converter: (examples) => ssdBatch(examples.map(targets)),
  });
  const { epochs, minutes, updates } = lengthOf(settings, train.length);
  const progress = ({ updater: { epochDetail, iteration }, elapsedTime }: Trainer) =>
    Math.max(
      epochs === null ? 0 : epochDetail / epochs,
      minutes === null ? 0 : elapsedTime / 60 / minutes,
      updates === null ? 0 : iteration / updates,
    );
  const trainer = new Trainer(updater, (self) => progress(self) >= 1, {
    out,
  });
  const validation = new Validation(model, val ?? test, val !== null, progress, [RESULT, ONNX]);
  const losses = ['main/loss', 'main/loss/loc', 'main/loss/conf'];
  const precisions = ['validation/main/map', 'validation/main/coco_ap'];
  const perClass = labelNames.map((name) => `validation/main/ap/${name}`);
  const { evalEvery } = settings;
  const tested = (self: Trainer) =>
    evalEvery === null
      ? validation.isDue(self, val === null ? 1 / FEW_TESTS : 1 / MANY_TESTS)
      : (self.updater.isNewEpoch && self.updater.epoch % evalEvery === 0) || progress(self) >= 1;
  // With few images an epoch is short: its files would take longer to write than it to learn.
  const total = epochs ?? ((updates ?? Number.POSITIVE_INFINITY) * settings.batch) / train.length;
  const pace = Math.min(Math.ceil((PACE * settings.batch) / train.length), Math.floor(total / PACE));
  const paced = [Math.max(1, pace), 'epoch'] as const;
  // The last test belongs in the log too, where the training ends within an epoch.
  const interval = new IntervalTrigger(...paced);
  const logged: Trigger = {
    fires: (self) => interval.fires(self) || progress(self) >= 1,
    serialEntries: (prefix) => interval.serialEntries(prefix),
  };
  trainer
    .extend(validation, { trigger: tested })
    .extend(new RateSchedule({ attr: 'alpha', peak: settings.lr, warmup: 20, progress }))
    .extend(new LogReport({ trigger: logged }))
    .extend(
      new PrintReport(['epoch', 'iteration', ...losses, ...precisions, 'elapsed_time'], {
        out: (line) => print(`${line}\n`),
      }),
    )
    .extend(new PlotReport(losses, { xKey: 'epoch', filename: 'loss.svg', trigger: paced }))
    .extend(
      new PlotReport([...precisions, ...perClass], {
        xKey: 'epoch',
        filename: 'precision.svg',
        trigger: tested,
      }),
    )
    .extend(snapshot({ nRetains: 1, autoload: resume, onAbort: true, log: say }), { trigger: paced });
  await trainer.store.write(settingsFile, `${JSON.stringify(settings, null, 2)}\n`);
  await trainer.store.write('problems.json', `${JSON.stringify(problems, null, 2)}\n`);

  // The first Ctrl-C keeps what was learnt, and tests it; the second ends at once.
  const abort = new AbortController();
  const stopped = new CliError(`stopped; go on with: chaingrad finetune --resume --out ${out}`);
  const stop = () => abort.abort(stopped);
  process.once('SIGINT', stop);
  // Whoever reads along (`| head`) has gone: nobody would see the rest, and what was learnt is kept.
  process.stdout.on('error', stop);
  let failure: unknown = null;
  try {
    await trainer.run({ signal: abort.signal });
  } catch (error) {
    if (error !== stopped) throw error;
    failure = error;
    say('stopped: testing what was learnt');
  } finally {
    process.removeListener('SIGINT', stop);
  }

  await validation.measure(trainer);
  await load(model, join(out, validation.file));
  const measured =
    val === null && validation.last !== null ? validation.last : await measure(model, test, labelNames);
  const report = { ...measured, problems: problems.test };
  await drawPictures(model, test, measured, join(out, 'pictures'));
  const best = [validation.file];
  if (format === 'onnx') {
    const { saveOnnx } = await import('@chaingrad/onnx');
    await saveOnnx(join(out, ONNX), model, ...onnxOfDetector(model, { postprocess: true }));
    tellSuppression(model, model.nmsThresh, say);
    best.push(ONNX);
  }
  // Last: where it is, everything belongs together.
  await trainer.store.write(RESULT, `${JSON.stringify(report, null, 2)}\n`);
  const files = best.map((name) => join(out, name));
  print(
    `${apTable(report)}${confusionTable(report.confusion)}wrote ${files.join(', ')}, log, loss.svg, precision.svg and pictures\n`,
  );
  if (json) {
    const { iteration: updatesDone, epochDetail } = updater;
    const training = { updates: updatesDone, epochs: epochDetail, seconds: trainer.elapsedTime };
    process.stdout.write(
      `${JSON.stringify({ out, files, stopped: failure !== null, training, ...report, problems }, null, 2)}\n`,
    );
  }
  if (failure !== null) throw failure;
}

/** Without a whole training to go on from, it would begin anew over the model of the one before. */
async function expectSnapshot(out: string): Promise<void> {
  const names = await readdir(out);
  if (names.some((name) => name.startsWith('snapshot_iter_')) || !names.includes('best.npz')) return;
  throw new CliError(
    `${out}: there is no snapshot to resume from, and best.npz is there: begin anew with another --out, and --from ${join(out, 'best.npz')}`,
  );
}

/** How long it learns: with few images a number of epochs that is not the user's own is at least so many updates. */
function lengthOf(settings: FinetuneSettings, images: number) {
  const { epochs, minutes, updates, batch } = settings;
  if (epochs !== null || minutes !== null || updates !== null) return { epochs, minutes, updates };
  return { epochs: Math.max(EPOCHS, Math.ceil((MIN_UPDATES * batch) / images)), minutes, updates };
}

/** The images, decoded; what is wrong with them is told also where the run cannot begin. */
async function openAll(
  out: string,
  chosen: FinetuneSettings,
  say: (text: string) => void,
  json: boolean,
): Promise<{
  train: DetectionDataset;
  val: DetectionDataset | null;
  test: DetectionDataset;
  problems: DataProblems;
  settings: FinetuneSettings;
}> {
  const { data, images, labels, trainSplit, valSplit, testSplit, strict, model } = chosen;
  const labelNames = labels === 'auto' ? undefined : await readLabels(labels);
  const onProblem = strict ? 'refuse' : 'skip';
  const opened = await openTraining(
    { data, images: images ?? undefined, labelNames, onProblem, trainSplit, valSplit, testSplit },
    say,
  );
  const { size, tiles, note } = seeSmallThings(opened.train, chosen);
  if (note !== null) say(note);
  const kept = preloadFor({ insize: size ?? detectors[model].inputShape[1], tiles });
  // One after the other: a large photo is decoded at a time.
  const train = await opened.train.preload(kept);
  const val = (await opened.val?.preload(kept)) ?? null;
  const test = await opened.test.preload(kept);
  // What was found before one folder was divided is of all parts, and told once.
  const known = new Set<unknown>();
  const news = (part: DetectionDataset | null) =>
    (part?.problems ?? []).filter((problem) => !known.has(problem) && known.add(problem));
  const problems = { train: news(train), val: news(val), test: news(test) };
  for (const part of Object.values(problems)) tellProblems(data, part, say);
  try {
    expectObjects(data, train, 'to learn from');
    if (val !== null) expectObjects(data, val, 'to choose by');
    expectObjects(data, test, 'to test with');
  } catch (error) {
    if (json) process.stdout.write(`${JSON.stringify({ error: oneLine(error), problems }, null, 2)}\n`);
    throw error;
  }
  const files = { train: filesOf(train), val: val === null ? [] : filesOf(val), test: filesOf(test) };
  const settings = withClasses(out, { ...chosen, size, tiles }, train.labelNames);
  return { ...sameFiles(out, settings, { train, val, test }, files, say), problems };
}

const filesOf = ({ records }: DetectionDataset) => records.map(({ file }) => file);

/** A training goes on with the images that it began with: what was learnt must not be tested with, and its order holds. */
function sameFiles<
  P extends { train: DetectionDataset; val: DetectionDataset | null; test: DetectionDataset },
>(
  out: string,
  settings: FinetuneSettings,
  parts: P,
  files: NonNullable<FinetuneSettings['files']>,
  say: (text: string) => void,
): P & { settings: FinetuneSettings } {
  const before = settings.files;
  if (before === null) return { ...parts, settings: { ...settings, files } };
  const all = [parts.train, ...(parts.val === null ? [] : [parts.val]), parts.test];
  const where = new Map(all.flatMap((part) => part.records.map((record) => [record.file, record] as const)));
  const old = [...new Set(Object.values(before).flat())];
  const missing = old.filter((file) => !where.has(file));
  const [then, now] = [old.length, where.size];
  if (missing.length > 0) {
    throw new CliError(
      `${out}: the training began with ${then} images, and ${missing.length} of them are not usable now, e.g. ${missing[0]}: put them back, or begin anew with another --out`,
    );
  }
  if (now > then) say(`${then} images then, ${now} now: the training goes on with those it began with`);
  const take = (names: readonly string[]) => parts.train.withRecords(names.map((name) => where.get(name)!));
  return {
    ...parts,
    settings,
    train: take(before.train),
    val: before.val.length === 0 ? null : take(before.val),
    test: take(before.test),
  };
}

/** How many images show only what is not to be found; '' where none does. */
function withoutObjects(...datasets: readonly DetectionDataset[]): string {
  const [train, test] = datasets.map(
    ({ records }) => records.filter(({ label }) => label.length === 0).length,
  );
  return train === 0 && test === 0 ? '' : `; without objects ${train} and ${test}`;
}

/** What a `BackboneExtractor` adds to its classifier is as new as the heads. */
const extractorLayers = /^\/extractor\/(?!extra\/)/;

/** What `--freeze` calls by name. `early`: the layers on the large maps, half the time of a step, which see edges and colours. */
const namedPatterns: Readonly<Record<string, RegExp>> = {
  early: /^\/extractor\/(conv0|blocks\/[0-5]|conv[123]_\d|base\/(conv1|res2))\//,
  extractor: extractorLayers,
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
    } else if (extractorLayers.test(path)) {
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

/** Pictures are made in a thread of their own; of the sources, which a thread of Node 20 cannot load, in this one, and the same. */
function pictured(): PrefetchIteratorOptions<DetectionExample, DetectionExample, SSDPicturing> {
  const worker = createRequire(import.meta.url).resolve('chaingrad/augment-worker');
  if (!worker.endsWith('.ts')) return { worker, nWorkers: 1 };
  return { transform: (example, { rng, data }) => ssdPicture(example, data, rng) };
}

/** The images with the most errors, then the first ones. */
async function drawPictures(
  model: SSD,
  test: DetectionDataset,
  { worst }: Measurement,
  folder: string,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const places = new Map(test.records.map(({ file }, i) => [file, i]));
  const order = new Set([...worst.map(({ file }) => places.get(file)!), ...test.records.keys()]);
  for (const i of [...order].slice(0, PICTURES)) {
    const example = await test.get(i);
    const { bboxes, labels, scores } = await model.predict([example.img], { scoreThresh: SURE });
    const found = bestFirst({ bboxes: bboxes[0]!, labels: labels[0]!, scores: scores[0]! });
    const name = basename(test.records[i]!.file).replace(/\.[^.]*$/, '');
    await writeImage(join(folder, `${name}.png`), drawComparison(example, found, model.labelNames!), 'png');
  }
}
