/**
 * A program of its own for thread-changes.test.ts: it needs a shared heap, which a process can have only from its start. The
 * threads are played, so that the program decides when each start ends, and tries every order. Prints JSON.
 */
import * as tf from '@tensorflow/tfjs-core';
import { binaryBytes, compileBytes } from '../../../packages/kernels/src/wasm/binaries.ts';
import { Runtime } from '../../../packages/kernels/src/wasm/runtime.ts';
import { type Pool, runItems } from '../../../packages/kernels/src/wasm/threads.ts';
import { exploreSchedules, type Schedule, settle } from '../../support/schedules.ts';
import { startShared } from './shared-heap.ts';

await startShared(1);
const backend = tf.backend();
const binary = await compileBytes(await binaryBytes(true));

/** Changes that are asked for, in this order, and the scratch memory of the kernels that run among them. */
const changes = [3, 1, 2];
const kernels = [4096, 65536, 4096];

const faults = new Set<string>();
const totals = { jobsOnThreads: 0, failedStarts: 0 };

const n = 40;
const ones = tf.ones([n]);
const product = tf.zeros([n]);

/** A kernel of four items, whose result is looked at. */
function compute(runtime: Runtime, scratchBytes: number): void {
  const [y, out] = [runtime.heap.pointer(ones), runtime.heap.pointer(product)];
  runtime.heap.f32.fill(-1, out / 4, out / 4 + n);
  runtime.run('activationGradient', 4, { n, perItem: 10, act: 1, dy: y, y, out }, scratchBytes);
  if (!runtime.heap.f32.subarray(out / 4, out / 4 + n).every((value) => value === 1)) faults.add('values');
}

async function once(schedule: Schedule): Promise<void> {
  const starts: { end(well: boolean): void }[] = [];
  const alive = new Set<Pool>();
  const play = (count: number): Pool => {
    const pool: Pool = {
      size: count,
      run(run, _job, items, args, scratch) {
        if (!alive.has(pool)) faults.add('a job on threads that have ended');
        if (scratch.length !== count + 1 || !scratch.every((pointer) => pointer > 0))
          faults.add(`scratch memory of ${scratch.length} threads, not ${count + 1}`);
        totals.jobsOnThreads++;
        return runItems(run, items, args, scratch[0]!);
      },
      stop: () => {
        if (!alive.delete(pool)) faults.add('threads that were ended twice');
      },
    };
    alive.add(pool);
    return pool;
  };
  const runtime = new Runtime(
    backend,
    binary,
    (_heap, _module, _jobs, count) =>
      new Promise((resolve, reject) => {
        if (starts.length > 0) faults.add('two starts at once');
        starts.push({ end: (well) => (well ? resolve(play(count)) : reject(new Error('no more threads'))) });
      }),
  );
  const asked = [...changes];
  const toRun = [...kernels];
  const failed: number[] = [];
  while (asked.length + toRun.length + starts.length > 0) {
    const ways: (() => void)[] = [];
    if (asked.length > 0) {
      ways.push(() => {
        const threads = asked.shift()!;
        void runtime.setThreads(threads).catch(() => failed.push(threads));
      });
    }
    if (toRun.length > 0) ways.push(() => compute(runtime, toRun.shift()!));
    if (starts.length > 0)
      ways.push(
        () => starts.shift()!.end(true),
        () => starts.shift()!.end(false),
      );
    ways[schedule.choose(ways.length)]!();
    await settle();
  }
  totals.failedStarts += failed.length;
  const expected = changes.filter((threads) => !failed.includes(threads)).at(-1);
  if (runtime.threads !== expected) faults.add(`${runtime.threads} threads at the end, not ${expected}`);
  if (alive.size !== (expected === 1 ? 0 : 1)) faults.add(`${alive.size} pools at the end`);
  await runtime.setThreads(1);
  runtime.releaseScratch();
}

const schedules = await exploreSchedules(once);
console.log(JSON.stringify({ schedules, faults: [...faults], ...totals }));
