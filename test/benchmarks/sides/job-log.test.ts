import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { cases } from '../../../benchmarks/driver/cases.ts';
import { markdown } from '../../../benchmarks/driver/report.ts';
import { Results, targets } from '../../../benchmarks/driver/targets.ts';
import { type Job, measure, SERIAL_THREADS } from '../../../benchmarks/measure.ts';
import { logJobs } from '../../../benchmarks/sides/job-log.ts';
import type { Platform } from '../../../benchmarks/sides/side.ts';
import { type Runtime, runtimeOf } from '../../../packages/kernels/src/wasm/runtime.ts';

/** A runtime whose jobs take `wait` milliseconds. */
class Slow {
  readonly ran: [job: string, items: number, threads: number][] = [];

  get threads(): number {
    return 1;
  }

  run(job: string, items: number, { wait }: { readonly wait: number }): void {
    this.ran.push([job, items, this.threads]);
    for (const begin = performance.now(); performance.now() - begin < wait; );
  }

  releaseScratch(): void {}
}

describe('benchmarks/sides/job-log', () => {
  it('takes the time of jobs of several items, divided as for the threads', () => {
    const slow = new Slow();
    const log = logJobs(slow as unknown as Runtime, 4);
    slow.run('whole', 1, { wait: 4 });
    expect(log.take(), 'one item is not divided').to.deep.equal({ divided: 0, longest: 0 });
    slow.run('a', 4, { wait: 8 });
    const even = log.take();
    expect(even.divided).to.be.at.least(8);
    expect(even.longest / even.divided).to.be.closeTo(1 / 4, 1e-12);
    slow.run('b', 5, { wait: 5 });
    const uneven = log.take();
    expect(uneven.longest / uneven.divided, 'one thread has two of five').to.be.closeTo(2 / 5, 1e-12);
    log.end();
    slow.run('c', 2, { wait: 0 });
    expect(log.take().divided).to.equal(0);
    expect(slow.ran).to.deep.equal([
      ['whole', 1, 4],
      ['a', 4, 4],
      ['b', 5, 4],
      ['c', 2, 1],
    ]);
  });

  it('refuses a runtime of several threads', () => {
    const two = { threads: 2 } as unknown as Runtime;
    expect(() => logJobs(two, 8)).to.throw('on one thread, not on 2');
  });

  it('tells the serial share of a network, and leaves the runtime as it was', async () => {
    const job: Omit<Job, 'tasks'> = {
      side: 'chaingrad',
      ...{ model: 'small', batch: 4, threads: 1, drawn: true, warmup: 1, minRuns: 3, seconds: 0 },
    };
    const platform = { kind: 'node' } as Platform;
    const { serial, tasks } = await measure({ ...job, tasks: ['serial'] }, platform);
    expect(tasks.serial!.runs).to.have.length(3);
    expect(serial!.threads).to.equal(SERIAL_THREADS);
    // Something is divided, something is not, and threads gain from the one only.
    expect(serial!.serial).to.be.within(0.001, 0.999);
    expect(serial!.least).to.be.within(serial!.serial, 1);
    expect(runtimeOf(tf.backend()).threads).to.equal(1);
    const again = await measure({ ...job, tasks: ['forward'] }, platform);
    expect(again.outputs![0]!.every(Number.isFinite)).to.equal(true);
  });

  it('is a target and a sentence of the report', () => {
    const known = cases.find(({ id }) => id === 'ssd300-serial')!;
    const serial = { threads: 8, serial: 0.0625, least: 0.25 };
    const process = {
      ...{ info: '', importMs: 1, loadMs: 1, engine: 'Node 24', serial },
      tasks: { serial: { firstMs: 1, runs: [400] } },
    };
    const result = {
      ...{ case: known, sides: [{ side: 'chaingrad' as const, processes: [process] }] },
      ...{ load: [0, 0] as const, date: '2026-01-01' },
    };
    const target = targets(new Results([result]), 'AMD').find(({ what }) => what.includes('cannot divide'));
    expect(target).to.deep.include({ got: 0.0625, met: false, wanted: '<= 4 %' });
    const machine = { cpu: 'X', cores: 2, memoryGiB: 1, system: 'Y' };
    const text = markdown({ machine, versions: {}, cases: [result] });
    expect(text).to.include('divided as for 8: 6.3 % of the time').and.to.include('4.0x as fast at most');
  });
});
