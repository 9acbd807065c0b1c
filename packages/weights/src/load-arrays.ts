/** Values of a file go into a link or an optimizer: the plan is checked as a whole, then carried out as a whole. */

import {
  type ArrayDtype,
  type ArrayFile,
  ChaingradError,
  elementCount,
  FormatError,
  InvalidArgumentError,
  type NamedArray,
  type NameFilter,
  NothingToDoError,
  nameMatcher,
  type SerialEntry,
  type Serializable,
  type SerialValue,
  toFloat32Array,
  toInt32Array,
  toScalar,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { type SequentialOrder, sequentialKeys } from './names/sequential-order.ts';

export interface LoadOptions {
  /** Where in the file the values lie, e.g. `updater/model:main` in a snapshot. Default: at its root. */
  readonly path?: string;
  /**
   * True (default): the file must have exactly the names of the target. False: names that only one side has are
   * reported and left alone.
   */
  readonly strict?: boolean;
  /** Keys of the file to leave alone, in full; neither missing nor unexpected. */
  readonly ignoreNames?: NameFilter;
  /** 'chainer' for files of Chainer in which a Sequential has three links or more. Default 'natural'. */
  readonly sequentialOrder?: SequentialOrder;
}

export interface LoadMismatch {
  readonly name: string;
  readonly fileShape: readonly number[];
  /** Open dimensions are null. */
  readonly linkShape: readonly (number | null)[];
}

/** What a file had for a target, and the other way round. Names are keys of the file: `extractor/conv1_1/W`. */
export interface LoadReport {
  readonly loaded: readonly string[];
  /** The target has them, the file does not. */
  readonly missing: readonly string[];
  /** The file has them (below `path`), the target does not. */
  readonly unexpected: readonly string[];
  readonly mismatched: readonly LoadMismatch[];
  readonly ignored: readonly string[];
  /** Kept their values: the file holds None for them, or may lack them (the state of a frozen parameter). */
  readonly kept: readonly string[];
  /** Scalars loaded. */
  readonly scalars: number;
  /** A few readable lines. */
  summary(): string;
}

/** A file does not fit what it is loaded into. Nothing was changed. */
export class LoadError extends ChaingradError {
  constructor(
    readonly file: string,
    /** What fits and what does not; `loaded` is what would have been. */
    readonly report: LoadReport,
    advice: string,
  ) {
    super(`${file} does not fit: ${report.summary()}\n${advice}`);
  }
}

/**
 * Loads the arrays of an opened file. Shapes must be equal (nothing is broadcast); numbers become float32, or the type
 * of the value that they replace; parameters without a shape take the file's. Either everything is loaded or nothing.
 * @throws LoadError when names (if strict) or shapes differ; shapes must agree even when not strict.
 * @throws FormatError when an array is damaged, or cannot be turned into what the target needs.
 * @throws NothingToDoError when not strict and no name fits.
 */
export function loadArrays(file: ArrayFile, target: Serializable, options: LoadOptions = {}): LoadReport {
  const { strict = true, sequentialOrder = 'natural' } = options;
  if (typeof strict !== 'boolean') throw new InvalidArgumentError('strict', 'true or false', strict);
  const prefix = prefixOf(options.path);
  const ignores = nameMatcher(options.ignoreNames, 'ignoreNames');
  const fileKey = sequentialKeys(target, sequentialOrder);
  const facts = { ...emptyFacts(), unexpected: [] as string[] };
  const plan: { entry: SerialEntry; key: string }[] = [];
  const known = new Set<string>();

  for (const entry of target.serialEntries()) {
    const key = prefix + fileKey(entry.key);
    known.add(key);
    if (ignores(key)) facts.ignored.push(key);
    else if (!file.has(key)) (entry.optional ? facts.kept : facts.missing).push(key);
    else {
      const { shape, dtype } = file.info(key);
      if (dtype === 'object-null') facts.kept.push(key);
      else if (!fits(shape, entry.shape)) {
        facts.mismatched.push({ name: key, fileShape: shape, linkShape: entry.shape! });
      } else {
        facts.loaded.push(key);
        facts.scalars += elementCount(shape, { file: file.file, key });
        plan.push({ entry, key });
      }
    }
  }
  for (const key of file.keys()) {
    if (!key.startsWith(prefix) || known.has(key)) continue;
    if (ignores(key)) facts.ignored.push(key);
    else facts.unexpected.push(key);
  }

  const report: LoadReport = { ...facts, summary: () => summarize(facts) };
  refuse(file.file, report, strict);
  carryOut(plan, file);
  return report;
}

interface Facts {
  loaded: string[];
  missing: string[];
  mismatched: LoadMismatch[];
  ignored: string[];
  kept: string[];
  scalars: number;
}

const emptyFacts = (): Facts => ({
  loaded: [],
  missing: [],
  mismatched: [],
  ignored: [],
  kept: [],
  scalars: 0,
});

/** Slashes around are not needed and not minded. */
function prefixOf(path = ''): string {
  const bare = path.replace(/^\/+|\/+$/g, '');
  return bare === '' ? '' : `${bare}/`;
}

const fits = (shape: readonly number[], wanted: readonly (number | null)[] | null): boolean =>
  wanted === null ||
  (shape.length === wanted.length && wanted.every((dim, i) => dim === null || dim === shape[i]));

function refuse(file: string, report: LoadReport, strict: boolean): void {
  const { loaded, missing, unexpected, mismatched, kept } = report;
  if (mismatched.length > 0) {
    const advice = 'Build the model with the same sizes, or copy what fits: transferParams(file, model).';
    throw new LoadError(file, report, advice);
  }
  if (strict && missing.length + unexpected.length > 0) {
    const advice = 'Pass strict: false to load what both sides have, or leave names out with ignoreNames.';
    throw new LoadError(file, report, advice);
  }
  if (loaded.length + kept.length === 0 && missing.length > 0) {
    throw new NothingToDoError(
      `${file}: no name fits. ${report.summary()}\nDo the names in the file have another prefix? See the option path.`,
    );
  }
}

/** Decodes everything before anything is written, so that damage in the last array does not leave half a model. */
function carryOut(plan: readonly { entry: SerialEntry; key: string }[], file: ArrayFile): void {
  const decoded = plan.map(({ entry, key }) => ({
    entry,
    make: entryDecoder(entry.kind, entry.read(), file.read(key), { file: file.file, key }),
  }));
  // Taken off one by one, so that each array can be freed when its tensor is there.
  decoded.reverse();
  for (let next = decoded.pop(); next !== undefined; next = decoded.pop()) {
    const { entry, make } = next;
    tf.tidy(() => entry.write(make()));
  }
}

/**
 * Checks and converts an array to what an entry takes now; the function that it gives only makes the value.
 * @param old the entry's present value, whose type is kept.
 * @throws FormatError when the array cannot be turned into it.
 */
export function entryDecoder(
  kind: SerialEntry['kind'],
  old: SerialValue,
  array: NamedArray,
  place: { file: string; key: string },
): () => SerialValue {
  if (old instanceof Int32Array) {
    const integers = toInt32Array(array, place).slice();
    return () => integers;
  }
  const isTensor = old instanceof tf.Tensor || kind === 'parameter' || (kind === 'state' && old === null);
  if (!isTensor && (old !== null || array.shape.length === 0)) {
    const value = toScalar(array, place);
    // As in Chainer: a boolean is a number, too; no other type is changed in silence.
    const number = typeof old === 'number' && typeof value === 'boolean' ? Number(value) : value;
    if (old !== null && typeof old !== typeof number) {
      throw new FormatError(
        place,
        `a ${typeof old}`,
        JSON.stringify(value),
        'The model holds another type there.',
      );
    }
    return () => number;
  }
  const dtype = old instanceof tf.Tensor ? old.dtype : isTensor ? 'float32' : tensorDtype(array.dtype);
  const values = valuesOf(array, dtype, place);
  return () => tf.tensor(values, [...array.shape], dtype);
}

/** The tensor type of an array that replaces None. */
function tensorDtype(dtype: ArrayDtype): tf.DataType {
  if (dtype === 'bool') return 'bool';
  return /^u?int/.test(dtype) ? 'int32' : 'float32';
}

/** The values in memory of their own: the file's bytes stay the caller's, and are not kept alive. */
function valuesOf(
  array: NamedArray,
  dtype: tf.DataType,
  place: { file: string; key: string },
): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') {
    const values = toFloat32Array(array, place);
    return array.dtype === 'float32' ? values.slice() : values;
  }
  if (dtype === 'bool' && array.dtype === 'bool') return array.data.slice();
  if (dtype === 'int32') {
    const values = toInt32Array(array, place);
    return array.dtype === 'int32' ? values.slice() : values;
  }
  throw new FormatError(place, `values of type ${dtype}`, array.dtype, 'The model holds another type there.');
}

const shapeText = (shape: readonly (number | null)[]) => `(${shape.map((dim) => dim ?? '?').join(', ')})`;

function summarize(report: Omit<LoadReport, 'summary'>): string {
  const { loaded, missing, unexpected, mismatched, ignored, kept, scalars } = report;
  const list = (title: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${title} ${names.length}:`, ...names.map((name) => `  ${name}`)];
  const shapes = mismatched.map(
    ({ name, fileShape, linkShape }) =>
      `${name}  file ${shapeText(fileShape)}, model ${shapeText(linkShape)}`,
  );
  return [
    `${loaded.length} names fit (${scalars.toLocaleString('en-US')} values)`,
    ...list('not in the file', missing),
    ...list('in the file only', unexpected),
    ...list('shapes differ', shapes),
    ...list('ignored', ignored),
    ...list('kept', kept),
  ].join('\n');
}
