import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

interface Report {
  readonly threads: number;
  readonly error: {
    readonly name: string;
    readonly kernel: string | null;
    readonly job: string;
    readonly items: number;
    readonly args: object;
    readonly message: string;
    readonly cause: { readonly name: string; readonly message: string; readonly isRuntimeError: boolean };
  };
  /** The threads that failures were seen on, 0 for the calling one. */
  readonly failedOn: number[];
  readonly wrongAfter: number;
  readonly leaked: number;
}

describe('wasm: a job that fails', () => {
  let reports: Report[];

  before(async () => {
    const program = fileURLToPath(new URL('job-failures-program.ts', import.meta.url));
    const options = ['--import', 'tsx', '--conditions=chaingrad-source', program];
    const { stdout } = await promisify(execFile)(process.execPath, options);
    reports = JSON.parse(stdout.slice(stdout.indexOf('['))) as Report[];
  });

  it('keeps its cause, its kernel, its job and its arguments, on 1, 2 and 3 threads', () => {
    expect(reports.map(({ threads }) => threads)).to.deep.equal([1, 2, 3]);
    for (const { error } of reports) {
      expect(error).to.include({ name: 'WasmJobError', kernel: 'Test', job: 'sumRows', items: 64 });
      expect(error.args).to.include({ rows: 64, columns: 16, rowsPerItem: 1 });
      expect(error.cause).to.include({ name: 'RuntimeError', isRuntimeError: true });
      expect(error.cause.message).to.match(/out of bounds/);
      for (const part of ['Test', 'sumRows', 'out of bounds', '"rows":64'])
        expect(error.message).to.include(part);
    }
  });

  it('is caught on every thread', () => {
    expect(reports.map(({ failedOn }) => failedOn)).to.deep.equal([[0], [0, 1], [0, 1, 2]]);
  });

  it('leaves the next jobs right, and no tensor behind', () => {
    for (const { wrongAfter, leaked } of reports)
      expect({ wrongAfter, leaked }).to.deep.equal({ wrongAfter: 0, leaked: 0 });
  });
});
