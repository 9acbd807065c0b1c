import { expect } from 'chai';
import { runProgram } from '../../support/program.ts';

describe('wasm: changes of the number of threads', () => {
  it('are never seen half done by a kernel, in any order of kernels, changes and ends of starts', async () => {
    const program = new URL('thread-changes-program.ts', import.meta.url);
    const stdout = await runProgram(program);
    const result = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<string, unknown>;
    const { schedules, jobsOnThreads, failedStarts, faults } = result;
    expect(faults).to.deep.equal([]);
    expect(schedules).to.be.above(500);
    expect(jobsOnThreads).to.be.above(100);
    expect(failedStarts).to.be.above(100);
  });
});
