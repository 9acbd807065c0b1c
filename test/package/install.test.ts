/**
 * The packages as npm would install them: in empty folders, by the lines that the READMEs name, from tarballs and npm's registry, with
 * nothing of this repository's node_modules. Each package's example runs in Node and is built by four bundlers.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { transform } from 'esbuild';
import type { Browser } from 'playwright-core';
import { startServer } from '../../examples/web/server.ts';
import { requireBrowser, startChromium } from '../browser/support/browsers.ts';
import { bundlers } from '../support/bundlers.ts';
import { codeBlocks } from '../support/markdown.ts';
import { requirePresent } from '../support/present.ts';
import { type Packed, type Registry, startRegistry } from './registry.ts';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** npm in a folder, without what this run's own npm has put into the environment. */
async function npm(folder: string, ...args: string[]): Promise<string> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(npm_|INIT_CWD)/i.test(key)),
  );
  return (await execute('npm', args, { cwd: folder, env, maxBuffer: 2 ** 24 })).stdout;
}

/** The first line of a README that installs something, without `npm`, as arguments. */
function installLine(readme: string): string[] {
  const line = codeBlocks(readme, ['', 'sh'])
    .flatMap((block) => block.split('\n'))
    .find((each) => each.startsWith('npm install'));
  return line!.split(' ').slice(1);
}

/** The first program of a README, as JavaScript. */
async function example(readme: string): Promise<string> {
  const source = codeBlocks(readme, ['ts', 'js']).find((block) => block.includes('import '))!;
  return (await transform(source, { loader: 'ts', target: 'es2022' })).code;
}

