/** Fine-tuning's first step: copy by name what fits, and say what does not (ChainerCV's "Tips using Links"). */
import * as tf from '@tensorflow/tfjs-core';
import { type ArrayFile, type NamedArray, toFloat32Array, toScalar } from '../arrays/named-array.ts';
import {
  InvalidArgumentError,
  NothingToDoError,
  ShapeMismatchError,
  StructureMismatchError,
  UninitializedParameterError,
} from '../errors.ts';
import { Link } from '../link.ts';
import type { Parameter } from '../parameter.ts';
import type { Persistent, PersistentValue } from '../persistent.ts';

/** Where values come from: a model, or the arrays of a file (keys without leading slash), so that no model need be built. */
export type TransferSource = Link | ArrayFile | ReadonlyMap<string, NamedArray>;

/** Which names: a full path, a pattern, a predicate, or several of them. */
export type NameFilter = string | RegExp | ((name: string) => boolean) | readonly NameFilter[];

export interface TransferOptions {
  /** Parameters of the destination to leave alone. */
  readonly ignore?: NameFilter;
  /** What to do where shapes differ. Default 'skip': keep the destination's values, and report. */
  readonly onMismatch?: 'skip' | 'throw';
  /** What to do where the source has no such name. Default 'throw', as the document's loop does. */
  readonly onMissing?: 'skip' | 'throw';
  /** Gives the source's name for a name of the destination. */
  readonly rename?: (name: string) => string;
  /** Copy persistents (running statistics), too. Default true. */
  readonly persistent?: boolean;
  /** Accept that nothing was copied. Default false: a mistyped prefix is the usual cause. */
  readonly allowNone?: boolean;
  /**
   * Where class layers differ only in their classes, copy the rows of the classes both have. The first axis of such a
   * parameter is box * nClass + class, with the background as class 0 unless `background` is false.
   */
  readonly byClass?: {
    readonly src: readonly string[];
    readonly dst: readonly string[];
    readonly background?: boolean;
  };
}

export interface TransferMismatch {
  readonly name: string;
  readonly src: readonly number[];
  /** Open dimensions are null. */
  readonly dst: readonly (number | null)[];
}

/** What a transfer did. All names are paths of the destination, except `unusedInSrc`. */
export interface TransferReport {
  readonly copied: readonly string[];
  /** Skipped because of their shapes; they keep their values. */
  readonly mismatched: readonly TransferMismatch[];
  /** Class layers of which the rows of shared classes were copied. */
  readonly partial: readonly { readonly name: string; readonly classes: readonly string[] }[];
  readonly missingInSrc: readonly string[];
  readonly unusedInSrc: readonly string[];
  readonly ignored: readonly string[];
  /** Copied into parameters that had no shape before. */
  readonly initialized: readonly string[];
  /** Scalars copied. */
  readonly scalars: number;
  /** A few readable lines. */
  summary(): string;
}

/** Named values with shapes, wherever they come from. */
interface Source {
  readonly names: ReadonlySet<string>;
  shape(name: string): readonly number[] | null;
  /** Uses a value; a tensor is valid during `use` only. */
  use(name: string, use: (value: PersistentValue) => void): void;
}

function sourceOf(src: TransferSource): Source {
  if (src instanceof Link) {
    const values = new Map<string, Parameter | Persistent>([...src.namedparams(), ...src.namedpersistents()]);
    const read = (name: string) => {
      const found = values.get(name)!;
      return 'tensor' in found ? found.tensor : found.value;
    };
    return {
      names: new Set(values.keys()),
      shape: (name) => {
        const found = values.get(name)!;
        if ('tensor' in found) return found.array?.shape ?? null;
        return found.value instanceof tf.Tensor ? found.value.shape : [];
      },
      use: (name, use) => use(read(name)),
    };
  }
  const file: Pick<ArrayFile, 'keys' | 'info' | 'read' | 'file'> =
    'info' in src
      ? src
      : {
          file: 'arrays',
          keys: () => [...src.keys()],
          info: (key) => src.get(key)!,
          read: (key) => src.get(key)!,
        };
  return {
    names: new Set(file.keys().map((key) => `/${key}`)),
    // A stored None is an uninitialized parameter.
    shape: (name) => {
      const { dtype, shape } = file.info(name.slice(1));
      return dtype === 'object-null' ? null : shape;
    },
    use: (name, use) => {
      const array = file.read(name.slice(1));
      const place = { file: file.file, key: name.slice(1) };
      if (array.shape.length === 0) return use(toScalar(array, place));
      tf.tidy(() => use(tf.tensor(toFloat32Array(array, place), [...array.shape], 'float32')));
    },
  };
}

