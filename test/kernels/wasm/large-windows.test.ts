import { expect } from 'chai';
import { runProgram } from '../../support/program.ts';
import { checks } from './large-windows.ts';
import { useFastWasm } from './support.ts';

describe('wasm: large windows', () => {
  before(useFastWasm);

  for (const [name, check] of checks(31)) it(`${name}: right, and no other tensor changes`, check);

  it('the same on 2 threads', async () => {
    const stdout = await runProgram(new URL('large-windows-program.ts', import.meta.url));
    expect(JSON.parse(stdout.slice(stdout.indexOf('{')))).to.deep.equal({ threads: 2, failures: [] });
  });
});
