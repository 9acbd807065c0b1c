/**
 * Names meet names and shapes meet shapes here, and nowhere else. `load`, `transferParams`, `copyparams` and the resume of a
 * snapshot make a plan, refuse it as a whole or carry it out as a whole.
 */
import type { ArrayInfo } from '../arrays/named-array.ts';
import { ChaingradError, NothingToDoError } from '../errors.ts';
import { type NameFilter, nameMatcher, withSlash } from './name-filter.ts';
import {
  type ArrayPlan,
  type ArrayTransform,
  type MappedFrom,
  mappedName,
  type NameMapFor,
} from './name-map.ts';
import type { SerialEntry, Serializable } from './serial-entry.ts';

/** How the names of a source are matched to those of a model, and what is done where they do not match. */
export interface MatchOptions {
  /** 'exact': both sides have the same names. 'common': what both have is copied, the rest is reported. */
  readonly match?: 'exact' | 'common' | undefined;
  /** Paths of the model (`/fc8/W`), or of the source where only that has them, to leave alone. */
  readonly ignore?: NameFilter | undefined;
  /** The names and layouts of another framework. */
  readonly names?: NameMapFor | undefined;
  /**
   * Gives the source's name for a path of the model (`/bn1/b`); a leading slash is not needed in the answer. Applied after
   * `names`, if both are given.
   */
  readonly rename?: ((path: string) => string) | undefined;
  /** What is done where shapes differ: 'throw', or 'skip' to keep the model's values and report. */
  readonly onMismatch?: 'skip' | 'throw' | undefined;
  /** Where in the source the values lie, e.g. `updater/model:main` in a snapshot. Default: at its root. */
  readonly at?: string | undefined;
  /**
   * Where class layers differ only in their classes, copy the rows of the classes both have. The first axis of such a
   * parameter is box * nClass + class, with the background as class 0 unless `background` is false.
   */
  readonly byClass?: ClassRows | undefined;
}

export interface ClassRows {
  readonly src: readonly string[];
  readonly dst: readonly string[];
  readonly background?: boolean;
}

export interface Mismatch {
  /** The path in the model. */
  readonly name: string;
  readonly src: readonly number[];
  /** Open dimensions are null. */
  readonly dst: readonly (number | null)[];
}

/** What was copied, and what was not. Names are paths of the model, except in `unusedInSrc`. */
export interface MatchReport {
  readonly copied: readonly string[];
  /** Not copied because of their shapes; they keep their values. */
  readonly mismatched: readonly Mismatch[];
  /** Class layers of which the rows of shared classes were copied. */
  readonly partial: readonly { readonly name: string; readonly classes: readonly string[] }[];
  /** The model has them, the source does not. */
  readonly missingInSrc: readonly string[];
  /** The source has them, the model does not. */
  readonly unusedInSrc: readonly string[];
  readonly ignored: readonly string[];
  /** Kept their values: the source holds None for them, or may lack them (the state of a frozen parameter). */
  readonly kept: readonly string[];
  /** Copied into parameters that had no values before. */
  readonly initialized: readonly string[];
  /** Scalars copied. */
  readonly scalars: number;
  /**
   * A few readable lines.
   * @param most how many names of a kind are listed. Default all.
   */
  summary(most?: number): string;
}

/** A source does not fit the model. Nothing was changed. */
export class MismatchError extends ChaingradError {
  constructor(
    /** The file, or the model, that the values were to come from. */
    readonly source: string,
    /** What fits and what does not; `copied` is what would have been. */
    readonly report: MatchReport,
    readonly advice: string,
  ) {
    super(`${source} does not fit: ${report.summary(4)}\n${advice}`);
  }
}

/** What a plan needs to know of a source. */
export interface SourceNames {
  /** The file's name, or 'the source'. */
  readonly file: string;
  keys(): Iterable<string>;
  has(key: string): boolean;
}

/** A value of the model, and the key under which the source has it. */
export interface NamePair {
  readonly entry: SerialEntry;
  readonly key: string;
  readonly transform: ArrayTransform | undefined;
}

/** Where a value goes, and what is done to it on the way. */
export interface PlanStep {
  readonly entry: SerialEntry;
  readonly key: string;
  readonly info: ArrayInfo;
  /** How the array becomes ours, or null where it is. */
  readonly layout: ArrayPlan | null;
  /** Pairs of [source row, model row], or null where the array is taken whole. */
  readonly rows: readonly (readonly [number, number])[] | null;
}

type Facts = { -readonly [K in keyof Omit<MatchReport, 'summary' | 'scalars'>]: MatchReport[K][number][] };

