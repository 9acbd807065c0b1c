/** Shards lie beside the file that names them: never elsewhere, however the path is written. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FormatError, readArray } from '@chaingrad/core';
import { convertWeights, openWeights } from '@chaingrad/weights';
import { expect } from 'chai';
import { checkBeside, neighbour } from '../../../packages/weights/src/formats/beside.ts';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { rejection, thrown } from '../../support/errors.ts';
import { floats } from '../support.ts';
import { WeightsServer } from '../weights-server.ts';

const outside = [
  '../x.bin',
  'a/../../x.bin',
  '%2e%2e/x.bin',
  '%2E./x.bin',
  '.%2e%2fx.bin',
  'a/%2e%2e/%2e%2e/x.bin',
  '.\t./x.bin',
  '..\n/x.bin',
  '/x.bin',
  '//other.example/x.bin',
  '\\\\other.example\\x.bin',
  '..\\x.bin',
  '%5c%5cother.example/x.bin',
  ' file:///etc/passwd',
  'file:///etc/passwd',
  'fi\tle:///etc/passwd',
  '\u0000https://other.example/x.bin',
  'https:x.bin',
  'C:x.bin',
  '',
  '.',
  './',
  '?x',
  '%20https://other.example/',
  3,
  null,
];

describe('the shards of a manifest', () => {
  it('lie in its folder, or below', () => {
    for (const path of outside) {
      expect(thrown(() => checkBeside([path], '/a/model.json', 'manifest'), FormatError)).to.match(
        /beside the manifest/,
      );
    }
    checkBeside(
      ['a.bin', 'b/c.bin', './d.bin', '100%.bin', 'e f.bin', 'a..b.bin'],
      '/a/model.json',
      'manifest',
    );
  });

  it('are others than itself, and each comes once', () => {
    for (const paths of [['model.json'], ['./model.json'], ['%6dodel.json']]) {
      for (const file of ['/a/model.json', 'https://example.org/a/model.json?token=1']) {
        expect(thrown(() => checkBeside(paths, file, 'index'), FormatError)).to.match(/its own name/);
      }
    }
    for (const paths of [
      ['a.bin', 'a.bin'],
      ['a.bin', './a.bin'],
      ['a.bin', '%61.bin'],
    ]) {
      expect(thrown(() => checkBeside(paths, 'model.json', 'index'), FormatError)).to.match(
        /every shard once/,
      );
    }
    const many = Array.from({ length: 5000 }, (_, i) => `${i}.bin`);
    expect(thrown(() => checkBeside(many, 'model.json', 'index'), FormatError)).to.match(/at most 4096/);
  });

  it('are asked for with the query of its address', () => {
    const from = (source: string | URL, path = 'x.bin') => String(neighbour(source, path));
    expect(from('https://h.example/a/model.json?token=1&b=2#part')).to.equal(
      'https://h.example/a/x.bin?token=1&b=2',
    );
    expect(from(new URL('https://h.example/a/model.json?token=1'))).to.equal(
      'https://h.example/a/x.bin?token=1',
    );
    expect(from('https://h.example/a/model.json?token=1', 'x.bin?own=2')).to.equal(
      'https://h.example/a/x.bin?own=2',
    );
    expect(from('https://h.example/a/model.json')).to.equal('https://h.example/a/x.bin');
    expect(from('/a/what?.json')).to.equal('/a/x.bin');
    expect(from('C:\\a\\model.json')).to.equal('C:\\a\\x.bin');
  });

  describe('in files', () => {
    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'chaingrad-beside-'));
      await mkdir(join(folder, 'model'));
      await writeFile(join(folder, 'secret.bin'), new Uint8Array(8));
    });
    afterEach(() => rm(folder, { recursive: true }));

    it('never lead out, by path and by file: URL', async () => {
      const file = join(folder, 'model', 'model.json');
      const escapes = ['../secret.bin', '%2e%2e/secret.bin', ` ${pathToFileURL(join(folder, 'secret.bin'))}`];
      for (const path of escapes) {
        const weights = [{ name: 'a', shape: [2], dtype: 'float32' }];
        for (const json of [{ weightsManifest: [{ paths: [path], weights }] }, { weight_map: { a: path } }]) {
          await writeFile(file, JSON.stringify(json));
          for (const source of [file, pathToFileURL(file), pathToFileURL(file).href]) {
            expect(await rejection(openWeights(source), FormatError)).to.match(/beside the/);
          }
        }
      }
    });
  });

  it('come from a server that asks for a token', async () => {
    const server = await WeightsServer.start();
    const cacheDir = await mkdtemp(join(tmpdir(), 'chaingrad-beside-'));
    try {
      await using npz = await openWeights(writeNpz([['a', floats([2, 3])]]));
      for (const { name, bytes } of (await convertWeights(npz, 't.json')).files) {
        server.serve(`${name}?token=1`, { body: bytes });
      }
      for (const source of [`${server.url}t.json?token=1`, new URL(`${server.url}t.json?token=1`)]) {
        await using file = await openWeights(source, { cacheDir });
        expect([...((await readArray(file, 'a')).data as Float32Array)]).to.deep.equal([0, 1, 2, 3, 4, 5]);
      }
    } finally {
      await server.stop();
      await rm(cacheDir, { recursive: true });
    }
  });
});

describe('what is no file', () => {
  it('is refused at once: a folder, a device, a pipe that no one writes to', async function () {
    if (process.platform !== 'linux') this.skip();
    const { execFileSync } = await import('node:child_process');
    const { readBytes } = await import('@chaingrad/weights');
    const folder = await mkdtemp(join(tmpdir(), 'chaingrad-beside-'));
    try {
      const pipe = join(folder, 'pipe.npz');
      execFileSync('mkfifo', [pipe]);
      const linked = join(folder, 'linked.npz');
      await symlink('/dev/zero', linked);
      for (const path of [folder, pipe, linked, '/dev/zero']) {
        // One after the other: a rejection that nobody awaits yet would end the process.
        for (const read of [openWeights, readBytes]) {
          expect(await rejection(read(path))).to.match(/expected a file, got a (folder|device or a pipe)/);
        }
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
