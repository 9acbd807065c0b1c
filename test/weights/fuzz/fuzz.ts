import { FormatError } from '@chaingrad/core';
import { SourceError } from '@chaingrad/weights';
import { generator } from './mutate.ts';
import type { FuzzTarget } from './targets.ts';

export interface FuzzResult {
  accepted: number;
  refused: number;
  /** Inputs that ended in anything else than values or a FormatError. */
  failures: { seed: number; error: unknown }[];
  slowest: { seed: number; milliseconds: number };
  /** The most bytes of values that came out of one input. */
  largest: number;
}

/** Reads `count` damaged files; the file number i depends on `seed + i` alone. */
export async function fuzz(target: FuzzTarget, count: number, seed: number): Promise<FuzzResult> {
  const result: FuzzResult = {
    accepted: 0,
    refused: 0,
    failures: [],
    slowest: { seed, milliseconds: 0 },
    largest: 0,
  };
  for (let i = 0; i < count; i++) {
    const random = generator((seed + i) * 2654435761);
    const { seeds } = target;
    const file = seeds[Math.floor(random() * seeds.length)]!;
    const bytes = target.damage(file, random, seeds[Math.floor(random() * seeds.length)]);
    const start = performance.now();
    try {
      result.largest = Math.max(result.largest, await target.read(bytes));
      result.accepted++;
    } catch (error) {
      // A file that is cut off under a declared range is the source's fault, not the format's.
      if (error instanceof FormatError || error instanceof SourceError) result.refused++;
      else result.failures.push({ seed: seed + i, error });
    }
    const milliseconds = performance.now() - start;
    if (milliseconds > result.slowest.milliseconds) result.slowest = { seed: seed + i, milliseconds };
  }
  return result;
}
