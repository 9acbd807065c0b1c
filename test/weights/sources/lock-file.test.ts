import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lock, type LockOwner, takeLock } from '@chaingrad/weights';
import { expect } from 'chai';

describe('takeLock', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-lock-'));
    file = join(folder, 'lock');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const isLock = (taken: Lock | LockOwner): taken is Lock => 'release' in taken;
  const owned = (pid: number, host: string) =>
    writeFile(file, JSON.stringify({ pid, host, since: '2020-01-01T00:00:00Z', token: 't' }));
  /** A process that has ended: numbers so high are never given. */
  const dead = 2 ** 30;

  it('gives a lock to one at a time, tells the others its owner, and leaves nothing', async () => {
    const lock = await takeLock(file, 'dead');
    if (!isLock(lock)) throw new Error('not taken');
    const other = (await takeLock(file, 'dead')) as LockOwner;
    expect(other).to.include({ pid: process.pid, host: hostname() });
    expect(Math.abs(other.since.getTime() - Date.now())).to.be.below(600_000);
    await lock.release();
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('of many at once gives it to one', async () => {
    await owned(dead, hostname());
    const taken = await Promise.all(Array.from({ length: 30 }, () => takeLock(file, 'dead')));
    expect(taken.filter(isLock)).to.have.length(1);
    await taken.find(isLock)!.release();
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('takes over that of a dead process of this machine, whatever its time, and of none that may live', async () => {
    for (const ahead of [0, 3_600_000, -3_600_000]) {
      await owned(dead, hostname());
      const time = new Date(Date.now() + ahead);
      await utimes(file, time, time);
      const lock = await takeLock(file, 'dead');
      expect(isLock(lock)).to.equal(true);
      await (lock as Lock).release();
    }
    for (const [pid, host] of [
      [process.ppid, hostname()],
      [dead, 'another machine'],
    ] as const) {
      await owned(pid, host);
      expect(await takeLock(file, 'dead')).to.include({ pid, host });
    }
    await writeFile(file, 'damaged');
    expect(await takeLock(file, 'dead')).to.include({ pid: null, host: null });
    expect(await readFile(file, 'utf8')).to.equal('damaged');
  });

  it('takes over what was not touched for as long as it is told, and not what was', async () => {
    await owned(process.ppid, hostname());
    expect(isLock(await takeLock(file, 60_000))).to.equal(false);
    const { mtimeMs } = await stat(file);
    for (const ahead of [120_000, -120_000]) {
      await owned(process.ppid, hostname());
      await utimes(file, new Date(mtimeMs + ahead), new Date(mtimeMs + ahead));
      const lock = await takeLock(file, 60_000);
      expect(isLock(lock)).to.equal(true);
      await (lock as Lock).release();
    }
  });

  it('leaves a lock alone that another has taken over meanwhile', async () => {
    const lock = (await takeLock(file, 'dead')) as Lock;
    await owned(process.ppid, hostname());
    await lock.release();
    expect(JSON.parse(await readFile(file, 'utf8')).token).to.equal('t');
  });
});
