/** Programs of TypeScript that tests run in processes of their own, from the packages' sources. */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BOUNDS_FILE } from './bounds-file.ts';
import { HANG } from './hang.ts';

/** What `node` must be told to run TypeScript on the packages' sources, whatever folder it runs in. */
export const sourceFlags: readonly string[] = [
  ...['--import', createRequire(import.meta.url).resolve('tsx')],
  '--conditions=chaingrad-source',
  ...(process.env[BOUNDS_FILE] === undefined
    ? []
    : ['--import', new URL('bounds-child.mjs', import.meta.url).href]),
];

export interface ProgramOptions {
  /** Options of `node` itself. */
  readonly flags?: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end. @returns what it printed on stdout. It throws where the exit code is not 0. */
export async function runProgram(
  program: URL,
  args: readonly string[] = [],
  { flags = [], env = {}, ...options }: ProgramOptions = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...sourceFlags, ...flags, fileURLToPath(program), ...args],
    { ...options, env: { ...process.env, ...env }, maxBuffer: 2 ** 26, timeout: HANG },
  );
  return stdout;
}
