/** Numbers as text. */

const withoutZeros = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

/** Like C's `%g`: so many significant digits, trailing zeros dropped, an exponent for the very small and large. */
export function formatG(value: number, digits = 6): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < digits) return withoutZeros(value.toFixed(digits - 1 - power));
  return `${withoutZeros(mantissa)}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** Seconds as `1:02:03`, or `2 days, 1:02:03`. */
export function formatDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  const [days, hours] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24];
  const two = (n: number) => String(n % 60).padStart(2, '0');
  const clock = `${hours}:${two(Math.floor(whole / 60))}:${two(whole)}`;
  return days === 0 ? clock : `${days} day${days === 1 ? '' : 's'}, ${clock}`;
}
