/** Medians and spread over processes. */

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

export interface Spread {
  /** Median of the processes' medians. */
  readonly median: number;
  /** Median of the fastest process: libraries have slow and fast modes, a process long. */
  readonly best: number;
  readonly min: number;
  readonly max: number;
}

/** @param processes the runs of each process. */
export function spread(processes: readonly (readonly number[])[]): Spread {
  const medians = processes.map(median);
  const all = processes.flat();
  return {
    median: median(medians),
    best: Math.min(...medians),
    min: Math.min(...all),
    max: Math.max(...all),
  };
}

/** The largest difference of two sides' outputs, in parts of the largest value. */
export function relativeDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  if (a.length !== b.length || a.some((data, i) => data.length !== b[i]!.length)) return Number.NaN;
  return Math.max(
    ...a.map((data, i) => {
      let largest = 0;
      let difference = 0;
      for (let k = 0; k < data.length; k++) {
        largest = Math.max(largest, Math.abs(b[i]![k]!));
        difference = Math.max(difference, Math.abs(data[k]! - b[i]![k]!));
      }
      return difference / largest;
    }),
  );
}