function matches(filter: NameFilter | undefined, name: string): boolean {
  if (filter === undefined) return false;
  if (typeof filter === 'string') return filter === name;
  if (filter instanceof RegExp) return filter.test(name);
  if (typeof filter === 'function') return filter(name);
  return filter.some((each) => matches(each, name));
}

/**
 * The names of the destination whose shapes differ from the source's, in the order of `dst.namedparams()`
 * (the document's `get_shape_mismatch_names`). A parameter that can still take the source's shape is no mismatch.
 * @throws StructureMismatchError when the source lacks a name; UninitializedParameterError when it has no shape there.
 */
export function getShapeMismatchNames(src: TransferSource, dst: Link): string[] {
  const source = sourceOf(src);
  const names: string[] = [];
  for (const [name, param] of dst.namedparams()) {
    if (!param.accepts(shapeIn(source, name, name))) names.push(name);
  }
  return names;
}

function shapeIn(source: Source, name: string, from: string): readonly number[] {
  if (!source.names.has(from)) {
    throw new StructureMismatchError(
      name,
      `the source has no '${from}'. Leave it out with \`ignore\`, map it with \`rename\`, or pass onMissing: 'skip'.`,
    );
  }
  const shape = source.shape(from);
  if (shape === null) throw new UninitializedParameterError(`${from} (source)`);
  return shape;
}

/**
 * Copies the parameters (and persistents) of `src` into those of `dst` that have the same name and shape.
 * Everything is checked before anything is written; the source, gradients and skipped values are untouched.
 * Shapes must be equal: nothing is broadcast, reshaped or cast but to float32.
 *
 * ```ts
 * const report = transferParams(await SSD300.fromPretrained('voc0712'), dst);
 * console.log(report.mismatched.map((m) => m.name)); // the 12 names /multibox/conf/{0..5}/{W,b}
 * ```
 *
 * @throws StructureMismatchError for a name the source lacks (unless onMissing is 'skip').
 * @throws ShapeMismatchError for differing shapes when onMismatch is 'throw'.
 * @throws UninitializedParameterError when the source has no values under a needed name.
 * @throws NothingToDoError when nothing would be copied (unless allowNone).
 */
export function transferParams(
  src: TransferSource,
  dst: Link,
  options: TransferOptions = {},
): TransferReport {
  const { onMismatch = 'skip', onMissing = 'throw', rename = (name: string) => name, byClass } = options;
  for (const [key, value] of [
    ['onMismatch', onMismatch],
    ['onMissing', onMissing],
  ]) {
    if (value !== 'skip' && value !== 'throw') {
      throw new InvalidArgumentError(`transferParams ${key}`, "'skip' | 'throw'", value);
    }
  }
  const source = sourceOf(src);
  const copied: string[] = [];
  const initialized: string[] = [];
  const mismatched: TransferMismatch[] = [];
  const partial: { name: string; classes: string[] }[] = [];
  const missingInSrc: string[] = [];
  const ignored: string[] = [];
  const used = new Set<string>();
  const writes: (() => void)[] = [];
  let scalars = 0;

  /** Whether the name takes part; sorts it away otherwise. */
  const select = (name: string, from: string): boolean => {
    if (matches(options.ignore, name)) {
      ignored.push(name);
      // Left out on purpose: not "unused".
      used.add(from);
      return false;
    }
    if (!source.names.has(from) && onMissing === 'skip') {
      missingInSrc.push(name);
      return false;
    }
    return true;
  };

  for (const [name, param] of dst.namedparams()) {
    const from = rename(name);
    if (!select(name, from)) continue;
    const shape = shapeIn(source, name, from);
    used.add(from);
    if (param.accepts(shape)) {
      copied.push(name);
      if (!param.isInitialized) initialized.push(name);
      scalars += shape.reduce((a, b) => a * b, 1);
      writes.push(() =>
        source.use(from, (value) =>
          param.assign(value instanceof tf.Tensor ? value : tf.scalar(Number(value))),
        ),
      );
      continue;
    }
    const rows = byClass && param.isInitialized ? sharedRows(byClass, shape, param.shape) : null;
    if (rows !== null) {
      partial.push({ name, classes: rows.classes });
      scalars += rows.pairs.length * shape.slice(1).reduce((a, b) => a * b, 1);
      writes.push(() => source.use(from, (value) => copyRows(value as tf.Tensor, param, rows.pairs)));
    } else if (onMismatch === 'throw') {
      throw new ShapeMismatchError(name, param.partialShape!, shape);
    } else {
      mismatched.push({ name, src: shape, dst: param.partialShape! });
    }
  }

  if (options.persistent ?? true) {
    for (const [name, persistent] of dst.namedpersistents()) {
      const from = rename(name);
      if (!select(name, from)) continue;
      if (!source.names.has(from)) shapeIn(source, name, from);
      used.add(from);
      const own = persistent.value;
      const shape = source.shape(from) ?? [];
      const target = own instanceof tf.Tensor ? own.shape : own === null ? shape : [];
      if (target.length === shape.length && target.every((n, i) => n === shape[i])) {
        copied.push(name);
        scalars += shape.reduce((a, b) => a * b, 1);
        writes.push(() =>
          source.use(from, (value) => {
            persistent.value = value;
          }),
        );
      } else if (onMismatch === 'throw') throw new ShapeMismatchError(name, target, shape);
      else mismatched.push({ name, src: shape, dst: target });
    }
  }

  const unusedInSrc = [...source.names].filter((name) => !used.has(name));
  const facts = { copied, mismatched, partial, missingInSrc, unusedInSrc, ignored, initialized, scalars };
  const report: TransferReport = { ...facts, summary: () => summarizeTransfer(facts) };
  if (copied.length + partial.length === 0 && !options.allowNone) {
    throw new NothingToDoError(
      `transferParams: nothing would be copied. ${report.summary()}\n` +
        'Do the names have another prefix? Map them with `rename`; pass allowNone: true if this is meant.',
    );
  }
  for (const write of writes) write();
  return report;
}

