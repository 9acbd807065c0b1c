import {
  checkOptions,
  InvalidArgumentError,
  type Link,
  type MatchReport,
  type OptionKinds,
  pickOptions,
  withoutValues,
} from '@chaingrad/core';
import { type About, OtherModelError, readAbout } from './about.ts';
import type { WeightFile } from './formats/weight-file.ts';
import { isWeightFile, type LoadOptions, loadKinds, loadOpened, otherLoadNames, withEntry } from './load.ts';
import { hasNamesOf } from './names/index.ts';
import { openAny, openPretrained, type WeightSource } from './open-weights.ts';
import {
  completeArguments,
  findPretrained,
  type NpmSource,
  type Pretrained,
  type PretrainedTable,
  UnknownPretrainedError,
} from './pretrained.ts';

/** A class of models that has pretrained weights. */
export interface PretrainedClass<P extends object, M extends Link> {
  new (args: P): M;
  /** Its name, which minifiers leave alone. */
  readonly modelName: string;
  /** Its weights by name; the first is the default. */
  readonly pretrained: PretrainedTable<P>;
  /** Of an input, to draw what a file does not have: (batch, height, width, channels). */
  readonly inputShape: readonly [number, number, number, number];
}

export interface FromPretrainedSpec<P extends object> {
  /** The kind of every argument that the class has, by name: they are options beside those of `load`. */
  readonly args: OptionKinds<P>;
  readonly defaults?: Partial<P>;
  /** Further options of the class, which have defaults of its own and nothing to do with the weights. */
  readonly optional?: OptionKinds<object>;
  /** Arguments that a file tells: of ours what it says, of others what follows from shapes. */
  readonly told?: (file: WeightFile, about: About | null) => Promise<Partial<P>>;
  /** What is done with a file that fits in part only. ChainerCV's SSDs take what there is. Default 'exact'. */
  readonly match?: 'exact' | 'common';
}

/**
 * A model with trained weights, made with the arguments that they imply. Nothing is left behind when loading fails, and no
 * value is drawn that the file replaces: it takes the memory of one model. A model that has a field `labelNames` gets the names
 * of its classes, and one that has `tiles` or `nms` their values, where the table or the file has them.
 * @param source a name of the class's table, or any source of weights; without it the first of the table.
 * @param options those of `load`, and the arguments of the class that the user gives.
 * @throws PretrainedArgumentError, UnknownPretrainedError, UnknownOptionError; as `load`.
 */
export async function fromPretrained<P extends object, M extends Link>(
  Model: PretrainedClass<P, M>,
  source: WeightSource | WeightFile | undefined,
  { args: kinds, defaults, told, match, optional = {} }: FromPretrainedSpec<P>,
  options: LoadOptions & { readonly [K in keyof P]?: P[K] | null | undefined } = {},
): Promise<M> {
  const where = `${Model.modelName}.fromPretrained`;
  checkOptions(
    where,
    options,
    { ...kinds, ...optional, ...loadKinds } as OptionKinds<typeof options>,
    otherLoadNames,
  );
  const names = Object.keys(kinds) as (keyof P)[];
  const given = Object.fromEntries(names.map((name) => [name, options[name]])) as {
    [K in keyof P]: P[K] | null | undefined;
  };
  const loading: LoadOptions = pickOptions(options, loadKinds);
  const table: Readonly<Record<string, Pretrained<P>>> = Model.pretrained;
  const [first] = Object.keys(table);
  const from = source ?? first;
  if (from === undefined) throw new InvalidArgumentError(where, 'a source', 'none');
  const named = typeof from === 'string' ? findPretrained(from, table) : null;
  const keyOf = (entry: object | null) => Object.keys(table).find((key) => table[key] === entry) ?? null;
  // A name without any of the marks of a path or an address: most likely misspelt. Chainer would look for a file.
  if (named === null && typeof from === 'string' && /^[^./\\:]+$/.test(from)) {
    throw new UnknownPretrainedError(from, Object.keys(table));
  }
  // Arguments that contradict the weights are told before anything is fetched.
  if (named !== null) completeArguments(given, keyOf(named), table, defaults);
  const fallback = first === undefined ? null : table[first]!;
  const file = isWeightFile(from)
    ? from
    : named === null
      ? await openAny(from, loading, partOf(fallback))
      : await openPretrained(named, loading);
  try {
    // A file of one's own that has the names of the table's is one of these.
    const entry =
      named ?? (fallback?.names !== undefined && hasNamesOf(file, fallback.names) ? fallback : null);
    const about = readAbout(file);
    if (about !== null && about.model !== Model.modelName) {
      throw new OtherModelError(file.file, about.model, Model.modelName);
    }
    const fixed = entry === null ? await told?.(file, about) : undefined;
    // A file tells what any class of its kind may want: what this one has no argument for, it has once and for all.
    const args = { ...given, ...pickOptions({ ...fixed } as P, kinds), ...dropNull(given) };
    const complete = completeArguments(args, keyOf(entry), table, defaults);
    const model = withoutValues(() => new Model({ ...complete, ...pickOptions(options, optional) }));
    try {
      const report = await loadOpened(model, file, withEntry(loading, entry ?? { source: '', match }));
      // The table's files are known; another one that fits in part only is told.
      if (named === null) warnOfGaps(`${where}(${file.file})`, report);
      model.initialize([...Model.inputShape]);
    } catch (error) {
      model.dispose();
      throw error;
    }
    const labelNames = about?.labelNames ?? entry?.labelNames;
    if ('labelNames' in model && labelNames) model.labelNames = labelNames;
    if ('tiles' in model && about?.tiles !== undefined) model.tiles = about.tiles;
    if ('nms' in model && about?.nms !== undefined) model.nms = about.nms;
    return model;
  } finally {
    if (file !== from) await file.close();
  }
}

/** The part of a packed file that holds the weights. */
const partOf = (entry: Pretrained<object> | null): NpmSource['part'] =>
  entry !== null && typeof entry.source === 'object' && entry.source.kind === 'npm'
    ? entry.source.part
    : undefined;

const dropNull = <T extends object>(values: T): T =>
  Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== null && value !== undefined),
  ) as T;

function warnOfGaps(where: string, { missingInSrc, unusedInSrc, summary }: MatchReport): void {
  if (missingInSrc.length + unusedInSrc.length > 0) {
    console.warn(`${where}: parameters that the file lacks start from random values. ${summary()}`);
  }
}
