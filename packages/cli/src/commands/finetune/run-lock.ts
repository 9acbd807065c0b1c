/** One run at a time in a folder: two would mix their files. */
import { join } from 'node:path';
import { type Lock, takeLock } from '@chaingrad/weights';
import { CliError } from '../../errors.ts';

/**
 * Takes the folder of a run, which must exist, until the lock is released. That of a process that no longer lives is taken over.
 * @throws CliError when another run is at work there.
 */
export async function lockRun(out: string): Promise<Lock> {
  const file = join(out, 'run.lock');
  const taken = await takeLock(file, 'dead');
  if ('release' in taken) return taken;
  const { pid, host, since } = taken;
  const owner = pid === null || host === null ? 'a run that is not told' : `process ${pid} on ${host}`;
  throw new CliError(
    `${out}: ${owner} is at work there since ${since.toISOString()}; wait for its end, or choose another --out. ` +
      `If there is no such process any more, delete ${file}`,
  );
}
