/** Filters in the form that the kernels want, kept as long as the filter's data lives and the budget allows. */
import type * as tf from '@tensorflow/tfjs-core';
import { type DataKey, onRelease } from '../tfjs-internals.ts';
import { alignLine, type Heap } from './heap.ts';
import { options } from './options.ts';

/** A form of a filter. */
export interface Form {
  /** A reshaped tensor shares its data, so it must tell the shape too. */
  readonly name: string;
  readonly bytes: number;
  /** Time that its preparation takes, per byte; that of packing is 1. */
  readonly cost: number;
}

/** A form that was asked for. */
interface Known extends Form {
  /** When it was last asked for, on the clock of all that is asked for; 0 when it never was. */
  asked: number;
  /** Its block in the heap; 0 when it is not kept. */
  block: number;
}

/** By the cost, then by the age: the form that can be missed best comes first. */
const byWorth = (a: Known, b: Known) => a.cost - b.cost || a.asked - b.asked;

/**
 * A form is kept when it is asked for a second time: filters that are trained are used once. Where the budget has no room, forms give way
 * that were not asked for since the new one last was, and forms that cost less. Others stay, as networks ask for their forms in the same
 * order time and again: the least recently used form is the one that is asked for next.
 */
export class PreparedFilters {
  readonly #backend: tf.KernelBackend;
  readonly #heap: Heap;
  /** By the filter's data, then by name. Tensors are immutable, so the data identifies the values. */
  readonly #known = new WeakMap<DataKey, Map<string, Known>>();
  readonly #kept = new Set<Known>();
  readonly #watched = new WeakSet<DataKey>();
  #bytes = 0;
  #clock = 0;
  /** What a kernel reads now: that kernel's own allocations must not free it. */
  readonly #inUse: Known[] = [];

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
   * Calls `use` with a pointer to the filter prepared by `fill`.
   *
   * @param instead what to do without the form where it is not kept; else it is prepared for this call alone.
   */
  with(
    data: DataKey,
    form: Form,
    fill: (pointer: number) => void,
    use: (pointer: number) => void,
    instead?: () => void,
  ): void {
    const known = this.#find(data, form);
    const last = known.asked;
    known.asked = ++this.#clock;
    if (known.block !== 0) this.#use(known, use);
    else if (last > 0 && this.#makeRoom(known, last)) {
      this.#keep(data, known, this.#prepared(form, fill));
      this.#use(known, use);
    } else if (instead !== undefined) instead();
    else {
      const block = this.#prepared(form, fill);
      try {
        use(alignLine(block));
      } finally {
        this.#heap.free(block);
      }
    }
  }

  #find(data: DataKey, form: Form): Known {
    let forms = this.#known.get(data);
    if (forms === undefined) {
      forms = new Map();
      this.#known.set(data, forms);
    }
    let known = forms.get(form.name);
    if (known === undefined) {
      known = { ...form, asked: 0, block: 0 };
      forms.set(form.name, known);
    }
    return known;
  }

  /** @returns the block with the form. */
  #prepared({ bytes }: Form, fill: (pointer: number) => void): number {
    const block = this.#heap.malloc(bytes + 64);
    try {
      // May fail, as it asks for scratch memory.
      fill(alignLine(block));
      return block;
    } catch (error) {
      this.#heap.free(block);
      throw error;
    }
  }

  #use(form: Known, use: (pointer: number) => void): void {
    this.#inUse.push(form);
    try {
      use(alignLine(form.block));
    } finally {
      this.#inUse.pop();
    }
  }

  #keep(data: DataKey, form: Known, block: number): void {
    if (!this.#watched.has(data)) {
      this.#watched.add(data);
      onRelease(this.#backend, data, () => this.forget(data));
    }
    form.block = block;
    this.#kept.add(form);
    this.#bytes += form.bytes;
  }

  #free(form: Known): void {
    if (!this.#kept.delete(form)) return;
    this.#heap.free(form.block);
    form.block = 0;
    this.#bytes -= form.bytes;
  }

  /**
   * Makes room for a form in the budget; frees nothing where that would not do.
   *
   * @param last when it was asked for before.
   */
  #makeRoom({ bytes, cost }: Known, last: number): boolean {
    let room = options.cacheBytes - this.#bytes;
    if (room >= bytes) return true;
    if (bytes > options.cacheBytes) return false;
    const isStale = ({ asked }: Known) => asked < last;
    const leaving = [...this.#kept]
      .filter((other) => !this.#inUse.includes(other) && (isStale(other) || other.cost < cost))
      .sort((a, b) => Number(isStale(b)) - Number(isStale(a)) || byWorth(a, b))
      .filter((other) => {
        if (room >= bytes) return false;
        room += other.bytes;
        return true;
      });
    if (room < bytes) return false;
    for (const other of leaving) this.#free(other);
    return true;
  }

  /** Frees what was prepared from some data, which was released. */
  forget(data: DataKey): void {
    for (const form of this.#known.get(data)?.values() ?? []) this.#free(form);
    this.#known.delete(data);
  }

  /** Frees the forms that cost least until no more than `bytes` are in use; what a kernel reads stays. */
  shrink(bytes: number): void {
    for (const form of [...this.#kept].sort(byWorth)) {
      if (this.#bytes <= bytes) return;
      if (!this.#inUse.includes(form)) this.#free(form);
    }
  }
}
