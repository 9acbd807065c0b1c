/** One of our binaries at work in the heap of one wasm backend: scratch memory, jobs, prepared filters. */
import type * as tf from '@tensorflow/tfjs-core';
import { release } from '../tfjs-internals.ts';
import { Turns } from '../turns.ts';
import { ArgumentArea, type Exactly, type JobName, jobNames } from './arguments.ts';
import type { Binary } from './binaries.ts';
import { WasmJobError } from './errors.ts';
import { type Heap, openHeap } from './heap.ts';
import type { Jobs, Sizes } from './layouts.generated.ts';
import { PreparedFilters } from './prepared-filters.ts';
import { type Job, type JobFailure, maxItems, type Pool, runItems, ThreadPool } from './threads.ts';

type StartPool = (...args: Parameters<typeof ThreadPool.start>) => Promise<Pool>;

export class Runtime {
  readonly backend: tf.KernelBackend;
  readonly heap: Heap;
  readonly filters: PreparedFilters;
  #binary: Binary;
  #exports: Readonly<Record<JobName, Job>>;
  readonly #arguments: ArgumentArea;
  readonly #startPool: (count: number, binary: Binary) => Promise<Pool>;
  readonly #changes = new Turns();
  readonly #multiplyingBytes = new WeakSet<object>();
  #pool: Pool | null = null;
  #scratch: number[] = [];
  #scratchBytes = 0;
  /** The kernel that runs now, and the outputs it has made. */
  #kernel: { readonly name: string; readonly outputs: tf.TensorInfo[] } | null = null;

  /** @throws WasmInternalsError when the backend is not built as the one we know. */
  constructor(backend: tf.KernelBackend, binary: Binary, startPool: StartPool = ThreadPool.start) {
    this.backend = backend;
    this.#startPool = (count, { module }) => startPool(this.heap, module, jobNames, count);
    this.heap = openHeap(backend);
    this.heap.guard();
    this.#binary = binary;
    this.#exports = this.#instantiate(binary);
    this.#arguments = new ArgumentArea(this.heap);
    this.filters = new PreparedFilters(backend, this.heap);
  }

