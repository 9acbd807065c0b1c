/** What the processor can do, in Node. */
import { readFileSync } from 'node:fs';

const widest = [
  ['AVX-512', /\bavx512f\b/],
  ['AVX2', /\bavx2\b/],
  ['NEON', /\basimd\b/],
] as const;

/** The widest vector instructions of the processor; undefined where Linux does not tell. */
export function instructions(): string | undefined {
  try {
    const flags = readFileSync('/proc/cpuinfo', 'utf8');
    return widest.find(([, flag]) => flag.test(flags))?.[0];
  } catch {
    return undefined;
  }
}
