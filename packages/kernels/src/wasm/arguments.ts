/** Writes the arguments of jobs into the heap, where the binaries read them; nothing is written unchecked. */
import { WasmArgumentError } from './errors.ts';
import type { Heap } from './heap.ts';
import { type Jobs, jobs, structs } from './layouts.generated.ts';

export type JobName = keyof Jobs;

export const jobNames = Object.keys(jobs) as readonly JobName[];

/**
 * The arguments `Args` of a job that expects `Expected`, where a field too many is a type error: TypeScript itself lets those
 * pass that come from a spread object.
 */
export type Exactly<Expected, Args> = Args & Readonly<Record<Exclude<keyof Args, keyof Expected>, never>>;

type Field = readonly [name: string, offset: number, kind: string, struct?: string];

interface Struct {
  readonly bytes: number;
  readonly fields: readonly Field[];
}

const structNamed = (name: string): Struct => structs[name as keyof typeof structs];

type Values = Readonly<Record<string, unknown>>;

/** Bytes from one block of the area to the next. */
const blockBytes = (bytes: number) => (bytes + 15) & ~15;

const listBytes = (length: number) => blockBytes(4 * (length + 1));

/** Bytes that a class of arguments takes, with the lists and classes that its fields point to. */
function bytesOf(name: string, values: Values): number {
  const { bytes, fields } = structNamed(name);
  let sum = blockBytes(bytes);
  for (const [field, , kind, struct] of fields) {
    const value = values[field];
    if (kind === 'list' && Array.isArray(value)) sum += listBytes(value.length);
    else if (struct !== undefined && value != null) sum += bytesOf(struct, value as Values);
  }
  return sum;
}

/** The block of the heap that holds the arguments of the job that runs now. Jobs run one after another. */
export class ArgumentArea {
  readonly #heap: Heap;
  #pointer = 0;
  #capacity = 0;
  #used = 0;
  #job = '';
  #i32: Int32Array = new Int32Array(0);
  #u32: Uint32Array = new Uint32Array(0);
  #f32: Float32Array = new Float32Array(0);
  #u8: Uint8Array = new Uint8Array(0);

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /**
   * Writes the arguments of a job, over those of the last one.
   *
   * @returns the address to give to the job.
   * @throws WasmArgumentError for a field that is missing, unknown or of another kind.
   */
  write<J extends JobName>(job: J, args: Jobs[J]): number {
    const values = args as unknown as Values;
    this.#reserve(bytesOf(jobs[job], values));
    // The heap grows only when something is allocated, which nothing is below.
    const { i32, u32, f32, u8 } = this.#heap;
    this.#i32 = i32;
    this.#u32 = u32;
    this.#f32 = f32;
    this.#u8 = u8;
    this.#used = 0;
    this.#job = job;
    return this.#writeStruct(jobs[job], values);
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#capacity) return;
    const capacity = Math.max(4096, 2 ** Math.ceil(Math.log2(bytes)));
    const pointer = this.#heap.malloc(capacity);
    if (this.#capacity > 0) this.#heap.free(this.#pointer);
    this.#pointer = pointer;
    this.#capacity = capacity;
  }

  /** The next `bytes` of the area. */
  #take(bytes: number): number {
    const start = this.#used;
    if (start + bytes > this.#capacity)
      throw new RangeError(`${start + bytes} bytes of arguments do not fit into ${this.#capacity}.`);
    this.#used += bytes;
    return this.#pointer + start;
  }

  #writeStruct(name: string, values: Values): number {
    const { bytes, fields } = structNamed(name);
    const at = this.#take(blockBytes(bytes));
    for (const [field, offset, kind, struct] of fields) {
      const value = values[field];
      if (kind === 'i32') this.#writeInteger(at + offset, field, value);
      else if (kind === 'usize') this.#writePointer(at + offset, field, value);
      else if (kind === 'bool') {
        if (typeof value !== 'boolean') throw this.#error(field, 'true or false', value);
        this.#u8[at + offset] = value ? 1 : 0;
      } else if (kind === 'f32') {
        if (typeof value !== 'number') throw this.#error(field, 'a number', value);
        this.#f32[(at + offset) / 4] = value;
      } else if (kind === 'list') this.#u32[(at + offset) / 4] = this.#writeList(field, value);
      else if (kind === 'struct?' && value === null) this.#u32[(at + offset) / 4] = 0;
      else {
        if (typeof value !== 'object' || value === null) throw this.#error(field, `a ${struct}`, value);
        this.#u32[(at + offset) / 4] = this.#writeStruct(struct!, value as Values);
      }
    }
    const keys = Object.keys(values);
    if (keys.length !== fields.length) {
      const unknown = keys.find((key) => !fields.some(([field]) => field === key))!;
      throw this.#error(unknown, `no such field in ${name}`, values[unknown]);
    }
    return at;
  }

  #writeInteger(at: number, field: string, value: unknown): void {
    if (typeof value !== 'number' || (value | 0) !== value)
      throw this.#error(field, 'an integer of 32 bits', value);
    this.#i32[at / 4] = value;
  }

  #writePointer(at: number, field: string, value: unknown): void {
    const { byteLength } = this.#u32;
    if (typeof value !== 'number' || value >>> 0 !== value || value > byteLength)
      throw this.#error(field, `an address within the heap of ${byteLength} bytes`, value);
    this.#u32[at / 4] = value;
  }

  #writeList(field: string, values: unknown): number {
    if (!Array.isArray(values)) throw this.#error(field, 'an array of integers', values);
    const at = this.#take(listBytes(values.length));
    this.#writeInteger(at, field, values.length);
    for (const [i, value] of values.entries()) this.#writeInteger(at + 4 + 4 * i, `${field}[${i}]`, value);
    return at;
  }

  #error(field: string, expected: string, got: unknown): WasmArgumentError {
    return new WasmArgumentError(this.#job, field, expected, got);
  }
}