/** Rows of the first axis to copy: [source row, destination row], or null where the sizes are not classes * boxes. */
function sharedRows(
  { src, dst, background = true }: NonNullable<TransferOptions['byClass']>,
  from: readonly number[],
  to: readonly number[],
): { classes: string[]; pairs: [number, number][] } | null {
  const extra = background ? 1 : 0;
  const [n, m] = [src.length + extra, dst.length + extra];
  const boxes = from[0]! / n;
  const sameRest = from.length === to.length && from.slice(1).every((d, i) => d === to[i + 1]);
  if (!sameRest || !Number.isInteger(boxes) || to[0] !== boxes * m) return null;
  const classes = dst.filter((name) => src.includes(name));
  const pairs: [number, number][] = [];
  for (let box = 0; box < boxes; box++) {
    if (background) pairs.push([box * n, box * m]);
    for (const name of classes) {
      pairs.push([box * n + extra + src.indexOf(name), box * m + extra + dst.indexOf(name)]);
    }
  }
  return { classes, pairs };
}

function copyRows(value: tf.Tensor, param: Parameter, pairs: readonly [number, number][]): void {
  tf.tidy(() => {
    const own = param.shape[0]!;
    const indices = Array.from({ length: own }, (_, i) => i);
    for (const [from, to] of pairs) indices[to] = own + from;
    param.assign(tf.gather(tf.concat([param.tensor, value], 0), tf.tensor1d(indices, 'int32'), 0));
  });
}

const shapeText = (shape: readonly (number | null)[]) => `(${shape.map((n) => n ?? '?').join(', ')})`;

/** The text of a report's `summary()`, for others that make such reports. */
export function summarizeTransfer(report: Omit<TransferReport, 'summary'>): string {
  const { copied, mismatched, partial, missingInSrc, unusedInSrc, ignored, scalars } = report;
  const list = (title: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${title} ${names.length}:`, ...names.map((name) => `  ${name}`)];
  return [
    `copied ${copied.length} (${scalars.toLocaleString('en-US')} values)`,
    ...list(
      'copied in part',
      partial.map(({ name, classes }) => `${name}  classes ${classes.join(', ')}`),
    ),
    ...list(
      'skipped, shapes differ',
      mismatched.map(
        ({ name, src, dst }) => `${name}  source ${shapeText(src)}, destination ${shapeText(dst)}`,
      ),
    ),
    ...list('not in the source', missingInSrc),
    ...list('in the source only', unusedInSrc),
    ...list('ignored', ignored),
  ].join('\n');
}
