/** What of a pass is inside jobs that threads would divide among themselves, and what is not. */
import type { Runtime } from '../../packages/kernels/src/wasm/runtime.ts';

/** Milliseconds inside divided jobs since the last `take`. */
export interface JobTimes {
  /** On one thread. */
  readonly divided: number;
  /** What the thread with the most items of each job would take, were all items equally long. */
  readonly longest: number;
}

export interface JobLog {
  take(): JobTimes;
  /** Leaves the runtime as it was. */
  end(): void;
}

/**
 * Lets kernels divide their jobs as for `threads` threads while one thread computes all items, and takes the time of each job of more than
 * one item. So the parts are those of so many threads, and their times need no cores.
 *
 * @param runtime computes on one thread.
 */
export function logJobs(runtime: Runtime, threads: number): JobLog {
  if (runtime.threads !== 1) throw new Error(`jobs are logged on one thread, not on ${runtime.threads}`);
  let [divided, longest] = [0, 0];
  const run = runtime.run.bind(runtime);
  Object.defineProperty(runtime, 'threads', { value: threads, configurable: true });
  // Scratch memory is one block a thread.
  runtime.releaseScratch();
  runtime.run = (job, items, args, scratchBytes) => {
    const begin = performance.now();
    run(job, items, args, scratchBytes);
    if (items < 2) return;
    const took = performance.now() - begin;
    divided += took;
    longest += (took * Math.ceil(items / threads)) / items;
  };
  return {
    take() {
      const times = { divided, longest };
      [divided, longest] = [0, 0];
      return times;
    },
    end() {
      for (const name of ['threads', 'run']) Reflect.deleteProperty(runtime, name);
      runtime.releaseScratch();
    },
  };
}
