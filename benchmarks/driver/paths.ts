/** Where things are. */
import { fileURLToPath } from 'node:url';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export const root = path('../../');
export const benchmarks = path('../');
/** Bundles, prepared files, results of single runs: not committed. */
export const build = path('../build/');
export const files = path('../build/files/');
export const results = path('../results/');
