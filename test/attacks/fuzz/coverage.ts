/** Fuzzing that is led by coverage: what reaches code that nothing has reached before is damaged further. */
import { Session } from 'node:inspector';
import { ChaingradError } from '@chaingrad/core';
import { generator, mutate } from '../../weights/fuzz/mutate.ts';
import type { FuzzTarget } from '../../weights/fuzz/targets.ts';

export interface Findings {
  readonly name: string;
  inputs: number;
  refused: number;
  /** Inputs that reached something new, seeds included. */
  corpus: Uint8Array<ArrayBuffer>[];
  /** Blocks of the packages' sources that were reached, each with a magnitude of how often. */
  reached: number;
  /** Inputs that ended in anything else than values or an error of ours. */
  failures: { input: Uint8Array<ArrayBuffer>; error: unknown }[];
  slowest: number;
}

/** How many inputs run between two looks at the coverage, which take longer than an input. */
const batch = 16;

/** What V8 counts of the sources of the packages: blocks, by how often they ran (1, 2, 4, 8, ...). */
class Coverage implements Disposable {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  get size(): number {
    return this.#seen.size;
  }

  /** What has run since the last time. */
  take(): string[] {
    const blocks: string[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, found) => {
      if (error !== null) throw error;
      for (const { url, functions } of found.result) {
        if (!url.includes('/packages/')) continue;
        for (const { ranges } of functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            if (count > 0) blocks.push(`${url}:${startOffset}-${endOffset}*${Math.floor(Math.log2(count))}`);
          }
        }
      }
    });
    return blocks;
  }

  /** Those of blocks that were never taken before. */
  news(blocks: readonly string[]): Set<string> {
    const fresh = new Set(blocks.filter((block) => !this.#seen.has(block)));
    for (const block of fresh) this.#seen.add(block);
    return fresh;
  }

  [Symbol.dispose](): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}

/**
 * Reads damaged files until there were so many, or the time is over. The same inputs come for the same seed and corpus.
 * @param corpus inputs of earlier runs to begin with, beside the target's seeds.
 */
export async function fuzzByCoverage(
  target: FuzzTarget,
  {
    inputs = Number.POSITIVE_INFINITY,
    seconds = Number.POSITIVE_INFINITY,
    seed = 1,
    corpus = [] as readonly Uint8Array<ArrayBuffer>[],
  },
): Promise<Findings> {
  const found: Findings = {
    name: target.name,
    inputs: 0,
    refused: 0,
    corpus: [...target.seeds, ...corpus],
    reached: 0,
    failures: [],
    slowest: 0,
  };
  const end = performance.now() + 1000 * seconds;
  const random = generator(seed * 2654435761);
  const any = () => found.corpus[Math.floor(random() * found.corpus.length)]!;
  const damaged = () => {
    const file = any();
    try {
      return target.damage(file, random, any());
    } catch {
      // An archive that is damaged itself cannot be opened to damage what is in it.
      return mutate(file, random, any());
    }
  };
  const read = async (input: Uint8Array<ArrayBuffer>) => {
    found.inputs++;
    const start = performance.now();
    try {
      await target.read(input);
    } catch (error) {
      if (error instanceof ChaingradError) found.refused++;
      else found.failures.push({ input, error });
    }
    found.slowest = Math.max(found.slowest, performance.now() - start);
  };
  using coverage = new Coverage();
  for (const input of found.corpus) await read(input);
  coverage.news(coverage.take());
  while (found.inputs < inputs && performance.now() < end) {
    const tried = Array.from({ length: batch }, damaged);
    for (const input of tried) await read(input);
    const fresh = coverage.news(coverage.take());
    if (fresh.size === 0) continue;
    // Which of them it was shows when they run one by one; counts of several together may be of none alone.
    for (const input of tried) {
      await target.read(input).catch(() => {});
      const own = coverage.take();
      coverage.news(own);
      if (own.some((block) => fresh.has(block))) found.corpus.push(input);
      for (const block of own) fresh.delete(block);
      if (fresh.size === 0) break;
    }
    coverage.take();
  }
  found.reached = coverage.size;
  return found;
}
