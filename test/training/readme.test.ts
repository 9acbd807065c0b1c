/** The complete example of the README runs as it stands, and goes on when it is run again. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { transform } from 'esbuild';
import { HANG } from '../support/hang.ts';
import { codeBlocks } from '../support/markdown.ts';
import { sourceFlags } from '../support/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe("the training package's README", () => {
  it('has an example that trains, and resumes', async () => {
    const source = codeBlocks('packages/training/README.md', ['ts'])[0]!;
    const folder = await mkdtemp(join(tmpdir(), 'chaingrad-readme-'));
    const run = async (example: string): Promise<string> => {
      const { code } = await transform(example, { loader: 'ts', target: 'es2022' });
      const args = [...sourceFlags, '--input-type=module', '-e', code];
      return (await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: HANG })).stdout;
    };
    try {
      await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
      const first = (await run(source)).trim().split('\n');
      expect(first[0]).to.equal('No snapshot in result: training begins anew.');
      expect(first[1]).to.match(
        /^epoch {7}main\/loss {3}validation\/main\/loss {2}validation\/main\/accuracy {2}lr$/,
      );
      expect(first).to.have.length(8);
      const last = first.at(-1)!.split(/ +/).map(Number);
      expect(last[0]).to.equal(6);
      expect(last[3]).to.be.greaterThan(0.7);
      expect(last[4]).to.equal(0.05 / 4);
      expect((await readdir(join(folder, 'result'))).sort()).to.deep.equal([
        'best_model',
        'log',
        'plot.svg',
        'snapshot_iter_79',
        'snapshot_iter_94',
      ]);
      const longer = source.replace("[6, 'epoch']", "[7, 'epoch']");
      expect(longer).to.not.equal(source);
      const second = (await run(longer)).trim().split('\n');
      expect(second[0]).to.match(
        /^Resumed from result\/snapshot_iter_94: iteration 94, epoch 6\.016, 0:00:0\d of/,
      );
      // The table comes again with the entries before.
      expect(second.slice(1, -1).at(-1)).to.equal(first.at(-1));
      expect(second.at(-1)).to.match(/^7 /);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
