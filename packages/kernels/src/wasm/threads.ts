/**
 * Worker threads that share the heap and take items of a job one by one.
 *
 * The main thread waits without an event loop, so all talk goes through a few words of the heap. Which thread computes an
 * item never changes its result: items write to places of their own.
 */
import { nodeModule } from '../node.ts';
import type { Heap } from './heap.ts';

/** Words of the control block. The ticket is (epoch << 14 | next item); next = 16383 closes it while a job is set up. */
const TICKET = 0;
const DONE = 1;
const JOB = 2;
const ITEMS = 3;
const ARGS = 4;
const STOP = 5;
const FAILED = 6;
const SCRATCH = 8;
const CLOSED = 16383;

export const maxThreads = 32;

/** The report of the first failure: its item, its thread, the length of a text, and the text, a character a word. */
const REPORT = SCRATCH + maxThreads;
const REPORT_TEXT = REPORT + 3;
const REPORT_CHARACTERS = 2000;

/** Words of the control block. */
const WORDS = REPORT_TEXT + REPORT_CHARACTERS;

/** Items of one job, at most. */
export const maxItems = CLOSED - 1;

/** Loads of a word before a thread goes to sleep: waking it takes longer than the gap between two layers. */
const SPINS = 20000;

/** Plain JavaScript: it runs in a worker made from a string, so that the package needs no file beside its modules. */
const workerSource = `
'use strict';
const main = ({ module, memory, control, jobs, thread }, ready) => {
  const exports = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const run = jobs.map((name) => exports[name]);
  const words = new Int32Array(memory.buffer, control, ${WORDS});
  const report = (item, error) => {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    const text = [name, message, stack].join('\\u0000').slice(0, ${REPORT_CHARACTERS});
    words[${REPORT}] = item;
    words[${REPORT} + 1] = thread + 1;
    words[${REPORT} + 2] = text.length;
    for (let i = 0; i < text.length; i++) words[${REPORT_TEXT} + i] = text.charCodeAt(i);
  };
  ready();
  for (let idle = 0; Atomics.load(words, ${STOP}) === 0; ) {
    const ticket = Atomics.load(words, ${TICKET});
    const item = ticket & ${CLOSED};
    const job = Atomics.load(words, ${JOB});
    const items = Atomics.load(words, ${ITEMS});
    const args = Atomics.load(words, ${ARGS});
    if (item >= items || item === ${CLOSED}) {
      if (++idle > ${SPINS}) {
        Atomics.wait(words, ${TICKET}, ticket);
        idle = 0;
      }
      continue;
    }
    if (Atomics.compareExchange(words, ${TICKET}, ticket, ticket + 1) !== ticket) continue;
    idle = 0;
    try {
      if (Atomics.load(words, ${FAILED}) === 0) run[job](item, args, Atomics.load(words, ${SCRATCH} + thread));
    } catch (error) {
      if (Atomics.compareExchange(words, ${FAILED}, 0, 1) === 0) report(item, error);
    }
    if (Atomics.add(words, ${DONE}, 1) + 1 === items) Atomics.notify(words, ${DONE});
  }
};
if (typeof require === 'function') {
  const { workerData, parentPort } = require('node:worker_threads');
  main(workerData, () => parentPort.postMessage('ready'));
} else {
  onmessage = ({ data }) => main(data, () => postMessage('ready'));
}
`;

/** A job of a binary. */
export type Job = (item: number, args: number, scratch: number) => void;

/** The first item of a job that failed, and where; thread 0 is the calling one. */
export interface JobFailure {
  readonly item: number;
  readonly thread: number;
  readonly cause: unknown;
}

/** Runs all items of a job on this thread. */
export function runItems(run: Job, items: number, args: number, scratch: number): JobFailure | null {
  for (let item = 0; item < items; item++) {
    try {
      run(item, args, scratch);
    } catch (cause) {
      return { item, thread: 0, cause };
    }
  }
  return null;
}

/** The error of another thread: its class is kept where the engine itself throws it. */
function errorOf(text: string): Error {
  const [name = '', message = '', stack = ''] = text.split('\u0000');
  const classes = { RuntimeError: WebAssembly.RuntimeError, RangeError, TypeError };
  const error = new (classes[name as keyof typeof classes] ?? Error)(message);
  if (error.name !== name) error.name = name;
  error.stack = stack;
  return error;
}

/** The least of a worker that both platforms have. */
interface Thread {
  terminate(): unknown;
}

/** Cores that this process may use. */
export async function availableCores(): Promise<number> {
  if (!isNode) return globalThis.navigator?.hardwareConcurrency ?? 1;
  // Not an import: bundlers for the browser would follow it.
  return nodeModule<typeof import('node:os')>('node:os')!.availableParallelism();
}

const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined;

