/** Weights of any file go into a model: the plan is checked as a whole, then carried out as a whole. */
import {
  type ArrayInfo,
  ChaingradError,
  elementCount,
  FormatError,
  InvalidArgumentError,
  isBinary,
  type Link,
  type NamedArray,
  type NameFilter,
  NothingToDoError,
  nameMatcher,
  type SerialEntry,
  type SerialValue,
  summarizeTransfer,
  type TransferReport,
  toFloat32Array,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { floatTensor } from './float-tensor.ts';
import { readArray } from './formats/read-array.ts';
import type { WeightFile } from './formats/weight-file.ts';
import { entryDecoder } from './load-arrays.ts';
import { type NameMap, type NameMapName, nameMaps } from './names/index.ts';
import { type ArrayPlan, type ArrayTransform, Scatter } from './names/transform.ts';
import { type OpenOptions, openWeights, type WeightSource } from './open-weights.ts';
import { pretrainedModels } from './pretrained-models.ts';

export interface LoadWeightsOptions extends OpenOptions {
  /**
   * True (default): the file must have exactly the names of the model. False: names that only one side has are reported
   * and left alone.
   */
  readonly strict?: boolean | undefined;
  /** Paths of the model (`/fc8/W`) to leave alone; neither missing nor unused. */
  readonly ignore?: NameFilter | undefined;
  /** What to do where shapes differ. Default 'throw'; 'skip' keeps the model's values, and reports. */
  readonly onMismatch?: 'skip' | 'throw' | undefined;
  /** Gives the file's name for a name of the model, both with a leading slash. After `names`, if both are given. */
  readonly rename?: ((name: string) => string) | undefined;
  /** The names and layouts of another framework: a map, or the name of one of `nameMaps`. */
  readonly names?: NameMap | NameMapName | undefined;
}

/** A file does not fit the model. Nothing was changed. */
export class WeightsMismatchError extends ChaingradError {
  constructor(
    readonly file: string,
    /** What fits and what does not; `copied` is what would have been. */
    readonly report: TransferReport,
    advice: string,
  ) {
    super(`${file} does not fit: ${report.summary()}\n${advice}`);
  }
}

/**
 * Loads weights of any format from anywhere into a model.
 *
 * ```ts
 * const report = await load(model, 'vgg16-397923af.pth', { names: 'torchvision-vgg16' });
 * console.log(report.summary());
 * ```
 *
 * Shapes must be equal: nothing is broadcast or reshaped. Large files are read piece by piece into the tensors that the
 * model then has. Whatever goes wrong, the model is as it was.
 * @param source see `openWeights`; also a name of `pretrainedModels` for the model's class (`voc0712`), or an opened file.
 * @returns what was loaded, and what was not.
 * @throws WeightsMismatchError when the file does not fit; NothingToDoError when no name does.
 * @throws FormatError when it is damaged; SourceError, DownloadError when it cannot be read.
 */
export async function load(
  model: Link,
  source: WeightSource | WeightFile,
  options: LoadWeightsOptions = {},
): Promise<TransferReport> {
  const { strict = true, onMismatch = 'throw', signal } = options;
  if (typeof strict !== 'boolean') throw new InvalidArgumentError('load strict', 'true or false', strict);
  if (onMismatch !== 'skip' && onMismatch !== 'throw') {
    throw new InvalidArgumentError('load onMismatch', "'skip' | 'throw'", onMismatch);
  }
  const opened = isWeightFile(source) ? null : await openWeights(ofClass(model, source), options);
  const file = opened ?? (source as WeightFile);
  try {
    const { plan, report } = await makePlan(model, file, options);
    refuse(file.file, report, strict, onMismatch);
    const values = await readAll(file, plan, signal, options.onProgress);
    // Nothing waits from here on: no one sees a model that is half old, half new.
    for (const { entry, value, tensor } of values) {
      if (tensor !== undefined && entry.adopt !== undefined) entry.adopt(tensor);
      else {
        tf.tidy(() => entry.write(value()));
        tensor?.dispose();
      }
    }
    return report;
  } finally {
    await opened?.close();
  }
}

const isWeightFile = (source: WeightSource | WeightFile): source is WeightFile =>
  typeof source === 'object' && 'chunks' in source && 'format' in source;

/** `voc0712` for an SSD300 is `SSD300/voc0712`. */
function ofClass(model: Link, source: WeightSource): WeightSource {
  const name = model.constructor.name;
  const table: Readonly<Record<string, object>> = pretrainedModels;
  const known =
    Object.hasOwn(table, name) && typeof source === 'string' && Object.hasOwn(table[name]!, source);
  return known ? `${name}/${source}` : source;
}

/** A value of the model, and where in the file it is. */
interface Step {
  readonly entry: SerialEntry;
  readonly key: string;
  /** How the array becomes ours, or null where it is. */
  readonly plan: ArrayPlan | null;
}

interface Facts {
  copied: string[];
  mismatched: { name: string; src: readonly number[]; dst: readonly (number | null)[] }[];
  partial: [];
  missingInSrc: string[];
  unusedInSrc: string[];
  ignored: string[];
  initialized: string[];
  scalars: number;
}

async function makePlan(
  model: Link,
  file: WeightFile,
  { ignore, rename = (name) => name, names }: LoadWeightsOptions,
): Promise<{ plan: Step[]; report: TransferReport }> {
  const map = typeof names === 'string' ? mapOf(names) : names;
  const ignores = nameMatcher(ignore, 'load ignore');
  const facts: Facts = {
    copied: [],
    mismatched: [],
    partial: [],
    missingInSrc: [],
    unusedInSrc: [],
    ignored: [],
    initialized: [],
    scalars: 0,
  };
  const wanted: { entry: SerialEntry; key: string; transform: ArrayTransform | undefined }[] = [];
  const used = new Set<string>();
  for (const entry of model.serialEntries()) {
    const name = `/${entry.key}`;
    const mapped = map?.names[entry.key];
    const candidates = map === undefined ? [entry.key] : [mapped?.from ?? []].flat();
    const keys = candidates.map((key) => rename(`/${key}`).replace(/^\//, ''));
    const key = keys.find((candidate) => file.has(candidate));
    if (key !== undefined) used.add(key);
    if (ignores(name)) facts.ignored.push(name);
    else if (key === undefined) {
      if (!entry.optional) facts.missingInSrc.push(name);
    } else wanted.push({ entry, key, transform: mapped?.transform });
  }
  // A remote file answers each of these with a request: several at once.
  const infos = await inParallel(wanted, 6, ({ key }) => file.info(key));
  const plan: Step[] = [];
  wanted.forEach(({ entry, key, transform }, i) => {
    const { shape, dtype } = infos[i]!;
    const name = `/${entry.key}`;
    const made = transform === undefined ? null : transform(shape);
    const ours = transform === undefined ? shape : (made?.shape ?? null);
    // Chainer's None: the value was not there when the file was written.
    if (dtype === 'object-null') facts.missingInSrc.push(name);
    else if (ours === null || !fits(ours, entry.shape)) {
      facts.mismatched.push({ name, src: shape, dst: entry.shape ?? [] });
    } else {
      facts.copied.push(name);
      facts.scalars += elementCount(shape, { file: file.file, key });
      if (entry.kind === 'parameter' && entry.read() === null) facts.initialized.push(name);
      plan.push({ entry, key, plan: made });
    }
  });
  for (const key of file.keys()) {
    if (!used.has(key) && !map?.unused?.test(key) && !ignores(`/${key}`)) facts.unusedInSrc.push(`/${key}`);
  }
  return { plan, report: { ...facts, summary: () => summarizeTransfer(facts) } };
}

function mapOf(name: string): NameMap {
  if (Object.hasOwn(nameMaps, name)) return nameMaps[name as NameMapName];
  throw new InvalidArgumentError('load names', `one of ${Object.keys(nameMaps).join(', ')}, or a map`, name);
}

const fits = (shape: readonly number[], wanted: readonly (number | null)[] | null): boolean =>
  wanted === null ||
  (shape.length === wanted.length && wanted.every((dim, i) => dim === null || dim === shape[i]));

function refuse(file: string, report: TransferReport, strict: boolean, onMismatch: 'skip' | 'throw'): void {
  const { copied, mismatched, missingInSrc, unusedInSrc } = report;
  if (mismatched.length > 0 && onMismatch === 'throw') {
    const advice = "Build the model with the same sizes, or pass onMismatch: 'skip' to load what fits.";
    throw new WeightsMismatchError(file, report, advice);
  }
  if (strict && missingInSrc.length + unusedInSrc.length > 0) {
    const advice =
      'Pass strict: false to load what both have, leave names out with ignore, or map them with names or rename.';
    throw new WeightsMismatchError(file, report, advice);
  }
  if (copied.length === 0) {
    throw new NothingToDoError(
      `${file}: nothing would be loaded. ${report.summary()}\nHave the names another prefix, or are they another framework's? See rename and names.`,
    );
  }
}

/** A value that is ready for its entry. */
interface Ready {
  readonly entry: SerialEntry;
  value(): SerialValue;
  /** What must be freed after it was written, or when another value cannot be read. */
  readonly tensor?: tf.Tensor;
}

async function readAll(
  file: WeightFile,
  plan: readonly Step[],
  signal: AbortSignal | undefined,
  onProgress: OpenOptions['onProgress'],
): Promise<Ready[]> {
  const ready: Ready[] = [];
  const infos = await Promise.all(plan.map(({ key }) => file.info(key)));
  const sizes = infos.map(({ shape }) => shape.reduce((a, b) => a * b, 4));
  const total = sizes.reduce((a, b) => a + b, 0);
  let before = 0;
  try {
    for (const [i, step] of plan.entries()) {
      signal?.throwIfAborted();
      if (step.entry.kind === 'parameter') ready.push(await readParameter(file, step, infos[i]!, signal));
      else ready.push(await readOther(file, step));
      before += sizes[i]!;
      onProgress?.({ loaded: before, total });
    }
    return ready;
  } catch (error) {
    for (const { tensor } of ready) tensor?.dispose();
    throw error;
  }
}

async function readParameter(
  file: WeightFile,
  { entry, key, plan }: Step,
  { shape }: ArrayInfo,
  signal?: AbortSignal,
): Promise<Ready> {
  const place = { file: file.file, key };
  const count = elementCount(shape, place);
  const { order, ours } = { order: shape.map((_, axis) => axis), ours: plan?.shape ?? shape };
  const scatter = new Scatter(plan ?? { view: shape, order, shape });
  const target = allocate(ours, place);
  try {
    let at = 0;
    for await (const chunk of file.chunks(key)) {
      signal?.throwIfAborted();
      const values = numbersOf(chunk, place);
      if (at + values.length > count) throw new FormatError(place, `${count} values`, 'more');
      scatter.write(target.values(), values);
      at += values.length;
    }
    if (at !== count) throw new FormatError(place, `${count} values`, `${at}`);
  } catch (error) {
    target.abandon();
    throw error;
  }
  const tensor = target.finish();
  return { entry, value: () => tensor, tensor };
}

function allocate(shape: readonly number[], place: { file: string; key: string }) {
  try {
    return floatTensor(shape);
  } catch (error) {
    const got = `shape (${shape.join(', ')})`;
    throw new FormatError(
      place,
      'an array that fits into memory',
      got,
      'Free memory, or use a machine with more.',
      error,
    );
  }
}

/** A piece as float32, without a copy where it is. */
function numbersOf(chunk: NamedArray, place: { file: string; key: string }): Float32Array {
  if (isBinary(chunk)) return toFloat32Array(chunk, place);
  throw new FormatError(place, 'numbers', chunk.dtype === 'str' ? 'strings' : 'None', 'Ignore this name.');
}

async function readOther(file: WeightFile, { entry, key, plan }: Step): Promise<Ready> {
  const array = await readArray(file, key);
  const place = { file: file.file, key };
  if (plan !== null) throw new FormatError(place, 'a parameter', 'a map that reorders another value');
  return { entry, value: entryDecoder(entry.kind, entry.read(), array, place) };
}

async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array<R>(items.length);
  let next = 0;
  const run = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i]!);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
  return results;
}
