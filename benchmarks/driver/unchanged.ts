/** Programs that we did not write, without our kernels and with them. */
import type { CaseResult } from './run.ts';
import { ms, Results } from './targets.ts';

export interface Unchanged {
  readonly title: string;
  readonly before: string;
  readonly after: string;
  /** Their fastest process over our median one. */
  readonly quotient: number;
  /** Largest difference of the outputs, in parts of the largest. */
  readonly difference: number;
}

/** A row for each program that was measured both ways. */
export function unchangedPrograms(cases: readonly CaseResult[]): Unchanged[] {
  const results = new Results(cases);
  return cases.flatMap(({ case: { id, title, sides: names, unchanged }, sides }) => {
    const [with_, without] = names;
    if (unchanged !== true || with_ === undefined || without === undefined) return [];
    const [before, after] = [results.times(id, without), results.times(id, with_)];
    const difference = sides.find(({ side }) => side === with_)?.difference;
    if (before === null || after === null || difference === undefined) return [];
    const quotient = results.speedup(id, without, 'forward', with_)!;
    return [{ title, before: ms(before.median), after: ms(after.median), quotient, difference }];
  });
}
