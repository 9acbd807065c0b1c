/**
 * Lets the WASM kernels run on the binary whose every load and store is checked (`npm run test:bounds` requires this file): a job
 * may touch the tensors that its arguments point to, each to its last byte, the blocks that were taken for it, and its scratch memory.
 * The programs on the sources that tests start (program.ts) do the same.
 */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { ArgumentArea, type JobName } from '../../packages/kernels/src/wasm/arguments.ts';
import { relaxed, simd } from '../../packages/kernels/src/wasm/binaries.generated.ts';
import { withSharedMemory } from '../../packages/kernels/src/wasm/binaries.ts';
import { Heap } from '../../packages/kernels/src/wasm/heap.ts';
import { registerWasmKernels } from '../../packages/kernels/src/wasm/index.ts';
import { jobs, structs } from '../../packages/kernels/src/wasm/layouts.generated.ts';
import { relaxed4, wide } from '../../packages/kernels/src/wasm/node-binaries.generated.ts';
import { Runtime, runtimeOf } from '../../packages/kernels/src/wasm/runtime.ts';
import { BOUNDS_FILE } from './bounds-file.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Field = readonly [name: string, offset: number, kind: string, struct?: string];
type Values = Readonly<Record<string, unknown>>;

/** Where a program of C keeps nothing: the address of the table of ranges, as assembly/checked.mjs reads it. */
const TABLE = 16;
const MOST_RANGES = 64;

/** What is known of a heap. */
class Blocks {
  /** Those that were taken by our side, by address. */
  readonly taken = new Map<number, number>();
  /** Tensors whose address was asked for, as large as they are. */
  readonly tensors = new Map<number, number>();
  readonly scratch = new Set<number>();
  table = 0;

  /** Drops tensors that have lain where something else lies now. */
  forget(address: number, bytes: number): void {
    for (const [start, length] of this.tensors)
      if (start < address + bytes && address < start + Math.max(length, 1)) this.tensors.delete(start);
  }

  /** The range of which an address is a part. */
  rangeOf(address: number): [number, number] | null {
    const whole = this.tensors.get(address);
    if (whole !== undefined) return [address, address + whole];
    for (const blocks of [this.taken, this.tensors])
      for (const [start, bytes] of blocks)
        if (address >= start && address < start + bytes) return [start, start + bytes];
    return null;
  }
}

const known = new WeakMap<Heap, Blocks>();
const blocksOf = (heap: Heap): Blocks => {
  let blocks = known.get(heap);
  if (blocks === undefined) {
    blocks = new Blocks();
    known.set(heap, blocks);
  }
  return blocks;
};

/** Jobs that ran, and what they did wrong. */
export const counts = { jobs: 0, violations: 0 };

/** The job that is being set up: what is taken meanwhile is its scratch memory. */
let starting: { readonly heap: Heap; readonly scratchBytes: number } | null = null;

function wrap<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  make: (original: T[K] & ((...args: never[]) => unknown)) => T[K],
): void {
  prototype[name] = make(prototype[name] as T[K] & ((...args: never[]) => unknown));
}

wrap(
  Heap.prototype,
  'malloc',
  (malloc) =>
    function (this: Heap, bytes: number): number {
      const address = (malloc as (bytes: number) => number).call(this, bytes);
      const blocks = blocksOf(this);
      blocks.forget(address, bytes);
      blocks.taken.set(address, bytes);
      if (starting?.heap === this) blocks.scratch.add(address);
      return address;
    },
);

wrap(
  Heap.prototype,
  'free',
  (free) =>
    function (this: Heap, address: number): void {
      const blocks = blocksOf(this);
      blocks.taken.delete(address);
      blocks.scratch.delete(address);
      (free as (address: number) => void).call(this, address);
    },
);

wrap(
  Heap.prototype,
  'pointer',
  (pointer) =>
    function (this: Heap, info: tf.TensorInfo): number {
      const address = (pointer as (info: tf.TensorInfo) => number).call(this, info);
      const bytes = tf.util.sizeFromShape(info.shape) * tf.util.bytesPerElement(info.dtype);
      const blocks = blocksOf(this);
      blocks.forget(address, bytes);
      blocks.tensors.set(address, bytes);
      return address;
    },
);

wrap(
  Runtime.prototype,
  'run',
  (run) =>
    function (this: Runtime, ...args: unknown[]): void {
      counts.jobs++;
      starting = { heap: this.heap, scratchBytes: (args[3] as number | undefined) ?? 4096 };
      try {
        (run as (...args: unknown[]) => void).apply(this, args);
      } catch (error) {
        const { table } = blocksOf(this.heap);
        const [address, bytes, wrote] = this.heap.u32.subarray(table / 4 + 1, table / 4 + 4) as unknown as [
          number,
          number,
          number,
        ];
        if (bytes === 0) throw error;
        counts.violations++;
        this.heap.u32.fill(0, table / 4 + 1, table / 4 + 4);
        throw new Error(
          `${String(args[0])} ${wrote === 1 ? 'wrote' : 'read'} ${bytes} bytes at ${address}: ${described(this.heap)}`,
          {
            cause: error,
          },
        );
      } finally {
        starting = null;
      }
    } as Runtime['run'],
);

