/** One of our binaries at work in the heap of one wasm backend: arguments, scratch memory, jobs, prepared filters. */
import type * as tf from '@tensorflow/tfjs-core';
import type { Binary } from './binaries.ts';
import { type Heap, openHeap } from './heap.ts';
import { PreparedFilters } from './prepared-filters.ts';
import { maxItems, ThreadPool } from './threads.ts';

type Job = (item: number, args: number, scratch: number) => void;

/** The jobs of the binary, each `(item, args, scratch)`. */
export const jobNames = [
  'winograd',
  'winograd6',
  'winogradInput',
  'winogradOutput',
  'winogradFilter',
  'winogradFilter6',
  'conv',
  'packFilter',
  'depthwise',
  'depthwiseInput',
  'depthwiseFilter',
  'transpose',
  'transformGradient',
  'gatherGradient',
  'multiplyGradient',
  'scatterGradient',
  'finishGradient',
  'tilesGradient',
  'matMul',
  'dotRows',
  'addRows',
  'maxPool',
  'avgPool',
  'maxPoolGradient',
  'avgPoolGradient',
  'sumRows',
  'update',
  'activationGradient',
] as const;

export type JobName = (typeof jobNames)[number];

/** The functions that only compute sizes. */
interface Sizes {
  winogradScratch(six: number, c: number, o: number, block: number): number;
  packedPosition(rows: number, k: number): number;
  filterPosition(n: number, k: number): number;
  convScratch(k: number, rowsPerItem: number, panelsPerItem: number): number;
  stripPosition(count: number, o: number): number;
  panelPosition(count: number, c: number): number;
  sumsPosition(o: number, panels: number): number;
  tilesGradientScratch(): number;
  matMulScratch(k: number, mPerItem: number, panelsPerItem: number): number;
}

/** Room for the arguments of many jobs: they are written around and around. */
const ARGUMENT_BYTES = 1 << 18;

export class Runtime {
  readonly backend: tf.KernelBackend;
  readonly heap: Heap;
  readonly relaxed: boolean;
  readonly sizes: Sizes;
  readonly filters: PreparedFilters;
  readonly #module: WebAssembly.Module;
  readonly #exports: Record<JobName, Job>;
  readonly #arguments: number;
  #cursor = 0;
  #pool: ThreadPool | null = null;
  #scratch: number[] = [];
  #scratchBytes = 0;

  /** @throws WasmInternalsError when the backend is not built as the one we know. */
  constructor(backend: tf.KernelBackend, binary: Binary) {
    this.backend = backend;
    this.heap = openHeap(backend);
    this.heap.guard();
    this.relaxed = binary.relaxed;
    this.#module = binary.module;
    const { exports } = new WebAssembly.Instance(binary.module, { env: { memory: this.heap.memory } });
    this.#exports = exports as unknown as Record<JobName, Job>;
    this.sizes = exports as unknown as Sizes;
    this.#arguments = this.heap.malloc(ARGUMENT_BYTES);
    this.filters = new PreparedFilters(backend, this.heap);
  }

  /** Threads that compute, this one included. */
  get threads(): number {
    return 1 + (this.#pool?.size ?? 0);
  }

  /** Starts or ends threads; more than one needs a shared heap. */
  async setThreads(threads: number): Promise<void> {
    if (!this.heap.shared || threads === this.threads) return;
    this.#pool?.stop();
    this.#pool = null;
    this.releaseScratch();
    if (threads > 1) this.#pool = await ThreadPool.start(this.heap, this.#module, jobNames, threads - 1);
  }

  /** Writes 32-bit words where a job can read them, and tells where. */
  words(values: readonly number[]): number {
    const bytes = 4 * values.length;
    if (this.#cursor + bytes > ARGUMENT_BYTES) this.#cursor = 0;
    const pointer = this.#arguments + this.#cursor;
    this.heap.i32.set(values, pointer / 4);
    this.#cursor += (bytes + 15) & ~15;
    return pointer;
  }

  /** Runs items 0 to `items` of a job, on all threads unless there is only one item. */
  run(job: JobName, items: number, args: number, scratchBytes = 4096): void {
    if (items <= 0) return;
    this.#needScratch(scratchBytes);
    const run = this.#exports[job];
    if (this.#pool === null || items === 1 || items > maxItems) {
      const scratch = this.#scratch[0]!;
      for (let item = 0; item < items; item++) run(item, args, scratch);
    } else this.#pool.run(run, jobNames.indexOf(job), items, args, this.#scratch);
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
