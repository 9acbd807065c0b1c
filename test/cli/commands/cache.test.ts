import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { cachedFile } from '@chaingrad/weights';
import { expect } from 'chai';
import { chaingrad, temporaryFolder } from '../support.ts';

describe('chaingrad cache', () => {
  const folder = temporaryFolder();
  let server: Server;
  let url: string;
  const saved = process.env['CHAINGRAD_CACHE'];

  before(async () => {
    server = createServer((_, response) => void response.end('weights'));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/w.npz`;
    process.env['CHAINGRAD_CACHE'] = folder.path('cache');
  });

  after(() => {
    if (saved === undefined) delete process.env['CHAINGRAD_CACHE'];
    else process.env['CHAINGRAD_CACHE'] = saved;
    server.closeAllConnections();
    server.close();
  });

  it('lists, verifies and clears', async () => {
    expect((await chaingrad(['cache', 'list'])).stdout).to.include('0 files, 0.0 MB in ');
    const file = (await cachedFile(url)) as string;
    const listed = await chaingrad(['cache', 'list']);
    expect(listed.stdout).to.include(url).and.include('1 file, ');
    const [entry] = JSON.parse((await chaingrad(['cache', 'list', '--json'])).stdout) as { bytes: number }[];
    expect(entry).to.include({ url, bytes: 7, known: false });
    expect((await chaingrad(['cache', 'verify'])).stdout).to.include('1 of 1 files are sound');
    writeFileSync(file, 'WEIGHTS');
    const verified = await chaingrad(['cache', 'verify']);
    expect(verified.code).to.equal(1);
    expect(verified.stdout).to.match(/DAMAGED, removed \(sha256 /);
    expect(verified.stderr).to.include('1 of 1 files were damaged');
    await cachedFile(url);
    expect((await chaingrad(['cache', 'clear'])).stdout).to.include('freed 0.0 MB');
    expect(readdirSync(join(folder.path('cache'))).filter((name) => name !== 'partial')).to.deep.equal([]);
  });

  it('clears what bears its own mark, and nothing of the user in the same folder', async () => {
    const key = `x1-${'0a'.repeat(32)}`;
    const id = crypto.randomUUID();
    const own = [
      `${key}.lock`,
      `.${key}.lock.12.${id}.part`,
      `${key}.${id}.part`,
      `${key}.${id}.part.state`,
      `${key}.${id}.idle.part`,
      `${key}.${id}.idle.part.state`,
      `${id}.trash`,
    ];
    const others = ['results.csv', 'notes.part', 'a.lock', `${id}`, 'model.part.state', 'x.trash'];
    mkdirSync(folder.path('cache/partial/deep'), { recursive: true });
    mkdirSync(folder.path(`cache/partial/${key}.${id}.part.ready`));
    for (const name of [...own, ...others]) writeFileSync(folder.path(`cache/partial/${name}`), 'x');
    writeFileSync(folder.path('cache/mine.txt'), 'x');
    await cachedFile(url);
    const { code, stdout } = await chaingrad(['cache', 'clear']);
    expect(code).to.equal(0);
    expect(stdout).to.include('freed');
    expect(readdirSync(folder.path('cache')).sort()).to.deep.equal(['mine.txt', 'partial']);
    expect(readdirSync(folder.path('cache/partial')).sort()).to.deep.equal([...others, 'deep'].sort());
  });
});
