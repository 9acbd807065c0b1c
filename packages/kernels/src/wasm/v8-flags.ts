/**
 * V8's flags, which hold for the whole process. They are set for the moment in which a binary is compiled, and then set back: other modules
 * are compiled as ever, and other threads get the code that is there.
 */
import { nodeModule } from '../node.ts';

/** The major version of this engine's V8; null where its flags cannot be set. */
export function settableV8(): number | null {
  const v8 = nodeModule<typeof import('node:v8')>('node:v8');
  return typeof v8?.setFlagsFromString === 'function' && process.versions.v8 !== undefined
    ? Number.parseInt(process.versions.v8, 10)
    : null;
}

/**
 * Compiles a binary with V8's flags set. Not asynchronously: nothing else may be compiled meanwhile.
 *
 * @param before what sets them back.
 * @throws CompileError when V8 refuses the binary.
 */
export function compileWith(
  flags: readonly string[],
  before: readonly string[],
  bytes: Uint8Array<ArrayBuffer>,
): WebAssembly.Module {
  const v8 = nodeModule<typeof import('node:v8')>('node:v8')!;
  try {
    for (const flag of flags) v8.setFlagsFromString(flag);
    return new WebAssembly.Module(bytes);
  } finally {
    for (const flag of before) v8.setFlagsFromString(flag);
  }
}
