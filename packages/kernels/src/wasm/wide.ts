/**
 * Compiles the binary for registers of 256 bits: V8 has a pass that pairs operations on 128 bits, which it leaves out unless told. The
 * binary is one of its own, whose tiles fill those registers. It is compiled whole, and by the optimizing compiler alone.
 */
import { nodeModule } from '../node.ts';
import { type Binary, embedded } from './binaries.ts';
import { compileWith, settableV8 } from './v8-flags.ts';

/**
 * V8's flags while the binary is compiled: the pass is on. Code of the first, quick compiler is never paired, and is replaced function by
 * function, only where it runs often.
 */
const wanted = [
  '--experimental-wasm-revectorize',
  '--no-liftoff',
  '--no-wasm-dynamic-tiering',
  '--no-wasm-lazy-compilation',
] as const;

/**
 * The one V8 in which this holds, Node 24's: those before have no such pass, or were not tried. V8 14.6 (Node 26) aborts the process, as a
 * check of the feedback fails that the quick compiler's code would have gathered for inlining ("function_feedback != ...end()").
 */
const V8 = 13;

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/**
 * What sets the wanted flags back.
 *
 * @param help what V8 prints of its flags: a line of each name, and the next with its value.
 * @returns null where V8 lacks one.
 */
export function flagsOf(help: string): string[] | null {
  const now: string[] = [];
  for (const flag of wanted) {
    const name = flag.replace(/^--(no-)?/, '');
    const value = new RegExp(`^ *--${name} .*\\n *type: bool +default: (--(?:no-)?${name})$`, 'm').exec(help);
    if (value === null) return null;
    now.push(value[1]!);
  }
  return now;
}

/** V8's flags as this process was started with them, by a process that prints them. @returns why not. */
function currentFlags(): string[] | string {
  const child = nodeModule<typeof import('node:child_process')>('node:child_process')!;
  try {
    const help = child.execFileSync(process.execPath, [...process.execArgv.filter(isOfV8), '--v8-options'], {
      // Electron is Node only when it is told so.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 2 ** 24,
      timeout: 60_000,
    });
    return flagsOf(help) ?? `V8 ${process.versions.v8} has no ${wanted[0]}`;
  } catch (error) {
    return `V8's flags are not told (${messageOf(error)})`;
  }
}

const isOfV8 = (argument: string) => wanted.some((flag) => argument.endsWith(flag.replace(/^--(no-)?/, '')));

/**
 * The binary whose operations on 128 bits are paired where V8 finds two alike.
 *
 * @param shared whether the memory it will be given is shared.
 * @returns why this engine cannot.
 */
export async function compileWide(shared: boolean): Promise<Binary | string> {
  const version = settableV8();
  if (version === null)
    return 'only in Node can V8 be told to; start Chromium with --js-flags=--experimental-wasm-revectorize';
  if (version !== V8)
    return `only V8 ${V8}, of Node 24, does so reliably, and this is V8 ${process.versions.v8}`;
  if (process.arch !== 'x64') return `V8 does so on x64 only, and this is ${process.arch}`;
  const before = currentFlags();
  if (typeof before === 'string') return before;
  const { wide } = await import('#node-binaries');
  try {
    return { module: compileWith(wanted, before, embedded(wide, shared)), relaxed: true, wide: true };
  } catch (error) {
    return `V8 refuses (${messageOf(error)})`;
  }
}
