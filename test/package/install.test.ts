/** The packages as npm would install them: what is packed is whole, and the README's quick start runs on it in plain Node. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { transform } from 'esbuild';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const packages = ['kernels', 'core', 'weights', 'onnx', 'training', 'vision', 'cli'];

/** The TypeScript blocks of a Markdown file. */
const codeOf = (path: string) =>
  [...readFileSync(path, 'utf8').matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1]!);

describe('the packages as npm installs them', () => {
  let folder: string;

  before(async function () {
    if (!packages.every((name) => existsSync(join(root, 'packages', name, 'dist/index.js')))) this.skip();
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-install-'));
    const modules = join(folder, 'node_modules');
    await mkdir(join(modules, '@chaingrad'), { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    for (const name of packages) {
      const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
        cwd: join(root, 'packages', name),
      });
      const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
      const target = join(modules, name === 'cli' ? 'chaingrad' : `@chaingrad/${name}`);
      await mkdir(target);
      await run('tar', ['-xzf', join(folder, filename), '-C', target, '--strip-components=1']);
    }
    // Everything else comes from the workspace's own node_modules.
    for (const name of await readdir(join(root, 'node_modules'))) {
      if (name !== '@chaingrad' && name !== 'chaingrad')
        await symlink(join(root, 'node_modules', name), join(modules, name));
    }
  });
  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it('run the README’s quick start for model authors', async () => {
    const code = codeOf(join(root, 'README.md')).find((block) => block.includes('extends Chain'))!;
    const { code: js } = await transform(code, { loader: 'ts', target: 'es2022' });
    await writeFile(join(folder, 'quick-start.js'), js);
    const { stdout } = await run('node', ['quick-start.js'], { cwd: folder });
    expect(stdout).to.include("'/conv1/W', '/conv1/b', '/fc/W', '/fc/b'");
    const losses = stdout
      .split('\n')
      .filter((line) => /^\d+(\.\d+)?$/.test(line))
      .map(Number);
    expect(losses).to.have.length(10);
    expect(losses.at(-1)).to.be.below(losses[0]!);
  });

  it('give the command chaingrad', async () => {
    const { stdout } = await run('node', [join(folder, 'node_modules/chaingrad/dist/cli.js'), '--help']);
    expect(stdout).to.match(/detect.*summary.*transfer/s);
  });
});
