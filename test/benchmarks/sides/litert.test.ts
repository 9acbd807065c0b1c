import { expect } from 'chai';
import { runProgram } from '../../support/program.ts';

describe('benchmarks/sides/litert', () => {
  it('computes in Node what chaingrad does, from the file that chaingrad exports', async () => {
    const program = new URL('litert-program.ts', import.meta.url);
    const printed = (await runProgram(program)).trim().split('\n').at(-1)!;
    const { difference, code } = JSON.parse(printed) as { difference: number; code: string };
    expect(difference).to.be.within(0, 1e-4);
    const relaxed = Number(process.versions.v8.split('.')[0]) >= 12;
    expect(code).to.equal(`WASM, 128-bit${relaxed ? ', relaxed SIMD' : ''}`);
  });
});
