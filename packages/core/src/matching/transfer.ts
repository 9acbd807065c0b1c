/** Fine-tuning's first step: copy by name what fits, and say what does not (ChainerCV's "Tips using Links"). */
import * as tf from '@tensorflow/tfjs-core';
import type { ArraySource } from '../arrays/array-source.ts';
import type { ArrayInfo } from '../arrays/named-array.ts';
import { StructureMismatchError, UninitializedParameterError } from '../errors.ts';
import { checkOptions, type OptionKinds, type OtherNames } from '../options.ts';
import { allOrNothing, hold, type Saved } from '../undo.ts';
import { withSlash } from './name-filter.ts';
import {
  fits,
  type MatchOptions,
  type MatchReport,
  matchNames,
  matchShapes,
  type PlanOptions,
  type PlanStep,
  refuse,
} from './plan.ts';
import { inParallel, type ReadOptions, readValues } from './read-values.ts';
import type { SerialEntry, Serializable, SerialValue } from './serial-entry.ts';

/** Where values come from: a model, or an opened file, so that no model need be built. */
export type TransferSource = Serializable | ArraySource;

export interface TransferOptions extends MatchOptions, ReadOptions {}

export const transferKinds: OptionKinds<TransferOptions> = {
  match: ['exact', 'common'],
  ignore: 'any',
  names: 'any',
  rename: 'function',
  onMismatch: ['skip', 'throw'],
  at: 'string',
  byClass: 'object',
  signal: 'object',
  onProgress: 'function',
};

/** Chainer's names of options, and those of other libraries. */
export const otherMatchNames: OtherNames = {
  strict: "match: 'exact' | 'common'",
  onMissing: "match: 'common'",
  onUnused: "match: 'common'",
  ignoreNames: 'ignore',
  ignore_names: 'ignore',
  exclude: 'ignore',
  skip: 'ignore',
  sequentialOrder: "names: 'chainer-sequential'",
  nameMap: 'names',
  map: 'names',
  path: 'at',
  prefix: 'at',
};

/**
 * Copies the parameters and persistents (and, of an optimizer, the states) of `src` into those of `dst` that have the same
 * name and shape. Everything is checked before anything is written; the source, gradients and skipped values are untouched.
 * Shapes must be equal: nothing is broadcast, reshaped or cast but to float32.
 *
 * ```ts
 * const report = transferParams(await SSD300.fromPretrained('voc0712'), dst);
 * console.log(report.mismatched.map((m) => m.name)); // the 12 names /multibox/conf/{0..5}/{W,b}
 * ```
 *
 * @param src a model; or an opened file (`openWeights`), whose values are read array by array: then a promise is returned.
 * @param options `match` is 'common' and `onMismatch` 'skip' where they are not given.
 * @throws MismatchError for what the options do not allow; NothingToDoError when nothing would be copied; UnknownOptionError.
 * @throws UninitializedParameterError when the source model has no values under a needed name.
 * @throws FormatError when the file is damaged.
 */
export function transferParams(src: Serializable, dst: Serializable, options?: TransferOptions): MatchReport;
export function transferParams(
  src: ArraySource,
  dst: Serializable,
  options?: TransferOptions,
): Promise<MatchReport>;
export function transferParams(
  src: TransferSource,
  dst: Serializable,
  options: TransferOptions = {},
): MatchReport | Promise<MatchReport> {
  checkOptions('transferParams', options, transferKinds, otherMatchNames);
  const complete = { match: 'common', onMismatch: 'skip', ...options } as const;
  return isModel(src) ? copyEntries(src, dst, complete) : copyArrays(src, dst, complete);
}

const isModel = (src: TransferSource): src is Serializable => 'serialEntries' in src;

/** The entries of a model as a source. */
function modelSource(src: Serializable) {
  const entries = new Map<string, SerialEntry>([...src.serialEntries()].map((entry) => [entry.key, entry]));
  return {
    file: 'the source',
    keys: () => entries.keys(),
    has: (key: string) => entries.has(key),
    entry: (key: string) => entries.get(key)!,
    info: (key: string): ArrayInfo => {
      const entry = entries.get(key)!;
      const value = entry.read();
      if (value instanceof tf.Tensor) return { shape: value.shape, dtype: 'float32' };
      if (value instanceof Int32Array) return { shape: [value.length], dtype: 'int32' };
      return { shape: [], dtype: value === null && entry.kind === 'parameter' ? 'object-null' : 'float64' };
    },
  };
}

/** Copies values from one model to another at once. @throws as `transferParams`. */
export function copyEntries(src: Serializable, dst: Serializable, options: PlanOptions): MatchReport {
  const source = modelSource(src);
  const matching = matchNames(dst, source, options);
  const { steps, report } = matchShapes(
    matching,
    matching.pairs.map(({ key }) => source.info(key)),
    options,
  );
  // A model without values was forgotten to be initialized; a file that holds None was written so.
  const empty = matching.pairs.find(
    ({ entry, key }) => source.info(key).dtype === 'object-null' && entry.read() !== null,
  );
  if (empty !== undefined) throw new UninitializedParameterError(`/${empty.key} (source)`);
  refuse(source.file, report, options);
  writeAll(steps, ({ key, rows, entry }) => {
    const value = source.entry(key).read();
    // What a model has is its own.
    return rows === null
      ? { entry, value, owned: false }
      : { entry, ...merged(value as tf.Tensor, entry, rows) };
  });
  return report;
}