  #instantiate({ module }: Binary): Readonly<Record<JobName, Job>> {
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.heap.memory } });
    // Once for all: V8 11 has it wrong until it optimizes the code.
    if (productOfBytes(exports as unknown as Sizes)) this.#multiplyingBytes.add(exports);
    return exports as unknown as Record<JobName, Job>;
  }

  /** Whether the binary at work multiplies bytes, and the engine has that right. */
  get multipliesBytes(): boolean {
    return this.#multiplyingBytes.has(this.#exports);
  }

  /** What the binary at work needs: its functions that tell sizes. */
  get sizes(): Sizes {
    return this.#exports as unknown as Sizes;
  }

  /** The binary at work. */
  get binary(): Binary {
    return this.#binary;
  }

  /** Threads that compute, this one included. */
  get threads(): number {
    return 1 + (this.#pool?.size ?? 0);
  }

  /**
   * Starts or ends threads; more than one needs a shared heap. Changes are made one after the other, in the order of the
   * calls. Kernels may run meanwhile: the old threads serve them until the new ones are ready, and the threads and their
   * scratch memory are then exchanged between two kernels.
   * @throws what the platform says when threads cannot be started; the old ones then go on.
   */
  setThreads(threads: number): Promise<void> {
    return this.#changes.run(async () => {
      if (!this.heap.shared || threads === this.threads) return;
      this.#exchange(threads > 1 ? await this.#startPool(threads - 1, this.#binary) : null);
    });
  }

  /** Nothing waits here: no kernel sees new threads without their scratch memory. */
  #exchange(pool: Pool | null): void {
    this.#pool?.stop();
    this.#pool = pool;
    this.releaseScratch();
  }

  /**
   * Goes on with another binary of the same jobs, on as many threads, as `setThreads` changes these.
   * @throws what the platform says when threads cannot be started; the old binary then goes on.
   */
  setBinary(binary: Binary): Promise<void> {
    return this.#changes.run(async () => {
      const exports = this.#instantiate(binary);
      const { threads } = this;
      const pool = threads > 1 ? await this.#startPool(threads - 1, binary) : null;
      this.#exchange(pool);
      this.#binary = binary;
      this.#exports = exports;
    });
  }

  /** Calls `compute`, whose kernels run jobs of another binary, on this thread alone. */
  tryOut<R>(binary: Binary, compute: () => R): R {
    const [exports, pool] = [this.#exports, this.#pool];
    const exchange = (jobs: Readonly<Record<JobName, Job>>, threads: Pool | null) => {
      this.releaseScratch();
      this.#exports = jobs;
      this.#pool = threads;
    };
    exchange(binary === this.#binary ? exports : this.#instantiate(binary), null);
    try {
      return compute();
    } finally {
      exchange(exports, pool);
    }
  }

  /** Runs a kernel. When it fails, the outputs that it has made are disposed: nobody else knows them. */
  computeKernel<T>(name: string, compute: () => T): T {
    const outer = this.#kernel;
    const kernel = { name, outputs: [] as tf.TensorInfo[] };
    this.#kernel = kernel;
    try {
      return compute();
    } catch (error) {
      for (const info of kernel.outputs) release(this.backend, info, true);
      throw error;
    } finally {
      this.#kernel = outer;
    }
  }

  /** A new tensor of float32 for the result of a kernel; its values are whatever was in the heap. */
  output(shape: readonly number[]): tf.TensorInfo {
    const info = this.heap.output(shape);
    this.#kernel?.outputs.push(info);
    return info;
  }

  /**
   * Runs items 0 to `items` - 1 of a job, on all threads unless there is only one item.
   *
   * @param args the fields of the job's class of arguments in assembly/, by name.
   * @param scratchBytes memory that an item may use.
   * @throws WasmJobError when an item fails; the others may not have run then.
   * @throws WasmArgumentError for arguments that are not those of the job.
   */
  run<J extends JobName, A extends Jobs[J]>(
    job: J,
    items: number,
    args: Exactly<Jobs[J], A>,
    scratchBytes = 4096,
  ): void {
    if (items <= 0) return;
    this.#needScratch(scratchBytes);
    const pointer = this.#arguments.write(job, args);
    const run = this.#exports[job];
    let failure: JobFailure | null;
    if (this.#pool === null || items === 1 || items > maxItems)
      failure = runItems(run, items, pointer, this.#scratch[0]!);
    else failure = this.#pool.run(run, jobNames.indexOf(job), items, pointer, this.#scratch);
    if (failure === null) return;
    const { item, thread, cause } = failure;
    throw new WasmJobError(this.#kernel?.name ?? null, job, item, items, thread, args, cause);
  }

  #needScratch(bytes: number): void {
    if (bytes <= this.#scratchBytes) return;
    this.releaseScratch();
    this.#scratch = Array.from({ length: this.threads }, () => this.heap.malloc(bytes + 64));
    this.#scratchBytes = bytes;
  }

  releaseScratch(): void {
    for (const pointer of this.#scratch) this.heap.free(pointer);
    this.#scratch = [];
    this.#scratchBytes = 0;
  }
}

/** Whether 1000 + 127 * -127 + 3 * 50 + 0 * 7 + 127 * 127 comes out. */
const productOfBytes = ({ bytesProduct }: Sizes): boolean =>
  bytesProduct(0x7f073281 | 0, 0x7f00037f, 1000) === 1000 + 3 * 50;

let binary: Binary | null = null;
const runtimes = new WeakMap<tf.KernelBackend, Runtime>();

/** What new runtimes are made from: the binary for this engine, compiled. */
export function setBinary(compiled: Binary): void {
  binary = compiled;
}

/** The runtime of a backend; made at its first use, as tfjs may replace a backend by a new one of the same name. */
export function runtimeOf(backend: tf.KernelBackend): Runtime {
  let runtime = runtimes.get(backend);
  if (runtime === undefined) {
    if (binary === null) throw new Error('registerWasmKernels was not called');
    runtime = new Runtime(backend, binary);
    runtimes.set(backend, runtime);
  }
  return runtime;
}
