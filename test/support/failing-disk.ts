/** A disk that fails at its n-th operation, as the tests of SQLite have it. */
import fs, { type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * How it fails: at once; after half of what was to be written; for want of room, from then on; or as the process stops there for
 * ever.
 */
export type Way = 'throws' | 'tears' | 'fills' | 'stops';
export const ways = ['throws', 'tears', 'fills', 'stops'] as const satisfies readonly Way[];

/** A process that has been stopped does nothing any more. */
export class Stopped extends Error {}

type Operation = (...args: unknown[]) => Promise<unknown>;

const ofFiles = ['writeFile', 'rename', 'rm', 'mkdir', 'link', 'open'] as const;
const ofHandles = ['write', 'writeFile', 'truncate', 'sync'] as const;
const writing: readonly string[] = ['write', 'writeFile'];

/**
 * Runs `work` on a disk whose n-th operation that changes something fails.
 * @returns whether there were so many, and what `work` was rejected with.
 */
export async function onFailingDisk(
  n: number,
  way: Way,
  work: () => Promise<unknown>,
): Promise<{ failed: boolean; error: unknown }> {
  let count = 0;
  let failed = false;
  const failing =
    (name: string, operation: Operation): Operation =>
    async (...args) => {
      if (failed && way === 'stops') throw new Stopped();
      const isFull = failed && way === 'fills' && writing.includes(name);
      if (count++ !== n && !isFull) return operation(...args);
      failed = true;
      if (way === 'stops') throw new Stopped();
      if (way !== 'throws' && writing.includes(name)) await half(name, operation, args);
      throw Object.assign(new Error('injected'), { code: way === 'fills' ? 'ENOSPC' : 'EIO' });
    };
  const disk = fs as unknown as Record<string, Operation>;
  const originals = ofFiles.map((name) => disk[name]!);
  for (const [i, name] of ofFiles.entries()) {
    const changed = failing(name, originals[i]!);
    disk[name] = name === 'open' ? opened(originals[i]!, changed, failing) : changed;
  }
  let error: unknown;
  try {
    await work();
  } catch (reason) {
    error = reason;
  } finally {
    for (const [i, name] of ofFiles.entries()) disk[name] = originals[i]!;
  }
  return { failed, error };
}

/** Opening for reading changes nothing; what is opened for writing fails in its own operations, too. */
const opened =
  (
    original: Operation,
    changed: Operation,
    failing: (name: string, operation: Operation) => Operation,
  ): Operation =>
  async (path, flags = 'r', ...more) => {
    if (flags === 'r' || typeof flags === 'number') return original(path, flags, ...more);
    const handle = (await changed(path, flags, ...more)) as FileHandle;
    const methods = handle as unknown as Record<string, Operation>;
    for (const name of ofHandles) methods[name] = failing(name, methods[name]!.bind(handle));
    return handle;
  };

/** The first half of what was to be written. */
async function half(name: string, operation: Operation, args: unknown[]): Promise<void> {
  if (name === 'write') {
    const [bytes, offset, length, at] = args as [Uint8Array, number, number, number];
    await operation(bytes, offset, Math.floor(length / 2), at);
  } else {
    const [path, content] = args as [unknown, string | Uint8Array];
    if (typeof content === 'string' || content instanceof Uint8Array)
      await operation(path, content.slice(0, Math.floor(content.length / 2)));
  }
}

export interface FaultCase<S> {
  /** Makes the state from which `work` starts, in an empty folder. */
  before(folder: string): Promise<unknown>;
  work(folder: string): Promise<unknown>;
  /** Looks at the folder after the failure. @throws when it is neither as before nor as after, nor what a stop may leave. */
  look(folder: string, state: S): Promise<void>;
  /** Looks at it after `work` was done once more. */
  again?(folder: string): Promise<unknown>;
}

export interface FaultState {
  readonly n: number;
  readonly way: Way;
  readonly error: unknown;
}

/**
 * Lets every operation of `work` fail, one after the other, in a way; each time looks at what is left, and does it again.
 * @param some only every so many of them, from the first one on.
 * @returns how many operations there are, or a few more where not every one fails.
 */
export async function everyFault(
  way: Way,
  { before, work, look, again }: FaultCase<FaultState>,
  some = { first: 0, every: 1 },
): Promise<number> {
  for (let n = some.first; ; n += some.every) {
    const folder = await fs.mkdtemp(join(tmpdir(), 'chaingrad-faults-'));
    try {
      await before(folder);
      const { failed, error } = await onFailingDisk(n, way, () => work(folder));
      if (!failed && error !== undefined) throw error;
      try {
        await look(folder, { n, way, error });
        if (!failed) return n;
        await work(folder);
        await again?.(folder);
      } catch (problem) {
        throw new Error(`operation ${n} ${way}: ${(problem as Error).message}`, { cause: problem });
      }
    } finally {
      await fs.rm(folder, { recursive: true, force: true });
    }
  }
}