async function startThread(data: object): Promise<Thread> {
  if (isNode) {
    // Not an import: bundlers for the browser would follow it.
    const { Worker } = nodeModule<typeof import('node:worker_threads')>('node:worker_threads')!;
    const worker = new Worker(workerSource, { eval: true, workerData: data });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    worker.removeAllListeners();
    // A sleeping thread must not keep the process alive.
    worker.unref();
    return worker;
  }
  const url = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }));
  const worker = new Worker(url);
  try {
    await new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = (event) =>
        reject(
          new Error(
            event.message ||
              'a thread could not be started; a Content-Security-Policy needs worker-src blob: for it',
          ),
        );
      worker.postMessage(data);
    });
  } finally {
    URL.revokeObjectURL(url);
  }
  return worker;
}

/** Whether this thread may sleep in Atomics.wait: the main thread of a page may not. */
function canSleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, STOP, 1, 0);
    return true;
  } catch {
    return false;
  }
}

/** Threads that compute items of jobs beside the calling one. */
export type Pool = Pick<ThreadPool, 'size' | 'run' | 'stop'>;

export class ThreadPool {
  readonly #words: Int32Array;
  readonly #threads: Thread[];
  readonly #mayWait: boolean;
  #epoch = 0;

  private constructor(heap: Heap, control: number, threads: Thread[]) {
    this.#words = new Int32Array(heap.memory.buffer, control, WORDS);
    this.#threads = threads;
    this.#mayWait = canSleep(this.#words);
  }

  /** Starts `count` threads besides this one. @throws what the platform says when one cannot be started; then none is left. */
  static async start(
    heap: Heap,
    module: WebAssembly.Module,
    jobs: readonly string[],
    count: number,
  ): Promise<ThreadPool> {
    const control = heap.malloc(4 * WORDS);
    heap.i32.fill(0, control / 4, control / 4 + WORDS);
    heap.i32[control / 4] = CLOSED;
    const starts = await Promise.allSettled(
      Array.from({ length: count }, (_, i) =>
        startThread({ module, memory: heap.memory, control, jobs, thread: i }),
      ),
    );
    const threads = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
    const pool = new ThreadPool(heap, control, threads);
    const failed = starts.find((start) => start.status === 'rejected');
    if (failed === undefined) return pool;
    pool.stop();
    throw failed.reason;
  }

  get size(): number {
    return this.#threads.length;
  }

  /**
   * Runs all items; this thread takes its share. Once one has failed, the others are passed over, and the threads wait for
   * the next job as after any other.
   */
  run(run: Job, job: number, items: number, args: number, scratch: readonly number[]): JobFailure | null {
    const words = this.#words;
    this.#epoch = (this.#epoch + 1) & 0x3ffff;
    const ticket = this.#epoch << 14;
    Atomics.store(words, TICKET, ticket | CLOSED);
    Atomics.store(words, DONE, 0);
    Atomics.store(words, FAILED, 0);
    Atomics.store(words, JOB, job);
    Atomics.store(words, ITEMS, items);
    Atomics.store(words, ARGS, args);
    for (let i = 0; i < this.#threads.length; i++) Atomics.store(words, SCRATCH + i, scratch[i + 1]!);
    Atomics.store(words, TICKET, ticket);
    Atomics.notify(words, TICKET);
    let failure: JobFailure | null = null;
    for (;;) {
      const next = Atomics.load(words, TICKET);
      const item = next & CLOSED;
      if (item >= items) break;
      if (Atomics.compareExchange(words, TICKET, next, next + 1) !== next) continue;
      try {
        if (Atomics.load(words, FAILED) === 0) run(item, args, scratch[0]!);
      } catch (cause) {
        if (Atomics.compareExchange(words, FAILED, 0, 1) === 0) failure = { item, thread: 0, cause };
      }
      Atomics.add(words, DONE, 1);
    }
    for (let spins = 0; ; spins++) {
      const done = Atomics.load(words, DONE);
      if (done >= items) break;
      if (spins > SPINS && this.#mayWait) Atomics.wait(words, DONE, done, 10);
    }
    return failure ?? (Atomics.load(words, FAILED) === 0 ? null : this.#report());
  }

  /** What the thread wrote down that failed first. */
  #report(): JobFailure {
    const [item, thread, length] = this.#words.subarray(REPORT, REPORT_TEXT) as unknown as [
      number,
      number,
      number,
    ];
    const text = String.fromCharCode(...this.#words.subarray(REPORT_TEXT, REPORT_TEXT + length));
    return { item, thread, cause: errorOf(text) };
  }

  /** Ends the threads. The control block stays: until it is really gone, a thread may look at it once more. */
  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    Atomics.notify(this.#words, TICKET);
    for (const thread of this.#threads) thread.terminate();
  }
}
