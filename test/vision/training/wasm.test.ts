/** On our WASM kernels, with one thread and with two: a resumed training equals an uninterrupted one, and memory stays flat. */
import { expect } from 'chai';
import { runProgram } from '../../support/program.ts';

interface Usage {
  readonly tensors: number;
  readonly buffers: number;
  readonly heap: number;
  readonly room: number;
  readonly rss: number;
}

interface Report {
  readonly threads: number;
  readonly tensors: number;
  readonly detection: Outcome;
  readonly classification: Outcome;
}

interface Outcome {
  readonly whole: string;
  readonly resumed: readonly string[];
  /** After 100, 200, ... 500 steps. */
  readonly usage: readonly Usage[];
}

const program = new URL('wasm-program.ts', import.meta.url);

async function run(threads: number): Promise<Report> {
  return JSON.parse(await runProgram(program, [String(threads)], { flags: ['--expose-gc'] })) as Report;
}

const hashes = new Map<string, string>();

for (const threads of [1, 2]) {
  describe(`training on WASM kernels, ${threads} thread(s)`, () => {
    let report: Report;
    before(async () => {
      report = await run(threads);
      expect(report.threads).to.equal(threads);
    });

    for (const task of ['detection', 'classification'] as const) {
      it(`${task}: a resumed training equals an uninterrupted one bit for bit`, () => {
        const { whole, resumed } = report[task];
        expect(whole).to.match(/^[0-9a-f]{64}$/);
        expect(resumed).to.deep.equal([whole, whole]);
        // Nor does it depend on the number of threads.
        expect(whole).to.equal(hashes.get(task) ?? whole);
        hashes.set(task, whole);
      });

      it(`${task}: memory is flat over 500 steps`, () => {
        const { usage } = report[task];
        expect(usage).to.have.length(5);
        const spread = (key: keyof Usage) =>
          Math.max(...usage.map((u) => u[key])) - Math.min(...usage.map((u) => u[key]));
        expect(spread('tensors'), 'tensors').to.equal(0);
        expect(spread('buffers'), 'data buffers').to.equal(0);
        expect(spread('heap'), 'bytes of the WASM heap').to.equal(0);
        // Of 4 KiB, so less than 200 bytes a step; a few, because blocks do not lie at the same places each time.
        expect(spread('room'), 'blocks free in the WASM heap').to.be.below(20);
        const growth = usage.at(-1)!.rss - usage[0]!.rss;
        expect(growth, 'resident bytes of the process').to.be.below(32 * 2 ** 20);
      });
    }

    it('leaves no tensor behind', () => expect(report.tensors).to.equal(0));
  });
}
