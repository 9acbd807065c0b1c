/** The release script sets one version everywhere, dates the CHANGELOG, and refuses what would make a wrong release. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { rejection } from '../support/errors.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

describe('scripts/release.mjs --prepare', () => {
  let folder: string;
  const run = async (command: string, ...args: string[]) =>
    (await promisify(execFile)(command, args, { cwd: folder })).stdout;
  const prepare = (version: string) => run(process.execPath, 'scripts/release.mjs', '--prepare', version);
  const refusal = async (version: string) => (await rejection<{ stderr: string }>(prepare(version))).stderr;
  const read = async (file: string) => JSON.parse(await readFile(join(folder, file), 'utf8'));
  const write = (file: string, text: string) => writeFile(join(folder, file), text);
  const commit = () => run('git', 'commit', '--quiet', '--all', '--message', 'A change');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-release-'));
    const packages = await readdir(join(root, 'packages'));
    const files = ['scripts', 'package.json', 'package-lock.json'];
    for (const file of [...files, ...packages.map((each) => `packages/${each}/package.json`)]) {
      await mkdir(join(folder, file, '..'), { recursive: true });
      await cp(join(root, file), join(folder, file), { recursive: true });
    }
    await write(
      'CHANGELOG.md',
      '# Changelog\n\n## Unreleased\n\n- It flies.\n\n## 0.0.9 (2020-01-01)\n\n- It walks.\n',
    );
    await run('git', 'init', '--quiet');
    for (const [key, value] of [
      ['user.name', 'Test'],
      ['user.email', 'test@localhost'],
    ] as const)
      await run('git', 'config', key, value);
    await run('git', 'add', '.');
    await commit();
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('sets the version of all packages and of what they depend on, dates the changes, commits and tags', async () => {
    await prepare('7.8.9-beta.1');
    const lock = await read('package-lock.json');
    const names = new Set<string>();
    const manifests: [string, Manifest][] = [['', await read('package.json')]];
    for (const each of await readdir(join(folder, 'packages'))) {
      manifests.push([`packages/${each}`, await read(`packages/${each}/package.json`)]);
      names.add(manifests.at(-1)![1].name);
    }
    expect(names.has('@chaingrad/core')).to.equal(true);
    let links = 0;
    for (const [path, manifest] of manifests) {
      for (const { version, dependencies = {} } of [manifest, lock.packages[path] as Manifest]) {
        expect(version, path).to.equal('7.8.9-beta.1');
        for (const [name, range] of Object.entries(dependencies)) {
          if (names.has(name)) links += Number(range === '7.8.9-beta.1');
          else expect(range, name).to.not.include('7.8.9');
        }
      }
    }
    expect(links).to.be.above(2 * names.size - 3);
    const today = new Date().toISOString().slice(0, 10);
    expect(await readFile(join(folder, 'CHANGELOG.md'), 'utf8')).to.equal(
      `# Changelog\n\n## Unreleased\n\n## 7.8.9-beta.1 (${today})\n\n- It flies.\n\n## 0.0.9 (2020-01-01)\n\n- It walks.\n`,
    );
    expect(await run('git', 'status', '--porcelain')).to.equal('');
    expect((await run('git', 'tag', '--points-at', 'HEAD')).trim()).to.equal('v7.8.9-beta.1');
    expect(await refusal('7.8.9')).to.include('lists nothing under "## Unreleased"');
  });

  it('refuses what is no later version, changes that are not committed, and a release of nothing', async () => {
    for (const version of ['0.0.1', '0.1.0'])
      expect(await refusal(version)).to.include('Expected a version after');
    for (const version of ['7.8', 'v7.8.9', '7.8.9 beta'])
      expect(await refusal(version)).to.include('like 1.2.3');
    await write('CHANGELOG.md', '# Changelog\n\n## Unreleased\n\n## 0.0.9 (2020-01-01)\n\n- It walks.\n');
    expect(await refusal('7.8.9')).to.include('not committed');
    await commit();
    expect(await refusal('7.8.9')).to.include('lists nothing');
    expect((await read('package.json')).version).to.not.equal('7.8.9');
    expect(await rejection<{ stderr: string }>(run(process.execPath, 'scripts/release.mjs', '--publish')))
      .to.have.property('stderr')
      .that.includes('has no tag');
  });
});
