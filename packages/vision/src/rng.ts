/** The random numbers that the transforms draw. `Random` of `@chaingrad/core` is one; tests replay recorded draws. */
export interface Rng {
  /** Uniform in [lo, hi). */
  uniform(lo: number, hi: number): number;
  /** A uniform integer in [0, n). */
  integer(n: number): number;
  /** A standard normal number. */
  normal(): number;
}

/** A uniform integer in [lo, hi], both ends included. */
export const integerBetween = (rng: Rng, lo: number, hi: number): number => lo + rng.integer(hi - lo + 1);

/** One of `items`, each as likely. */
export const choice = <T>(rng: Rng, items: readonly T[]): T => items[rng.integer(items.length)]!;