async function copyArrays(
  src: ArraySource,
  dst: Serializable,
  options: TransferOptions,
): Promise<MatchReport> {
  const matching = matchNames(dst, src, options);
  // A remote file answers each of these with a request: several at once.
  const infos = await inParallel(matching.pairs, 6, ({ key }) => src.info(key));
  const { steps, report } = matchShapes(matching, infos, options);
  refuse(src.file, report, options);
  const values = await readValues(src, steps, options);
  const left = new Set(values);
  try {
    // Nothing waits from here on: no one sees a model that is half old, half new.
    writeAll(values, (ready) => {
      const { step, value, tensor } = ready;
      if (step.rows !== null) return { entry: step.entry, ...merged(tensor!, step.entry, step.rows) };
      left.delete(ready);
      return { entry: step.entry, value: value(), owned: true };
    });
  } finally {
    for (const { tensor } of left) tensor?.dispose();
  }
  return report;
}

/** A value for an entry; `owned` where it is a tensor that nobody else holds. */
interface Written {
  readonly entry: SerialEntry;
  readonly value: SerialValue;
  readonly owned: boolean;
}

/**
 * Writes a value for each item, all of them or none: what must be computed is computed before anything is written, and when
 * one cannot be written, the others are put back.
 */
function writeAll<T>(items: readonly T[], make: (item: T) => Written): void {
  const writes = new Set<Written>();
  try {
    for (const item of items) writes.add(make(item));
    const saves = [...writes].map(({ entry }) => entry.save?.bind(entry) ?? (() => saveByReading(entry)));
    allOrNothing(saves, () => {
      for (const write of writes) {
        const { entry, value, owned } = write;
        if (owned && value instanceof tf.Tensor && entry.adopt !== undefined) {
          entry.adopt(value);
          writes.delete(write);
        } else entry.write(value);
      }
    });
  } finally {
    for (const { value, owned } of writes) if (owned) tf.dispose(value as tf.TensorContainer);
  }
}

/** Keeps the value of an entry that cannot do so itself. */
function saveByReading(entry: SerialEntry): Saved {
  const value = entry.read();
  const held = value instanceof tf.Tensor ? hold(value) : value;
  return {
    restore: () => {
      entry.write(held);
      tf.dispose(held as tf.TensorContainer);
    },
    release: () => tf.dispose(held as tf.TensorContainer),
  };
}

/** The entry's own values with some rows of others in their places. */
const merged = (value: tf.Tensor, entry: SerialEntry, rows: NonNullable<PlanStep['rows']>) => ({
  value: mergeRows(value, entry, rows),
  owned: true,
});

/** The entry's own values with some rows of others in their places; the caller's to dispose. */
function mergeRows(
  value: tf.Tensor,
  entry: SerialEntry,
  rows: readonly (readonly [number, number])[],
): tf.Tensor {
  return tf.tidy(() => {
    const own = entry.read() as tf.Tensor;
    const indices = Array.from({ length: own.shape[0]! }, (_, i) => i);
    for (const [from, to] of rows) indices[to] = own.shape[0]! + from;
    return tf.gather(tf.concat([own, value], 0), tf.tensor1d(indices, 'int32'), 0);
  });
}

/**
 * The paths of the destination's parameters whose shapes differ from the source's, in the order of `dst.namedparams()`
 * (the document's `get_shape_mismatch_names`). A parameter that can still take the source's shape is no mismatch.
 * @param src a model; or an opened file: then a promise is returned.
 * @throws StructureMismatchError when the source lacks a name; UninitializedParameterError when it has no shape there.
 */
export function getShapeMismatchNames(src: Serializable, dst: Serializable): string[];
export function getShapeMismatchNames(src: ArraySource, dst: Serializable): Promise<string[]>;
export function getShapeMismatchNames(src: TransferSource, dst: Serializable): string[] | Promise<string[]> {
  const source = isModel(src) ? modelSource(src) : src;
  const params = [...dst.serialEntries()].filter(({ kind }) => kind === 'parameter');
  for (const { key } of params) {
    if (!source.has(key)) throw new StructureMismatchError(withSlash(key), 'the source has no such name.');
  }
  const compare = (infos: readonly ArrayInfo[]) =>
    params.flatMap(({ key, shape }, i) => {
      const info = infos[i]!;
      if (info.dtype === 'object-null') throw new UninitializedParameterError(`/${key} (source)`);
      return fits(info.shape, shape) ? [] : [`/${key}`];
    });
  const infos = params.map(({ key }) => source.info(key));
  return isModel(src)
    ? compare(infos as ArrayInfo[])
    : Promise.all(infos as Promise<ArrayInfo>[]).then(compare);
}
