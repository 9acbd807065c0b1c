import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { readJson } from '../support/goldens.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('examples/finetune-ssd', () => {
  it('prints the 12 names that the real ChainerCV skips', async () => {
    const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'example:finetune-ssd'], {
      cwd: root,
    });
    const names = stdout.match(/\/multibox\S+/g);
    const { ignore_names } = readJson<{ ignore_names: string[] }>('goldens/finetune.json');
    expect(names).to.deep.equal(ignore_names);
    expect(stdout).to.include('Copied 59 parameters (23,478,584 values), all equal to the source.');
  });
});
