import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore, MemoryStore, type Store, StoreError } from '@chaingrad/training';
import { expect } from 'chai';
import { rejection, thrown } from '../../support/errors.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const namesOf = async (store: Store) => (await store.list()).map(({ name }) => name).sort();

describe('stores', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await fs.mkdtemp(join(tmpdir(), 'chaingrad-store-'));
  });
  afterEach(() => fs.rm(folder, { recursive: true }));

  const stores: [string, () => Store][] = [
    ['MemoryStore', () => new MemoryStore()],
    ['FileStore', () => new FileStore(join(folder, 'not', 'yet', 'there'))],
  ];
  for (const [name, make] of stores) {
    it(`${name} writes, reads, replaces, lists and removes files`, async () => {
      const store = make();
      const before = Date.now() - 1000;
      expect(await store.list()).to.deep.equal([]);
      await store.write('a', 'ünicode');
      const bytes = Uint8Array.of(1, 2, 3, 4).subarray(1, 3);
      await store.write('b', bytes);
      bytes[0] = 9;
      expect(text(await store.read('a'))).to.equal('ünicode');
      expect([...(await store.read('b'))]).to.deep.equal([2, 3]);
      // What was read is the reader's.
      (await store.read('b'))[0] = 7;
      expect([...(await store.read('b'))]).to.deep.equal([2, 3]);
      await store.write('a', 'new');
      expect(text(await store.read('a'))).to.equal('new');
      const files = await store.list();
      expect(await namesOf(store)).to.deep.equal(['a', 'b']);
      for (const { modified } of files) expect(modified).to.be.within(before, Date.now() + 1000);
      await store.remove('a');
      await store.remove('a');
      expect(await namesOf(store)).to.deep.equal(['b']);
      const error = await rejection(store.read('a'), StoreError);
      expect(error).to.include({ location: store.location, file: 'a' });
    });
  }

  it('FileStore lists files only, and refuses folders in names', async () => {
    await fs.mkdir(join(folder, 'sub'));
    const store = new FileStore(folder);
    await store.write('a', '');
    expect(await namesOf(store)).to.deep.equal(['a']);
    for (const name of ['sub/b', '../b', '']) await rejection(store.write(name, ''), StoreError);
    await rejection(store.read('sub'), StoreError);
    await fs.writeFile(join(folder, 'file'), '');
    await rejection(new FileStore(join(folder, 'file')).list(), StoreError);
    await rejection(new FileStore(join(folder, 'file')).write('a', ''), StoreError);
  });

  it('FileStore leaves the old file whole where the new one cannot be written', async () => {
    const store = new FileStore(folder);
    await store.write('a', 'old');
    const { rename } = fs;
    fs.rename = () => Promise.reject(new Error('disk full'));
    try {
      const error = await rejection(store.write('a', 'new'), StoreError);
      expect(error.message).to.equal(`${folder}, 'a': disk full`);
    } finally {
      fs.rename = rename;
    }
    expect(text(await store.read('a'))).to.equal('old');
    expect(await fs.readdir(folder)).to.deep.equal(['a']);
  });

  it('FileStore removes what dead writers left, and nothing else', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const part = (pid: number) => `.snapshot_iter_2.${pid}.${crypto.randomUUID()}.part`;
    const [left, living] = [part(dead), part(process.pid)];
    const others = ['.hidden', 'notes.part', `.mine.${dead}.part`];
    for (const name of [left, living, ...others]) await fs.writeFile(join(folder, name), '');
    const store = new FileStore(folder);
    // A file that is being written is not there yet.
    expect(await namesOf(store)).to.deep.equal([...others].sort());
    await store.removeLeftovers();
    expect((await fs.readdir(folder)).sort()).to.deep.equal([living, ...others].sort());
    await new FileStore(join(folder, 'none')).removeLeftovers();
  });

  it('FileStore needs Node', () => {
    const { getBuiltinModule } = process;
    process.getBuiltinModule = (() => undefined) as never;
    try {
      const error = thrown(() => new FileStore('result'), StoreError);
      expect(error.message).to.include('give the trainer another store');
    } finally {
      process.getBuiltinModule = getBuiltinModule;
    }
  });
});
