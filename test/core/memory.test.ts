import { expect } from 'chai';
import { runProgram } from '../support/program.ts';

const program = new URL('memory-program.ts', import.meta.url);

interface InUse {
  readonly numTensors: number;
  readonly numDataBuffers: number;
  readonly heapBytes: number;
  readonly filterBytes: number;
  readonly blocks: number;
}

describe('memory on WASM', () => {
  for (const threads of [1, 2])
    it(`100 models made, trained and disposed leave nothing behind, ${threads} thread(s)`, async () => {
      const stdout = await runProgram(program, [String(threads)]);
      const result = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
        threads: number;
        finite: boolean;
        before: InUse;
        after: InUse;
        atWork: { filterBytes: number; numTensors: number };
      };
      expect(result.threads).to.equal(threads);
      expect(result.finite).to.equal(true);
      expect(result.after).to.deep.equal(result.before);
      // The input and its labels are all that is left, and there was something to free.
      expect(result.after).to.include({ numTensors: 2, numDataBuffers: 2, filterBytes: 0 });
      expect(result.atWork.filterBytes).to.be.greaterThan(2 ** 16);
      expect(result.atWork.numTensors).to.be.greaterThan(20);
    });
});
