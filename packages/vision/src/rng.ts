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

/** `size` of the items, in random order, each once; with `replace` each as often as it is drawn. */
export function sample(rng: Rng, items: Iterable<number>, size: number, replace = false): number[] {
  const left = [...items];
  return Array.from({ length: size }, (_, i) => {
    if (replace) return choice(rng, left);
    const at = i + rng.integer(left.length - i);
    [left[i], left[at]] = [left[at]!, left[i]!];
    return left[i]!;
  });
}
