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
  const { fs, os } = node()!;
  const token = crypto.randomUUID();
  const content = JSON.stringify({
    pid: process.pid,
    host: os.hostname(),
    since: new Date().toISOString(),
    token,
  });
  // Before the file is there: to others of this process one with an unknown token would be left over.
  held.add(token);
  try {
    const owner = await take(file, content, token, leftOver);
    if (owner !== null) {
      held.delete(token);
      return owner;
    }
  } catch (error) {
    held.delete(token);
    throw error;
  }
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

/** Writes the lock, or gives who holds it. */
async function take(
  file: string,
  content: string,
  token: string,
  leftOver: 'dead' | number,
): Promise<LockOwner | null> {
  const { fs, os } = node()!;
  const host = os.hostname();
  for (let attempt = 0; ; attempt++) {
    try {
      await fs.writeFile(file, content, { flag: 'wx' });
      return null;
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
    if (await takeOver(file, text, content, token)) return null;
  }
}

/** A take over that was begun so many milliseconds ago will not end any more: its process has died. */
const TAKE_OVER = 10_000;

/**
 * Replaces a lock that is left over, by one rename, so that there is one at any time. One at a time does so: of many that find it left
 * over, the others find it replaced.
 * @returns false where another one does so, or where the lock is not the same any more.
 */
async function takeOver(file: string, left: string, content: string, token: string): Promise<boolean> {
  const { fs, path } = node()!;
  const beside = (name: string) => path.join(path.dirname(file), `.${path.basename(file)}.${name}.part`);
  const [turn, own] = [beside('take-over'), beside(`${process.pid}.${token}`)];
  try {
    await fs.writeFile(turn, token, { flag: 'wx' });
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw failure(file, error);
    const since = await fs.stat(turn).catch(() => null);
    if (since !== null && Math.abs(Date.now() - since.mtimeMs) > TAKE_OVER)
      await fs.rm(turn, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, 10));
    return false;
  }
  try {
    if ((await readLock(file))?.text !== left) return false;
    await fs.writeFile(own, content);
    await fs.rename(own, file);
    return true;
  } catch (error) {
    throw failure(file, error);
  } finally {
    await fs.rm(own, { force: true }).catch(() => {});
    await fs.rm(turn, { force: true }).catch(() => {});
  }
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
