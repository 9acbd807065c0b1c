/** Sizes that are numbers, or that follow the size of an input and so differ from trace to trace. */

/** A size that is not the same for all inputs: what it was in each trace. */
export class Varying {
  constructor(readonly values: readonly number[]) {}

  toString(): string {
    return `{${this.values.join(' | ')}}`;
  }
}

export type Dim = number | Varying;

export const dimOf = (values: readonly number[]): Dim =>
  values.every((value) => value === values[0]) ? values[0]! : new Varying(values);

export const sameDim = (a: Dim, b: Dim): boolean =>
  a instanceof Varying
    ? b instanceof Varying && a.values.every((value, i) => value === b.values[i])
    : a === b;

export const sameShape = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((dim, i) => sameDim(dim, b[i]!));

export const isFixed = (dims: readonly Dim[]): dims is number[] =>
  dims.every((dim) => typeof dim === 'number');

/** What a size was in trace `i`. */
export const inTrace = (dim: Dim, i: number): number => (dim instanceof Varying ? dim.values[i]! : dim);

/** The product, trace by trace. */
export function product(dims: readonly Dim[]): Dim {
  const varying = dims.filter((dim) => dim instanceof Varying);
  const count = varying[0]?.values.length ?? 1;
  return dimOf(
    Array.from({ length: count }, (_, i) => dims.reduce<number>((all, dim) => all * inTrace(dim, i), 1)),
  );
}

/** -1, 0 or 1 where `a` is smaller, equal or larger in every trace; null where the traces disagree. */
export function compareDims(a: Dim, b: Dim): number | null {
  const count = Math.max(...[a, b].map((dim) => (dim instanceof Varying ? dim.values.length : 1)));
  const signs = Array.from({ length: count }, (_, i) => Math.sign(inTrace(a, i) - inTrace(b, i)));
  return signs.every((sign) => sign === signs[0]) ? signs[0]! : null;
}

export const shapeText = (shape: readonly Dim[]): string => `(${shape.join(', ')})`;
