/** Threads that transform examples: Node's worker_threads, or a page's Workers. */
import { InvalidArgumentError, nodeModule } from '@chaingrad/core';
import { compact, type FromWorker, type ToWorker } from '../worker-messages.ts';

/** The module of a worker, or a function that starts one, which bundlers for the browser understand best. */
export type WorkerSource = string | URL | (() => WebWorker);

/** The part of a page's `Worker` that is used. */
export interface WebWorker {
  postMessage(message: unknown): void;
  terminate(): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

/** A thread, alike in Node and in a page. */
interface Thread {
  send(message: ToWorker): void;
  /** Whether the process may end while the thread is alive. Nothing in a page. */
  hold(alive: boolean): void;
  stop(): Promise<void>;
}

interface Listeners {
  message(message: FromWorker): void;
  /** The thread is gone. */
  failure(error: Error): void;
}

const nodeModules = () => {
  const [threads, os] = [
    nodeModule<typeof import('node:worker_threads')>('node:worker_threads'),
    nodeModule<typeof import('node:os')>('node:os'),
  ];
  return threads === null || os === null ? undefined : { threads, os };
};

/** One thread less than cores, which is for the training; from 1 to 4. */
export function defaultWorkers(): number {
  const cores = nodeModules()?.os.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 2;
  return Math.min(Math.max(cores - 1, 1), 4);
}

function start(source: WorkerSource, listeners: Listeners): Thread {
  const node = nodeModules();
  if (typeof source === 'function' || node === undefined) return startWeb(source, listeners);
  // Node takes addresses as URL objects, and strings as paths.
  const isAddress = typeof source === 'string' && /^(file|data):/.test(source);
  const worker = new node.threads.Worker(isAddress ? new URL(source) : source);
  worker.on('message', listeners.message);
  worker.on('messageerror', listeners.failure);
  worker.on('error', listeners.failure);
  worker.on('exit', (code) =>
    listeners.failure(new Error(`The worker ended (code ${code}). Does its module call serveExamples()?`)),
  );
  worker.unref();
  return {
    send: (message) => worker.postMessage(message),
    hold: (alive) => (alive ? worker.ref() : worker.unref()),
    async stop() {
      worker.removeAllListeners();
      await worker.terminate();
    },
  };
}

function startWeb(source: WorkerSource, listeners: Listeners): Thread {
  const worker: WebWorker =
    typeof source === 'function' ? source() : (new Worker(source, { type: 'module' }) as WebWorker);
  worker.onmessage = ({ data }) => listeners.message(data as FromWorker);
  worker.onerror = (event) =>
    listeners.failure(new Error(event.message || 'The worker could not be loaded.'));
  return {
    send: (message) => worker.postMessage(message),
    hold: () => {},
    stop: () => {
      worker.onmessage = null;
      worker.onerror = null;
      worker.terminate();
      return Promise.resolve();
    },
  };
}

interface Job {
  readonly thread: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Gives jobs to the thread that has the fewest, and answers to whom they belong. */
export class WorkerPool {
  readonly #threads: Thread[];
  readonly #load: number[];
  readonly #jobs = new Map<number, Job>();
  #nextId = 0;
  #failure: Error | null = null;
  #waiting = 0;

  /** @throws InvalidArgumentError */
  constructor(source: WorkerSource, count: number, data: unknown) {
    if (!Number.isInteger(count) || count < 1) {
      throw new InvalidArgumentError('PrefetchIterator nWorkers', 'a positive integer', count);
    }
    this.#load = Array(count).fill(0);
    this.#threads = this.#load.map(() =>
      start(source, {
        message: (message) => this.#settle(message),
        failure: (error) => this.#fail(error),
      }),
    );
    for (const thread of this.#threads) thread.send({ kind: 'start', data });
  }

  /** Whether a thread is gone: then every job fails. */
  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /** @throws what the transform throws, or why the thread is gone. */
  run(job: { example: unknown; index: number; epoch: number; seed: number }): Promise<unknown> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const thread = this.#load.indexOf(Math.min(...this.#load));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#threads[thread]!.send({ kind: 'example', id, ...job, example: compact(job.example) });
      this.#load[thread]! += 1;
      this.#jobs.set(id, { thread, resolve, reject });
    });
  }

  /** While somebody waits the process must stay alive; at other times the threads do not keep it. */
  async holding<R>(wait: () => Promise<R>): Promise<R> {
    this.#hold(1);
    try {
      return await wait();
    } finally {
      this.#hold(-1);
    }
  }

  #hold(change: 1 | -1): void {
    this.#waiting += change;
    for (const thread of this.#threads) thread.hold(this.#waiting > 0);
  }

  #settle(message: FromWorker): void {
    const job = this.#jobs.get(message.id);
    if (job === undefined) return;
    this.#jobs.delete(message.id);
    this.#load[job.thread]! -= 1;
    if ('error' in message) job.reject(message.error);
    else job.resolve(message.value);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const job of this.#jobs.values()) job.reject(error);
    this.#jobs.clear();
  }

  /** Ends the threads; what they were doing is given up. */
  async stop(): Promise<void> {
    this.#fail(new Error('The iterator was finalized.'));
    await Promise.all(this.#threads.splice(0).map((thread) => thread.stop()));
  }
}
