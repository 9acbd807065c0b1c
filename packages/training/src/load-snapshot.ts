import { checkOptions, listNames, type NameFilter, transferParams } from '@chaingrad/core';
import { openWeights, type WeightFile, type WeightSource } from '@chaingrad/weights';
import { formatDuration, formatG } from './format.ts';
import type { Trainer } from './trainer.ts';

export interface LoadSnapshotOptions {
  /** Names in the snapshot to leave alone, e.g. '/hyperparameters/optimizer:main/lr' to go on with another rate. */
  readonly ignore?: NameFilter;
}

/** Where training goes on, and what did not fit. */
export interface ResumeReport {
  readonly file: string;
  readonly iteration: number;
  readonly epochDetail: number;
  /** Seconds of training before. */
  readonly elapsedTime: number;
  /** What the trainer has and the snapshot lacks, e.g. of an extension that is new: it begins anew. */
  readonly missing: readonly string[];
  /** What the snapshot has and the trainer does not take. */
  readonly unused: readonly string[];
  /** Hyperparameters that the program set otherwise than the snapshot, whose values count. */
  readonly changed: readonly {
    readonly name: string;
    readonly program: unknown;
    readonly snapshot: unknown;
  }[];
  /** A few readable lines. */
  summary(): string;
}

/** Only these must fit in every name: without them training would be another. */
const essential = 'updater/';

/**
 * Puts a trainer where it was when a snapshot was written. Models, optimizers and iterators must fit exactly; an extension
 * may be new or gone. Call it before `run`, or let `snapshot({ autoload: true })` do it.
 * @param source a path (Node), an address, a Blob or bytes.
 * @throws MismatchError when it does not fit, FormatError when it is damaged: then nothing was changed.
 */
export async function loadSnapshot(
  source: WeightSource,
  trainer: Trainer,
  options: LoadSnapshotOptions = {},
): Promise<ResumeReport> {
  const { ignore = [] } = checkOptions(
    'loadSnapshot',
    options,
    { ignore: 'any' },
    { ignoreNames: 'ignore', ignore_names: 'ignore' },
  );
  await using file = await openWeights(source, { format: 'npz' });
  return await restore(file, trainer, ignore);
}

/** As `loadSnapshot`, from the opened file. */
async function restore(file: WeightFile, trainer: Trainer, ignore: NameFilter = []): Promise<ResumeReport> {
  const entries = new Map([...trainer.serialEntries()].map((entry) => [entry.key, entry]));
  const onOneSide = (path: string) => {
    const key = path.slice(1);
    return !key.startsWith(essential) && !(entries.has(key) && file.has(key));
  };
  const before = new Map(
    [...entries]
      .filter(([key]) => key.startsWith('hyperparameters/'))
      .map(([key, entry]) => [key, entry.read()]),
  );
  const { copied } = await transferParams(file, trainer, {
    match: 'exact',
    onMismatch: 'throw',
    ignore: [ignore, onOneSide],
  });
  const done = new Set(copied.map((path) => path.slice(1)));
  const changed = [...before]
    .map(([key, program]) => ({ name: key, program, snapshot: entries.get(key)!.read() }))
    .filter(({ name: key, program, snapshot }) => done.has(key) && program !== snapshot);
  const { iteration, epochDetail } = trainer.updater;
  // A name without a value, e.g. the momentum of a frozen parameter, is nothing to use.
  const left = file.keys().filter((key) => !done.has(key));
  const infos = await Promise.all(left.map((key) => file.info(key)));
  const facts = {
    file: file.file,
    iteration,
    epochDetail,
    elapsedTime: trainer.elapsedTime,
    missing: [...entries.keys()].filter((key) => !file.has(key)),
    unused: left.filter((_, i) => infos[i]!.dtype !== 'object-null'),
    changed,
  };
  return { ...facts, summary: () => summarize(facts) };
}

/** What is configured for many parameters would be a long line. */
const short = (value: unknown): string => {
  const text = String(value);
  return text.length <= 160 ? text : `${text.slice(0, 157)}...`;
};

function summarize(report: Omit<ResumeReport, 'summary'>): string {
  const { file, iteration, epochDetail, elapsedTime, missing, unused, changed } = report;
  return [
    `Resumed from ${file}: iteration ${iteration}, epoch ${formatG(epochDetail)}, ${formatDuration(elapsedTime)} of training.`,
    ...changed.map(
      ({ name, program, snapshot }) =>
        `  ${name} is ${short(snapshot)}, as in the snapshot, not ${short(program)}.`,
    ),
    ...(missing.length === 0 ? [] : [`  Not in the snapshot, begins anew: ${listNames(missing, 8)}`]),
    ...(unused.length === 0 ? [] : [`  Only in the snapshot, not used: ${listNames(unused, 8)}`]),
  ].join('\n');
}
