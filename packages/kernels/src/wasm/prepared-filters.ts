/** Filters in the form that the kernels want, kept as long as the filter's data lives and the budget allows. */
import type * as tf from '@tensorflow/tfjs-core';
import { type DataKey, onRelease } from '../tfjs-internals.ts';
import { alignLine, type Heap } from './heap.ts';
import { options } from './options.ts';

interface Entry {
  readonly block: number;
  readonly pointer: number;
  readonly bytes: number;
}

export class PreparedFilters {
  readonly #backend: tf.KernelBackend;
  readonly #heap: Heap;
  /** By the filter's data, least recently used first. Tensors are immutable, so the data identifies the values. */
  readonly #entries = new Map<DataKey, Map<string, Entry>>();
  readonly #watched = new WeakSet<DataKey>();
  /** Forms that were asked for, prepared or not. */
  readonly #seen = new WeakMap<DataKey, Set<string>>();
  #bytes = 0;
  /** The data whose forms a kernel reads now: that kernel's own allocations must not free them. */
  #inUse: DataKey | null = null;

  constructor(backend: tf.KernelBackend, heap: Heap) {
    this.#backend = backend;
    this.#heap = heap;
    heap.onFull = () => this.shrink(0);
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Whether a form is cached, or is worth caching: one that is asked for a second time is. Filters that are trained are used
   * once, and not worth their memory.
   */
  isWorth(data: DataKey, form: string, bytes: number): boolean {
    if (bytes > options.cacheBytes) return false;
    let seen = this.#seen.get(data);
    if (seen === undefined) {
      seen = new Set();
      this.#seen.set(data, seen);
    }
    if (seen.has(form)) return true;
    seen.add(form);
    return false;
  }

  /**
   * Calls `use` with a pointer to the filter prepared by `fill`.
   *
   * @param form its name; a reshaped tensor shares its data, so it must tell the shape too.
   */
  with(
    data: DataKey,
    form: string,
    bytes: number,
    fill: (pointer: number) => void,
    use: (pointer: number) => void,
  ): void {
    const known = this.#entries.get(data)?.get(form);
    if (known !== undefined) {
      const forms = this.#entries.get(data)!;
      this.#entries.delete(data);
      this.#entries.set(data, forms);
      this.#use(data, known.pointer, use);
      return;
    }
    const keep = bytes <= options.cacheBytes;
    this.shrink(keep ? options.cacheBytes - bytes : options.cacheBytes);
    const block = this.#heap.malloc(bytes + 64);
    const pointer = alignLine(block);
    let kept = false;
    try {
      // May fail, as it asks for scratch memory.
      fill(pointer);
      kept = keep;
      if (!kept) use(pointer);
    } finally {
      if (!kept) this.#heap.free(block);
    }
    if (!kept) return;
    let forms = this.#entries.get(data);
    if (forms === undefined) {
      forms = new Map();
      this.#entries.set(data, forms);
    }
    if (!this.#watched.has(data)) {
      this.#watched.add(data);
      onRelease(this.#backend, data, () => this.forget(data));
    }
    forms.set(form, { block, pointer, bytes });
    this.#bytes += bytes;
    this.#use(data, pointer, use);
  }

  #use(data: DataKey, pointer: number, use: (pointer: number) => void): void {
    this.#inUse = data;
    try {
      use(pointer);
    } finally {
      this.#inUse = null;
    }
  }

  /** Frees what was prepared from some data, which was released or overwritten. */
  forget(data: DataKey): void {
    for (const { block, bytes } of this.#entries.get(data)?.values() ?? []) {
      this.#heap.free(block);
      this.#bytes -= bytes;
    }
    this.#entries.delete(data);
  }

  /** Frees the least recently used until no more than `bytes` are in use; what a kernel reads stays. */
  shrink(bytes: number): void {
    for (const data of this.#entries.keys()) {
      if (this.#bytes <= bytes) return;
      if (data !== this.#inUse) this.forget(data);
    }
  }
}