/** Names of both sides: the first half of a plan, which needs no shapes. */
export interface Matching {
  readonly pairs: readonly NamePair[];
  readonly facts: Facts;
}

/**
 * Finds for each value of the target the name that the source has for it.
 * @throws InvalidArgumentError for a filter that is none.
 */
export function matchNames(target: Serializable, source: SourceNames, options: MatchOptions): Matching {
  const { rename = (path: string) => path, names, at = '' } = options;
  const map = typeof names === 'function' ? names(target) : names;
  const ignores = nameMatcher(options.ignore, 'ignore');
  const prefix = at.replace(/^\/+|\/+$/g, '').replace(/.$/, '$&/');
  const find = (from: MappedFrom) =>
    findKey(source, typeof from === 'string' ? rename(withSlash(from)) : from, prefix);

  const facts: Facts = {
    copied: [],
    mismatched: [],
    partial: [],
    missingInSrc: [],
    unusedInSrc: [],
    ignored: [],
    kept: [],
    initialized: [],
  };
  const pairs: NamePair[] = [];
  const used = new Set<string>();
  const ignored = new Set<string>();
  for (const entry of target.serialEntries()) {
    const path = `/${entry.key}`;
    const mapped = mappedName(map, entry.key);
    const key = [mapped?.from ?? []]
      .flat()
      .map(find)
      .find((found) => found !== undefined);
    if (key !== undefined) used.add(key);
    if (ignores(path)) ignored.add(path);
    else if (key !== undefined) pairs.push({ entry, key, transform: mapped?.transform });
    else if (entry.optional || (map?.absent !== undefined && entry.key.search(map.absent) >= 0))
      facts.kept.push(path);
    else facts.missingInSrc.push(path);
  }
  for (const key of source.keys()) {
    const bare = key.replace(/^\/+/, '');
    if (used.has(key) || !bare.startsWith(prefix)) continue;
    const path = `/${bare.slice(prefix.length)}`;
    if (map?.unused !== undefined && bare.slice(prefix.length).search(map.unused) >= 0) continue;
    if (ignores(path)) ignored.add(path);
    else facts.unusedInSrc.push(path);
  }
  facts.ignored = [...ignored];
  return { pairs, facts };
}

/**
 * The key of a source for a name, with or without a leading slash on either side, or the first key that fits a pattern.
 * @param prefix of the keys that are looked at.
 */
export function findKey(source: SourceNames, from: MappedFrom, prefix = ''): string | undefined {
  if (from instanceof RegExp) {
    return [...source.keys()].find((key) => {
      const name = key.replace(/^\/+/, '');
      return name.startsWith(prefix) && name.slice(prefix.length).search(from) >= 0;
    });
  }
  const bare = prefix + from.replace(/^\/+/, '');
  return [bare, `/${bare}`].find((key) => source.has(key));
}

/**
 * Compares shapes: the second half of a plan.
 * @param infos of each pair what the source holds.
 */
export function matchShapes(
  { pairs, facts }: Matching,
  infos: readonly ArrayInfo[],
  { byClass }: MatchOptions,
): { steps: PlanStep[]; report: MatchReport } {
  const steps: PlanStep[] = [];
  let scalars = 0;
  for (const [i, { entry, key, transform }] of pairs.entries()) {
    const info = infos[i]!;
    const name = `/${entry.key}`;
    // Chainer's None: the value was not there when the file was written.
    if (info.dtype === 'object-null') {
      facts.kept.push(name);
      continue;
    }
    const layout = transform === undefined ? null : transform(info.shape);
    const shape = transform === undefined ? info.shape : layout?.shape;
    if (shape !== undefined && fits(shape, entry.shape)) {
      facts.copied.push(name);
      scalars += info.shape.reduce((a, b) => a * b, 1);
      if (entry.kind === 'parameter' && entry.read() === null) facts.initialized.push(name);
      steps.push({ entry, key, info, layout, rows: null });
      continue;
    }
    const shared = shape && byClass && layout === null ? sharedRows(byClass, shape, entry) : null;
    if (shared === null) {
      facts.mismatched.push({ name, src: info.shape, dst: entry.shape ?? [] });
      continue;
    }
    facts.partial.push({ name, classes: shared.classes });
    scalars += shared.rows.length * shape!.slice(1).reduce((a, b) => a * b, 1);
    steps.push({ entry, key, info, layout: null, rows: shared.rows });
  }
  return { steps, report: { ...facts, scalars, summary: (most) => summarize({ ...facts, scalars }, most) } };
}

