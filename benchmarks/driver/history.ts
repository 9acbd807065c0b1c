/** What is kept of each run: a small file, committed, so that results stay comparable after results.json is replaced. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Task } from '../measure.ts';
import type { SideName } from '../sides/side.ts';
import type { Engine } from './cases.ts';
import type { Machine } from './machine.ts';
import { root } from './paths.ts';
import type { Report } from './report.ts';
import { Results, type Target, targets } from './targets.ts';

/** Milliseconds, to four digits: as `Spread`, and the computing time. */
export interface HistoryTimes {
  readonly median: number;
  readonly best: number;
  readonly min: number;
  readonly max: number;
  readonly cpu?: number;
}

export interface HistorySide {
  readonly code?: string;
  readonly tasks: Partial<Record<Task, HistoryTimes>>;
  readonly peakMiB?: number;
  /** Milliseconds of each layer alone. */
  readonly layers?: Readonly<Record<string, number>>;
}

export interface HistoryCase {
  readonly id: string;
  readonly title: string;
  readonly engine: Engine;
  /** With its version, as it names itself. */
  readonly engineVersion?: string;
  readonly threads: number;
  readonly batch: number;
  readonly processes: number;
  readonly load: readonly [before: number, after: number];
  readonly sides: Partial<Record<SideName, HistorySide>>;
}

/** A commit, by its first digits, and whether files were changed that are not in it. */
export interface Revision {
  readonly commit: string;
  readonly changed: boolean;
}

export interface HistoryTarget extends Pick<Target, 'what' | 'wanted' | 'bound' | 'unit'> {
  readonly got: number;
}

/** One run: the cases that were measured in it, and no others. */
export interface HistoryEntry extends Partial<Revision> {
  /** When the first case ended. */
  readonly date: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  /** What was wanted then, and what came out. */
  readonly targets: readonly HistoryTarget[];
  readonly cases: readonly HistoryCase[];
}

const digits = (value: number) => Number(value.toPrecision(4));

/** What is checked out; null where there is no git, as in a downloaded archive. */
export function revision(): Revision | null {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changes = git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!benchmarks/results');
    return { commit: git('rev-parse', '--short=10', 'HEAD'), changed: changes !== '' };
  } catch {
    return null;
  }
}

/** @param report a run, with the cases that were measured in it. */
export function historyEntry({ machine, versions, cases }: Report, at: Revision | null): HistoryEntry {
  const results = new Results(cases);
  return {
    date: cases.map(({ date }) => date).sort()[0]!,
    ...at,
    ...{ machine, versions },
    targets: targets(results, machine.cpu).flatMap(({ what, wanted, bound, unit, got }) =>
      got === null ? [] : [{ what, wanted, bound, unit, got: digits(got) }],
    ),
    cases: cases.map(({ case: one, sides, load }) => {
      const { id, title, engine, threads, batch, processes, tasks } = one;
      const measured = sides.filter((side) => side.processes.length > 0);
      const engineVersion = measured.find(({ side }) => side !== 'pytorch')?.processes[0]?.engine;
      const kept = measured.map((side): [SideName, HistorySide] => {
        const { code, layers } = side.processes[0]!;
        const peak = results.peak(id, side.side);
        const sum = layers?.reduce((total, layer) => total + layer.count * layer.ms, 0);
        const times = tasks.flatMap((task): [Task, HistoryTimes][] => {
          // Layers alone have no runs of the whole: their sum is told.
          const spread =
            task === 'layers' && sum !== undefined
              ? { median: sum, best: sum, min: sum, max: sum }
              : results.times(id, side.side, task);
          if (spread === null) return [];
          const cpu = results.cpu(id, side.side, task);
          const { median, best, min, max } = spread;
          const rounded = { median: digits(median), best: digits(best), min: digits(min), max: digits(max) };
          return [[task, { ...rounded, ...(cpu !== null && { cpu: digits(cpu) }) }]];
        });
        return [
          side.side,
          {
            ...(code !== undefined && { code }),
            tasks: Object.fromEntries(times),
            ...(peak !== null && { peakMiB: Math.round(peak / 2 ** 20) }),
            ...(layers !== undefined && {
              layers: Object.fromEntries(layers.map(({ name, ms }) => [name, digits(ms)])),
            }),
          },
        ];
      });
      return {
        ...{ id, title, engine, ...(engineVersion !== undefined && { engineVersion }) },
        ...{ threads, batch, processes, load, sides: Object.fromEntries(kept) },
      };
    }),
  };
}

/** e.g. `2026-11-25-1303-amd-epyc.json` */
export function historyFile({ date, machine }: HistoryEntry): string {
  const cpu = machine.cpu
    .toLowerCase()
    .replace(/\((r|tm)\)/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${date.slice(0, 10)}-${date.slice(11, 16).replace(':', '')}-${cpu}.json`;
}

/** Writes an entry beside the others; the same run replaces its own. */
export function keep(folder: string, entry: HistoryEntry): void {
  mkdirSync(folder, { recursive: true });
  const { targets: wanted, cases, ...head } = entry;
  // A line for each target and case: small, and what differs between two runs can still be read.
  const lines = (items: readonly object[]) =>
    `[\n${items.map((item) => `  ${JSON.stringify(item)}`).join(',\n')}\n ]`;
  const text = `${JSON.stringify(head, null, 1).slice(0, -2)},\n "targets": ${lines(wanted)},\n "cases": ${lines(cases)}\n}`;
  writeFileSync(`${folder}${historyFile(entry)}`, `${text}\n`);
}

/** The entries of a folder, the oldest first. */
export function readHistory(folder: string): HistoryEntry[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name): HistoryEntry => JSON.parse(readFileSync(`${folder}${name}`, 'utf8')))
    .sort((a, b) => a.date.localeCompare(b.date));
}