describe('the packages as npm installs them', () => {
  let registry: Registry;
  let folder: string;

  before(async function () {
    const built = existsSync(join(root, 'packages/vision/dist/chaingrad.js'));
    requirePresent(built, 'the built packages: npm run build', this);
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-install-'));
    const { stdout } = await execute(process.execPath, [
      join(root, 'scripts/pack.mjs'),
      join(folder, 'packed'),
      '--json',
    ]);
    const upstream = (await npm(root, 'config', 'get', 'registry')).trim();
    registry = await startRegistry(JSON.parse(stdout) as Packed[], upstream);
  });
  after(async () => {
    await registry?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  /** An empty project, into which the README's line has installed what it names. */
  async function project(readme: string): Promise<string> {
    const path = await mkdtemp(join(folder, 'project-'));
    await writeFile(join(path, 'package.json'), '{ "name": "project", "private": true, "type": "module" }');
    await writeFile(
      join(path, '.npmrc'),
      `registry=${registry.url}\nreplace-registry-host=never\naudit=false\nfund=false\nupdate-notifier=false\n`,
    );
    await npm(path, ...installLine(readme));
    return path;
  }

  for (const [name, readme] of [
    ['the quick start', 'README.md'],
    ...['kernels', 'core', 'weights', 'training', 'vision'].map((each) => [
      `@chaingrad/${each}`,
      `packages/${each}/README.md`,
    ]),
  ] as const) {
    describe(`${name}`, () => {
      let path: string;
      before(async () => {
        path = await project(readme!);
        await writeFile(join(path, 'main.js'), await example(readme!));
      });

      it('is installed whole: nothing is missing, doubled or of another version', async () => {
        await npm(path, 'ls', '--all');
        const found = await npm(path, 'ls', '@tensorflow/tfjs-core', '--all', '--parseable');
        expect(
          found
            .trim()
            .split('\n')
            .map((each) => each.slice(path.length)),
        ).to.deep.equal(['/node_modules/@tensorflow/tfjs-core']);
      });

      it('runs its example in Node', async () => {
        const { stdout, stderr } = await execute(process.execPath, ['main.js'], { cwd: path });
        expect(stderr).to.equal('');
        if (readme !== 'README.md') return;
        expect(stdout).to.include("'/conv1/W', '/conv1/b', '/fc/W', '/fc/b'");
        const losses = stdout
          .split('\n')
          .filter((line) => /^\d+(\.\d+)?$/.test(line))
          .map(Number);
        expect(losses).to.have.length(10);
        expect(losses.at(-1)).to.be.below(losses[0]!);
      });

      for (const { bundler, bundle } of bundlers) {
        it(`is built by ${bundler}`, async () => {
          const out = join(path, `out-${bundler}`);
          await bundle(path, out);
          expect((await readdir(out)).some((file) => file.endsWith('.html'))).to.equal(true);
        });
      }
    });
  }

  describe('a backend whose package is not installed', () => {
    const program = `
      import { BackendUnavailableError, useBackend } from '@chaingrad/core';
      globalThis.result = await useBackend('webgpu').then(
        () => 'started',
        (error) => [error instanceof BackendUnavailableError, error.packageName, error.message],
      );`;
    let path: string;
    let browser: Browser | undefined;
    before(async function () {
      requireBrowser('chromium', this);
      path = await project('packages/core/README.md');
      browser = await startChromium();
    });
    after(() => browser?.close());

    it('is named with what to install in Node', async () => {
      await writeFile(join(path, 'node.js'), `${program}\nconsole.log(JSON.stringify(result));`);
      const { stdout } = await execute(process.execPath, ['node.js'], { cwd: path });
      const [typed, packageName, message] = JSON.parse(stdout);
      expect([typed, packageName]).to.deep.equal([true, 'webgpu']);
      expect(message).to.include('npm install webgpu');
    });

    for (const { bundler, bundle } of bundlers) {
      it(`is named with what to install in a page that ${bundler} has built`, async () => {
        await writeFile(join(path, 'main.js'), program);
        const out = join(path, `out-${bundler}`);
        await bundle(path, out);
        const server = await startServer({ '/': out });
        const page = await browser!.newPage();
        try {
          await page.goto(server.url);
          await page.waitForFunction(() => 'result' in globalThis);
          const [typed, packageName, message] = (await page.evaluate('globalThis.result')) as unknown[];
          expect([typed, packageName]).to.deep.equal([true, '@tensorflow/tfjs-backend-webgpu']);
          expect(message).to.include('npm install @tensorflow/tfjs-backend-webgpu@4.22.0');
        } finally {
          await page.close();
          await server.close();
        }
      });
    }
  });

  it('have types that compile without skipLibCheck', async () => {
    const path = await project('packages/vision/README.md');
    const names = ['core', 'kernels', 'kernels/wasm', 'training', 'vision', 'weights'];
    const imports = names.map((each, i) => `import * as p${i} from '@chaingrad/${each}';`);
    await writeFile(join(path, 'main.mts'), [...imports, 'const wrong: string = p0.Linear;'].join('\n'));
    const compilerOptions = {
      ...{ noEmit: true, strict: true, skipLibCheck: false, types: [] },
      ...{ target: 'es2022', module: 'nodenext' },
    };
    await writeFile(join(path, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.mts'] }));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = await execute(process.execPath, [tsc, '-p', path], { cwd: path }).catch(
      (failed: { stdout: string }) => failed,
    );
    // tfjs and its dependencies have errors of their own.
    const errors = stdout.split('\n').filter((line) => /^(main|.*@chaingrad).*error TS/.test(line));
    expect(errors.map((line) => line.replace(/\(.*?\)/, ''))).to.deep.equal([
      "main.mts: error TS2322: Type 'typeof Linear' is not assignable to type 'string'.",
    ]);
  });

  it('give the command chaingrad', async () => {
    const path = await project('packages/cli/README.md');
    await npm(path, 'ls', '--all');
    const command = join(path, 'node_modules/.bin/chaingrad');
    const { stdout: help } = await execute(command, ['--help']);
    expect(help).to.match(/detect.*summary.*transfer/s);
    const picture = join(root, 'examples/images/chelsea.png');
    const { stdout } = await execute(command, ['detect', picture, '--json'], { cwd: path });
    expect(JSON.parse(stdout).images[0].objects[0].label).to.equal('Cat');
    expect(await readFile(join(path, 'chaingrad-out/chelsea.png')))
      .to.have.property('length')
      .above(0);
  });
});
