/** `chaingrad detect` on many pictures: folders, patterns, parts of them, and results line by line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { expect } from 'chai';
import sharp from 'sharp';
import { CliError } from '../../packages/cli/src/errors.ts';
import { decodeImage } from '../../packages/cli/src/images.ts';
import { parseShard, pictures } from '../../packages/cli/src/inputs.ts';
import { rejection, thrown } from '../support/errors.ts';
import { blockColours, blocks, chaingrad, colours, nodeArgs, temporaryFolder } from './support.ts';

describe('the pictures that are meant', () => {
  const folder = temporaryFolder();
  const short = (files: string[]) => files.map((file) => file.slice(folder.path('p').length - 1));

  before(() => {
    for (const name of ['p/a/deep', 'p/b', 'p/.hidden']) mkdirSync(folder.path(name), { recursive: true });
    for (const name of [
      'p/2.JPG',
      'p/1.png',
      'p/notes.txt',
      'p/a/3.tif',
      'p/a/deep/4.avif',
      'p/b/5.gif',
      'p/.hidden/6.png',
    ])
      folder.write(name, 'x');
  });

  it('are files as they are, and those in and below a folder, by name', async () => {
    expect(await pictures(['missing.png'])).to.deep.equal(['missing.png']);
    expect(short(await pictures([folder.path('p')]))).to.deep.equal([
      'p/1.png',
      'p/2.JPG',
      'p/a/3.tif',
      'p/a/deep/4.avif',
      'p/b/5.gif',
    ]);
  });

  it('are those of a pattern that the shell has not expanded, each once', async () => {
    const of = async (...patterns: string[]) =>
      short(await pictures(patterns.map((text) => folder.path(text))));
    expect(await of('p/*.png', 'p/?.{JPG,png}')).to.deep.equal(['p/1.png', 'p/2.JPG']);
    expect(await of('p/**/[34].*')).to.deep.equal(['p/a/3.tif', 'p/a/deep/4.avif']);
    expect(await of('p/a/**')).to.deep.equal(['p/a/3.tif', 'p/a/deep/4.avif']);
  });

  it('are a part of them, so that each is in exactly one', async () => {
    const all = await pictures([folder.path('p')]);
    const parts = await Promise.all(
      [1, 2, 3].map((index) => pictures([folder.path('p')], { index, count: 3 })),
    );
    expect(parts.map((part) => part.length)).to.deep.equal([2, 2, 1]);
    expect(parts.flat().sort()).to.deep.equal(all);
    expect(parseShard('3/16')).to.deep.equal({ index: 3, count: 16 });
    for (const text of ['0/3', '4/3', '1', 'a/b', '1/2/3']) {
      expect(thrown(() => parseShard(text), CliError).message, text).to.contain('e.g. 3/16');
    }
  });

  it('must be there', async () => {
    mkdirSync(folder.path('bare'));
    expect((await rejection(pictures([folder.path('bare')]), Error)).message).to.contain('has no pictures');
    expect((await rejection(pictures([folder.path('p/*.bmp')]), Error)).message).to.contain(
      'no picture has such a name',
    );
  });

  it('may be AVIF, GIF and TIFF, and pictures made of them are PNG', async () => {
    for (const format of ['avif', 'gif', 'tiff'] as const) {
      const bytes = await blocks(colours)
        .toFormat(format, format === 'gif' ? {} : { quality: 100 })
        .toBuffer();
      const { img, format: written } = await decodeImage(`a.${format}`, bytes);
      expect(written).to.equal('png');
      blockColours(img)
        .flat()
        .forEach((rgb, i) => {
          rgb.forEach((value, c) => {
            expect(value, format).to.be.closeTo(colours.flat()[i]![c]!, 6);
          });
        });
    }
  });
});

describe('detect --jsonl', () => {
  const folder = temporaryFolder();

  it('appends a line a picture, skips what is there, and does cut and failed ones again', async () => {
    mkdirSync(folder.path('in'));
    for (const name of ['a', 'b', 'c']) {
      folder.write(
        `in/${name}.png`,
        await sharp({
          create: { width: 60, height: 40, channels: 3, background: name === 'a' ? 'red' : 'blue' },
        })
          .png()
          .toBuffer(),
      );
    }
    folder.write('in/broken.png', 'x');
    const jsonl = folder.path('found.jsonl');
    const args = ['detect', '--jsonl', jsonl];
    const lines = () => readFileSync(jsonl, 'utf8').trimEnd().split('\n');
    const first = await chaingrad([...args, folder.path('in')]);
    expect(first.code, first.stderr).to.equal(1);
    expect(first.stdout).to.equal('');
    expect(
      lines()
        .map((line) => JSON.parse(line))
        .map(({ file, width, error }) => [file.slice(-5), width ?? error]),
    ).to.deep.equal([
      ['a.png', 60],
      ['b.png', 60],
      ['n.png', 'not a PNG, JPEG, WebP, AVIF, GIF or TIFF picture'],
      ['c.png', 60],
    ]);
    expect(first.stderr).not.to.contain('wrote');

    // As if the process had been killed while it wrote the last line.
    truncateSync(jsonl, readFileSync(jsonl).length - 5);
    const again = await chaingrad([...args, folder.path('in/[ac].png')]);
    expect(again.code, again.stderr).to.equal(0);
    expect(again.stderr).to.contain('found.jsonl: 1 of 2 pictures are done');
    expect(lines()).to.have.length(5);
    expect(JSON.parse(lines().at(-1)!).file).to.equal(folder.path('in/c.png'));
  });

  it('takes names from stdin', async () => {
    const child = spawn(process.execPath, nodeArgs('detect', '-', '--jsonl', folder.path('piped.jsonl')), {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    child.stdin.end(`${folder.path('in/b.png')}\n`);
    expect((await once(child, 'close'))[0]).to.equal(0);
    expect(JSON.parse(readFileSync(folder.path('piped.jsonl'), 'utf8')).file).to.equal(
      folder.path('in/b.png'),
    );
  });
});
