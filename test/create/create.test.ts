/** What `npm create chaingrad` writes. That it installs and runs is tested in test/package/install.test.ts. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import ownManifest from '../../packages/create/package.json' with { type: 'json' };
import { CreateError, create, templates } from '../../packages/create/src/index.ts';
import { rejection } from '../support/errors.ts';

describe('create', () => {
  const { version } = ownManifest;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-create-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  for (const template of Object.keys(templates)) {
    it(`writes the template ${template}, named after the folder`, async () => {
      const next = await create(join(folder, 'My Project'), template);
      expect(next[0]).to.include('My Project');
      expect(next).to.include('npm install');
      const manifest = JSON.parse(await readFile(join(folder, 'My Project/package.json'), 'utf8'));
      expect(manifest.name).to.equal('my-project');
      expect(manifest.dependencies['@chaingrad/core']).to.equal(`^${version}`);
      expect(await readdir(join(folder, 'My Project'))).to.include.members(['.gitignore', 'README.md']);
    });
  }

  it('takes an empty folder, and one that git has begun', async () => {
    await mkdir(join(folder, '.git'));
    await create(folder, 'node');
    expect(await readdir(folder)).to.include('train.js');
  });

  it('leaves a folder with files as it is', async () => {
    await writeFile(join(folder, 'mine.txt'), 'mine');
    const error = await rejection(create(folder, 'node'), CreateError);
    expect(error.message).to.include('mine.txt');
    expect(await readdir(folder)).to.deep.equal(['mine.txt']);
  });

  it('names the templates where one is unknown', async () => {
    const error = await rejection(create(join(folder, 'new'), 'constructor'), CreateError);
    expect(error.message).to.include('node, page');
    expect(await readdir(folder)).to.deep.equal([]);
  });

  it('says where the folder is a file', async () => {
    await writeFile(join(folder, 'file'), '');
    await rejection(create(join(folder, 'file'), 'node'), CreateError);
  });
});