function described(heap: Heap): string {
  const { table } = blocksOf(heap);
  const count = heap.u32[table / 4]!;
  const ranges = heap.u32.subarray(table / 4 + 4, table / 4 + 4 + 2 * count);
  return `it may touch ${Array.from({ length: count }, (_, i) => `${ranges[2 * i]}..${ranges[2 * i + 1]}`).join(', ')}`;
}

/** The addresses among the arguments of a job, those in classes that they point to included. */
function* addressesIn(name: string, values: Values): Generator<number> {
  for (const [field, , kind, struct] of structs[name as keyof typeof structs].fields as readonly Field[]) {
    const value = values[field];
    if (kind === 'usize') yield value as number;
    else if (struct !== undefined && value != null) yield* addressesIn(struct, value as Values);
  }
}

wrap(
  ArgumentArea.prototype,
  'write',
  (write) =>
    function (this: ArgumentArea, job: JobName, args: never): number {
      const setUp = starting;
      starting = null;
      const address = (write as (job: JobName, args: never) => number).call(this, job, args);
      // Tests write arguments without a job.
      if (setUp === null) return address;
      const { heap, scratchBytes } = setUp;
      const blocks = blocksOf(heap);
      const ranges = [blocks.rangeOf(address)!];
      for (const scratch of blocks.scratch) ranges.push([scratch, scratch + scratchBytes + 64]);
      for (const pointer of addressesIn(jobs[job], args as Values)) {
        if (pointer === 0) continue;
        const range = blocks.rangeOf(pointer);
        if (range === null)
          throw new Error(`${job} is given ${pointer}, where no tensor and no block is known`);
        ranges.push(range);
      }
      if (ranges.length > MOST_RANGES) throw new Error(`${ranges.length} ranges`);
      if (blocks.table === 0) blocks.table = heap.malloc(16 + 8 * MOST_RANGES);
      heap.u32[TABLE / 4] = blocks.table;
      heap.u32.set([ranges.length, 0, 0, 0, ...ranges.flat()], blocks.table / 4);
      return address;
    } as ArgumentArea['write'],
);

// ---- the checked binaries in the place of the others -----------------------------------------------------------------

const decode = (base64: string): Bytes => new Uint8Array(Buffer.from(base64, 'base64'));
const checkedBinary = (target: string): Bytes =>
  new Uint8Array(
    readFileSync(new URL(`../../packages/kernels/build/checked/${target}.wasm`, import.meta.url)),
  );
const replacements = Object.entries({ simd, relaxed, relaxed4, wide }).map(([target, base64]) => ({
  from: withSharedMemory(decode(base64)),
  to: checkedBinary(target),
}));

/** The checked binary where the source is one of ours; else the source. */
function checked(source: BufferSource): BufferSource {
  const bytes = new Uint8Array(source as ArrayBuffer);
  const shared = isOurs(bytes) ? withSharedMemory(bytes) : null;
  const found = shared && replacements.find(({ from }) => Buffer.compare(from, shared) === 0);
  if (found == null) return source;
  const isShared = Buffer.compare(bytes, shared!) === 0;
  return isShared ? withSharedMemory(found.to) : found.to;
}

const { compile, Module } = WebAssembly;
WebAssembly.compile = async (source: BufferSource) => compile(checked(source));
WebAssembly.Module = class extends Module {
  constructor(source: BufferSource) {
    super(checked(source));
  }
};

function isOurs(bytes: Bytes): boolean {
  return replacements.some(({ from }) => from.length === bytes.length);
}

// ---- the counts, those of the programs that tests start included -----------------------------------------------------

/** Expects that a job which reads behind its input is found: where the binary were another than the checked one, none would be. */
function expectFound(): void {
  const { heap } = runtimeOf(tf.backend());
  const [x, out] = [heap.malloc(4), heap.malloc(64)];
  const { jobs: before } = counts;
  expect(() =>
    runtimeOf(tf.backend()).run('sumRows', 1, { x, out, rows: 1, columns: 16, rowsPerItem: 1 }),
  ).to.throw(/^sumRows read \d+ bytes at/);
  counts.jobs = before;
  counts.violations = 0;
  for (const pointer of [x, out]) heap.free(pointer);
}

const told = process.env[BOUNDS_FILE];
if (told !== undefined) {
  process.once('exit', () => {
    if (counts.jobs > 0) appendFileSync(told, `${counts.jobs} ${counts.violations}\n`);
  });
} else {
  const folder = mkdtempSync(join(tmpdir(), 'chaingrad-bounds-'));
  const file = join(folder, 'counts');
  process.env[BOUNDS_FILE] = file;
  // Most tests take the kernels that are registered for 'wasm': these are to be ours, whichever files run.
  before(async () => {
    await tf.setBackend('wasm');
    await tf.ready();
    await registerWasmKernels();
    expectFound();
  });
  after(() => {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    rmSync(folder, { recursive: true });
    let { jobs, violations } = counts;
    for (const line of lines) {
      const [more, wrong] = line.split(' ').map(Number) as [number, number];
      jobs += more;
      violations += wrong;
    }
    console.info(`${jobs} jobs were checked, ${violations} touched what is not theirs`);
    if (lines.length > 0)
      console.info(`(${jobs - counts.jobs} of them in ${lines.length} programs that tests started)`);
    if (jobs === 0) throw new Error('no job ran on the checked binary');
    if (violations > 0) throw new Error(`${violations} jobs touched what is not theirs`);
  });
}
