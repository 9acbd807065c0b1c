/** What is wrong with the files of a dataset, and what the caller wants done about it. */
import { VisionError } from '../errors.ts';

/**
 * `annotation`: cannot be read; `image`: missing or broken; `size`: the image is not as large as its annotation says;
 * `box`: without area or not inside the image; `label`: not among the names; `empty`: nothing is annotated; `duplicate`: there twice.
 */
export type DatasetProblemKind = 'annotation' | 'image' | 'size' | 'box' | 'label' | 'empty' | 'duplicate';

/** One thing wrong in one file. */
export interface DatasetProblem {
  readonly kind: DatasetProblemKind;
  /** Path of the file, from the folder of the dataset. */
  readonly file: string;
  /** What was expected and what was found. */
  readonly message: string;
  /** What becomes of it when it is skipped. */
  readonly skipped?: string | undefined;
}

/** What to do about a problem: an error at once, or leave out what is concerned (a box, or the whole image) and go on. */
export type ProblemPolicy = 'refuse' | 'skip' | ((problem: DatasetProblem) => 'refuse' | 'skip');

/** A file of a dataset cannot be used, and the caller chose to refuse that. */
export class DatasetError extends VisionError {
  constructor(
    readonly dataset: string,
    readonly problem: DatasetProblem,
  ) {
    super(
      `${dataset}: ${problem.file}: ${problem.message} (${problem.kind}). Mend the file, or pass onProblem: 'skip'.`,
    );
  }
}

/** Collects problems, or throws the first that is refused. */
export class ProblemLog {
  readonly problems: DatasetProblem[] = [];

  constructor(
    readonly dataset: string,
    readonly policy: ProblemPolicy,
  ) {}

  /** An empty log of the same dataset. */
  withPolicy(policy: ProblemPolicy): ProblemLog {
    return new ProblemLog(this.dataset, policy);
  }

  /** A log that goes on from this one. */
  continued(): ProblemLog {
    const log = this.withPolicy(this.policy);
    for (const problem of this.problems) log.problems.push(problem);
    return log;
  }

  /** @throws DatasetError when the policy refuses it. */
  add(kind: DatasetProblemKind, file: string, message: string, skipped?: string): void {
    const problem = { kind, file, message, skipped };
    const verdict = typeof this.policy === 'function' ? this.policy(problem) : this.policy;
    if (verdict === 'refuse') throw new DatasetError(this.dataset, problem);
    this.problems.push(problem);
  }
}

/** Problems for people: the number of each kind, then a line each, at most `limit`. Empty without problems. */
export function describeProblems(problems: readonly DatasetProblem[], limit = 10): string {
  if (problems.length === 0) return '';
  const counts = new Map<string, number>();
  for (const { kind } of problems) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const head = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
  const lines = problems
    .slice(0, limit)
    .map(
      ({ kind, file, message, skipped }) =>
        `  ${file}: ${message}${skipped === undefined ? '' : `; ${skipped}`} (${kind})`,
    );
  if (problems.length > limit) lines.push(`  and ${problems.length - limit} more`);
  return [`skipped: ${head}`, ...lines].join('\n');
}
