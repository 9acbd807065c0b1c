/** The programs of docs/onnx.md run as they stand. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { transform } from 'esbuild';
import { HANG } from '../support/hang.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('docs/onnx.md', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-onnx-docs-'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  });
  after(() => rm(folder, { recursive: true }));

  async function run(heading: string): Promise<string> {
    const text = await readFile(join(root, 'docs/onnx.md'), 'utf8');
    expect(text).to.include(`## ${heading}`);
    const section = text.slice(text.indexOf(`## ${heading}`));
    const { code } = await transform(/```ts\n([\s\S]*?)```/.exec(section)![1]!, {
      loader: 'ts',
      target: 'es2022',
    });
    const args = ['--import', 'tsx', '--conditions', 'chaingrad-source', '--input-type=module', '-e', code];
    return (await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: HANG })).stdout;
  }

  it('exports a chain that ONNX Runtime runs', async () => {
    expect(await run('Out: a Chain as an ONNX file')).to.match(/\[ 5, 2 \]/);
  });

  it('exports a detector with its post-processing', async () => {
    expect(await run('A detector that any runtime deploys')).to.match(/\[ \d+, 4 \] \[ \d+ \] \[ \d+ \]/);
  });
});
