import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { checks } from './large-windows.ts';
import { useFastWasm } from './support.ts';

describe('wasm: large windows', () => {
  before(useFastWasm);

  for (const [name, check] of checks(31)) it(`${name}: right, and no other tensor changes`, check);

  it('the same on 2 threads', async () => {
    const program = fileURLToPath(new URL('large-windows-program.ts', import.meta.url));
    const options = ['--import', 'tsx', '--conditions=chaingrad-source', program];
    const { stdout } = await promisify(execFile)(process.execPath, options);
    expect(JSON.parse(stdout.slice(stdout.indexOf('{')))).to.deep.equal({ threads: 2, failures: [] });
  });
});