/** Whether an array of a shape can take the place of a value whose shape may have open dimensions (null). */
export const fits = (shape: readonly number[], wanted: readonly (number | null)[] | null): boolean =>
  wanted === null ||
  (shape.length === wanted.length && wanted.every((dim, i) => dim === null || dim === shape[i]));

/** Rows of the first axis to copy, or null where the sizes are not classes * boxes. */
function sharedRows(
  { src, dst, background = true }: ClassRows,
  from: readonly number[],
  entry: SerialEntry,
): { classes: string[]; rows: [number, number][] } | null {
  const to = entry.shape;
  // Rows are put among values, which must be there.
  if (entry.kind !== 'parameter' || to === null || entry.read() === null) return null;
  const extra = background ? 1 : 0;
  const [n, m] = [src.length + extra, dst.length + extra];
  const boxes = from[0]! / n;
  const sameRest = from.length === to.length && from.slice(1).every((d, i) => d === to[i + 1]);
  if (!sameRest || !Number.isInteger(boxes) || to[0] !== boxes * m) return null;
  const classes = dst.filter((name) => src.includes(name));
  const rows: [number, number][] = [];
  for (let box = 0; box < boxes; box++) {
    if (background) rows.push([box * n, box * m]);
    for (const name of classes) {
      rows.push([box * n + extra + src.indexOf(name), box * m + extra + dst.indexOf(name)]);
    }
  }
  return { classes, rows };
}

/** What a plan must fulfil. */
export interface PlanOptions extends MatchOptions {
  /** Whether the source must have all that the model has, and may have more: Chainer's rule for `copyparams`. */
  readonly complete?: boolean;
}

/**
 * Refuses a plan that the options do not allow.
 * @throws MismatchError; NothingToDoError when nothing would be copied.
 */
export function refuse(
  file: string,
  report: MatchReport,
  { match, onMismatch, names, at, complete = false }: PlanOptions,
): void {
  const { copied, partial, mismatched, missingInSrc, unusedInSrc, kept } = report;
  if (mismatched.length > 0 && onMismatch === 'throw') {
    const advice = "Build the model with the same sizes, or pass onMismatch: 'skip' to copy what fits.";
    throw new MismatchError(file, report, advice);
  }
  if (complete) {
    if (missingInSrc.length > 0) throw new MismatchError(file, report, 'Both must have the same structure.');
    return;
  }
  if (match === 'exact' && missingInSrc.length + unusedInSrc.length > 0) {
    const advice =
      "Pass match: 'common' to copy what both have, leave names out with ignore, or map them with names or rename.";
    throw new MismatchError(file, report, advice);
  }
  // A file that holds None for all that the model has is a file of this model.
  const sameModel = kept.length > 0 && missingInSrc.length + mismatched.length === 0;
  if (copied.length + partial.length === 0 && !sameModel) {
    const hint =
      names === undefined && at === undefined
        ? "Have the names another prefix, or are they another framework's? See rename, at and names."
        : 'Do the options names, at and rename fit this file?';
    throw new NothingToDoError(`${file}: nothing would be copied. ${report.summary(4)}\n${hint}`, report);
  }
}

const shapeText = (shape: readonly (number | null)[]) => `(${shape.map((n) => n ?? '?').join(', ')})`;

function summarize(report: Omit<MatchReport, 'summary'>, most = Number.POSITIVE_INFINITY): string {
  const { copied, mismatched, partial, missingInSrc, unusedInSrc, ignored, kept, scalars } = report;
  const list = (title: string, names: readonly string[]) =>
    names.length === 0
      ? []
      : [
          `${title} ${names.length}:`,
          ...names.slice(0, most).map((name) => `  ${name}`),
          ...(names.length > most ? [`  and ${names.length - most} more`] : []),
        ];
  return [
    `copied ${copied.length} (${scalars.toLocaleString('en-US')} values)`,
    ...list(
      'copied in part',
      partial.map(({ name, classes }) => {
        const more = classes.length > most ? ` and ${classes.length - most} more` : '';
        return `${name}  classes ${classes.slice(0, most).join(', ')}${more}`;
      }),
    ),
    ...list(
      'shapes differ',
      mismatched.map(
        ({ name, src, dst }) => `${name}  source ${shapeText(src)}, destination ${shapeText(dst)}`,
      ),
    ),
    ...list('not in the source', missingInSrc),
    ...list('in the source only', unusedInSrc),
    ...list('ignored', ignored),
    ...list('kept', kept),
  ].join('\n');
}
