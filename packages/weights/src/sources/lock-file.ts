/** Files that say who is at work in a place, so that two processes do not do the same there at once. */
import { node } from './node.ts';
import { SourceError } from './source-error.ts';

/** Who holds a lock. What a damaged lock does not tell is null. */
export interface LockOwner {
  readonly pid: number | null;
  readonly host: string | null;
  /** When it was taken, or last seen to be held. */
  readonly since: Date;
}

/** A lock that this process holds. */
export interface Lock {
  /** Gives it back; not where somebody else has taken it over meanwhile. */
  release(): Promise<void>;
}

/** The locks of this process, by their tokens. */
const held = new Set<string>();
const heartbeat = 3_000;

/** Whether a process of this machine lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Takes a lock unless somebody holds it. One that is left over is taken over.
 * @param file the path; its folder must exist.
 * @param leftOver what one that is left over is known by. 'dead': its process is of this machine and no longer lives; that one of
 *   another machine is, nobody can tell. A number: nobody has touched it for so many milliseconds; of a time ahead the distance
 *   counts, so that a clock that was wrong does not make a lock last for ever.
 * @returns the lock, or who holds it.
 * @throws SourceError when the file cannot be made, e.g. as it is a folder.
 */
export async function takeLock(file: string, leftOver: 'dead' | number): Promise<Lock | LockOwner> {
  const { fs, os, path } = node()!;
  const token = crypto.randomUUID();
  const host = os.hostname();
  const content = JSON.stringify({ pid: process.pid, host, since: new Date().toISOString(), token });
  for (let attempt = 0; ; attempt++) {
    try {
      await fs.writeFile(file, content, { flag: 'wx' });
      break;
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw failure(file, error);
    }
    const found = await readLock(file);
    if (found === null) continue;
    const { owner, text } = found;
    const isLeft =
      leftOver === 'dead'
        ? owner.host === host &&
          (owner.pid === process.pid ? !held.has(found.token) : owner.pid !== null && !isAlive(owner.pid))
        : Math.abs(Date.now() - found.modified) > leftOver;
    if (!isLeft || attempt > 20) return owner;
    // Out of the way by one rename: of two that find it dead, one has it; and what was taken anew meanwhile is put back.
    const aside = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.${token}.part`);
    try {
      await fs.rename(file, aside);
      if ((await fs.readFile(aside, 'utf8')) !== text) await fs.link(aside, file).catch(() => {});
      await fs.rm(aside, { force: true });
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw failure(file, error);
    }
  }
  held.add(token);
  const alive = setInterval(() => {
    const now = new Date();
    fs.utimes(file, now, now).catch(() => {});
  }, heartbeat);
  alive.unref();
  return {
    async release() {
      clearInterval(alive);
      held.delete(token);
      const text = await fs.readFile(file, 'utf8').catch(() => null);
      // One that cannot be removed is left over from now on, and what was done under it is done.
      if (text === content) await fs.rm(file, { force: true }).catch(() => {});
    },
  };
}

/** What a lock says; null where it is gone. */
async function readLock(
  file: string,
): Promise<{ owner: LockOwner; text: string; token: string; modified: number } | null> {
  const { fs } = node()!;
  try {
    const [stat, text] = [await fs.stat(file), await fs.readFile(file, 'utf8')];
    const { pid, host, since, token } = parse(text);
    const owner = {
      pid: Number.isSafeInteger(pid) ? (pid as number) : null,
      host: typeof host === 'string' ? host : null,
      since: new Date(Number.isNaN(Date.parse(String(since))) ? stat.mtimeMs : String(since)),
    };
    return { owner, text, token: String(token), modified: stat.mtimeMs };
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw failure(file, error);
  }
}

function parse(text: string): Partial<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

const isCode = (error: unknown, code: string) => (error as NodeJS.ErrnoException).code === code;

function failure(file: string, error: unknown): SourceError {
  const [got, advice] = isCode(error, 'EISDIR')
    ? ['a folder', 'Remove it: it stands where a lock must be.']
    : [(error as Error).message, 'Can files be made in its folder?'];
  return new SourceError(file, 'a file that locks its folder', got, advice, error);
}
