/** The multiple of `divisor` next to `value`, at least `least`, and never less than nine tenths of `value`. */
export function makeDivisible(value: number, divisor: number, least = divisor): number {
  const rounded = Math.max(least, Math.floor(Math.floor(value + divisor / 2) / divisor) * divisor);
  return rounded < 0.9 * value ? rounded + divisor : rounded;
}
