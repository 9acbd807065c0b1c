/** Files are written as a whole, wherever the disk fails: the old ones or the new ones, never a mixture. */
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SourceError, writeFiles } from '@chaingrad/weights';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { onFailingDisk, Stopped } from '../../support/failing-disk.ts';

describe('writeFiles', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await fs.mkdtemp(join(tmpdir(), 'chaingrad-write-'));
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  const all = ['index.json', 'a.bin', 'b.bin', 'c.bin'];
  const write = (names: readonly string[], text: string) =>
    writeFiles(names.map((name) => ({ path: join(folder, name), content: `${text} ${name}` })));
  const contents = async () => {
    const found: Record<string, string> = {};
    for (const name of (await fs.readdir(folder)).sort())
      found[name] = await fs.readFile(join(folder, name), 'utf8');
    return found;
  };
  const expected = (names: readonly string[], text: string) =>
    Object.fromEntries([...names].sort().map((name) => [name, `${text} ${name}`]));

  for (const way of ['throws', 'tears', 'fills'] as const) {
    for (const names of [all, all.slice(0, 1)]) {
      it(`leaves the old ones or the new ones of ${names.length}, when the n-th operation ${way}, for every n`, async () => {
        let n = 0;
        for (; ; n++) {
          // One of them is new, so that there is nothing to put back.
          const old = names.length > 1 ? names.slice(0, -1) : names;
          for (const name of await fs.readdir(folder)) await fs.rm(join(folder, name));
          await write(old, 'old');
          const { failed, error } = await onFailingDisk(n, way, () => write(names, 'new'));
          if (!failed) break;
          if (error !== undefined) expect(error).to.be.instanceOf(SourceError);
          const found = await contents();
          const parts = Object.keys(found).filter((name) => name.endsWith('.part'));
          for (const name of parts) delete found[name];
          const state = found['index.json']?.startsWith('new')
            ? expected(names, 'new')
            : expected(old, 'old');
          expect(found, `operation ${n}`).to.deep.equal(state);
        }
        expect(n).to.be.at.least(2 * names.length);
        expect(await contents()).to.deep.equal(expected(names, 'new'));
      });
    }
  }

  it('never leaves a first file among others of another time, when the process stops at the n-th operation', async () => {
    for (let n = 0; ; n++) {
      for (const name of await fs.readdir(folder)) await fs.rm(join(folder, name));
      await write(all, 'old');
      const { failed, error } = await onFailingDisk(n, 'stops', () => write(all, 'new'));
      if (!failed) break;
      if (error !== undefined)
        expect(error).to.satisfy((e: unknown) => e instanceof SourceError || e instanceof Stopped);
      const found = await contents();
      const first = found['index.json']?.split(' ')[0];
      if (first === undefined) continue;
      for (const name of all) expect(found[name], `${name}, operation ${n}`).to.equal(`${first} ${name}`);
    }
  });

  it('says which cannot be written', async () => {
    const error = await rejection(writeFiles([{ path: join(folder, 'none/a'), content: 'x' }]), SourceError);
    expect(error.message).to.include('none/a');
  });
});
