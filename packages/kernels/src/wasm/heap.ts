/** The heap of tfjs-backend-wasm, in which our binaries work on tfjs' own tensors without a copy. */
import type * as tf from '@tensorflow/tfjs-core';
import { openWasmHeap, type WasmHeap } from '../tfjs-internals.ts';
import { WasmMemoryError } from './errors.ts';

/** The first cache line at or after a pointer: lines must not be split. */
export const alignLine = (pointer: number) => pointer + (-pointer & 63);

/** A view of bytes has 2 ** 32 - 1 of them at most (Node 20). */
const longestView = 2 ** 32 - 1;

/**
 * Free bytes behind every block: kernels load whole vectors, the last of which may begin at the last value. At the very end of the
 * memory that would be an error.
 */
const BEHIND = 16;

/** Bytes of the heap, which has 4 GiB at most, from which on nothing is kept that can be made again. */
const LARGE = 3 * 2 ** 30;

export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly #tfjs: WasmHeap;
  #i32 = new Int32Array(0);
  #u32 = new Uint32Array(0);
  #u8 = new Uint8Array(0);
  #f32 = new Float32Array(0);
  /** Makes room when the heap is full, or nearly so; called before a failure. */
  onFull: () => void = () => {};

  constructor(heap: WasmHeap) {
    this.#tfjs = heap;
    this.memory = heap.memory;
  }

  /** Whether other threads can see it. */
  get shared(): boolean {
    return typeof SharedArrayBuffer !== 'undefined' && this.memory.buffer instanceof SharedArrayBuffer;
  }

  get i32(): Int32Array {
    if (this.#i32.buffer !== this.memory.buffer) this.#i32 = new Int32Array(this.memory.buffer);
    return this.#i32;
  }

  get u32(): Uint32Array {
    if (this.#u32.buffer !== this.memory.buffer) this.#u32 = new Uint32Array(this.memory.buffer);
    return this.#u32;
  }

  get u8(): Uint8Array {
    const { buffer } = this.memory;
    if (this.#u8.buffer !== buffer) {
      this.#u8 = new Uint8Array(buffer, 0, Math.min(buffer.byteLength, longestView));
    }
    return this.#u8;
  }

  get f32(): Float32Array {
    if (this.#f32.buffer !== this.memory.buffer) this.#f32 = new Float32Array(this.memory.buffer);
    return this.#f32;
  }

  /**
   * Lets tfjs' own allocations make room as well, and fail as ours do: tfjs takes no notice of a failure, and would write a
   * tensor that has no room to address 0, over its own data.
   */
  guard(): void {
    this.#tfjs.replaceMalloc((malloc, bytes) => this.#allocate(malloc, bytes));
  }

  #allocate(malloc: (bytes: number) => number, bytes: number): number {
    const before = this.memory.buffer.byteLength;
    // tfjs' malloc gives out a small block when asked for nearly 4 GiB, of which a negative number of bytes is the same
    if (!(bytes >= 0 && bytes <= 0xff000000)) throw new WasmMemoryError(bytes, before);
    const take = (): number => {
      // pointers beyond 2 GiB come as negative numbers
      const pointer = malloc(bytes + BEHIND) >>> 0;
      if (pointer + bytes + BEHIND <= this.#tfjs.visibleBytes()) return pointer;
      this.#tfjs.free(pointer);
      return 0;
    };
    let pointer = take();
    const after = this.memory.buffer.byteLength;
    // Allocations inside tfjs' binary do not come by here, and abort when they fail: room is made before that.
    if (pointer === 0 || (after > before && after > LARGE)) this.onFull();
    if (pointer === 0) pointer = take();
    if (pointer === 0 && bytes > 0) throw new WasmMemoryError(bytes, after);
    return pointer;
  }

  malloc(bytes: number): number {
    return this.#allocate(this.#tfjs.malloc, bytes);
  }

  free(pointer: number): void {
    this.#tfjs.free(pointer);
  }

  /** Calls `use` with blocks that are its own until it returns; they begin at cache lines. */
  withBlocks(bytes: readonly number[], use: (...pointers: number[]) => void): void {
    const blocks = bytes.map((n) => this.malloc(n + 64));
    try {
      use(...blocks.map(alignLine));
    } finally {
      for (const block of blocks) this.free(block);
    }
  }

  /** Where a tensor's values are. */
  pointer(info: tf.TensorInfo): number {
    return this.#tfjs.pointer(info);
  }

  output(shape: readonly number[]): tf.TensorInfo {
    return this.#tfjs.output(shape);
  }
}

/**
 * The heap of a wasm backend.
 *
 * @throws WasmInternalsError when the backend is not built as the one we know.
 */
export const openHeap = (backend: tf.KernelBackend): Heap => new Heap(openWasmHeap(backend));
