/**
 * A small reader of flatbuffers in which every access is checked against the file's length.
 * Format: https://flatbuffers.dev/internals/
 */
import { FormatError } from '@chaingrad/core';

/** The bytes of a flatbuffer file. */
export class FlatBuffer {
  readonly #view: DataView;
  #budget: number;

  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly file: string,
  ) {
    this.#budget = 4 * bytes.length;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The root table. @throws FormatError when the file does not bear the identifier (4 characters at byte 4). */
  root(identifier: string): FlatTable {
    const found = String.fromCharCode(...this.bytes.subarray(4, 8));
    if (found !== identifier) this.fail(`a flatbuffer '${identifier}'`, JSON.stringify(found));
    return new FlatTable(this, this.follow(0));
  }

  /** Reads a number at a byte; its width and kind by the DataView method. */
  read(method: keyof typeof widths, at: number): number {
    this.check(at, widths[method]);
    return this.#view[method](at, true);
  }

  /** Where the offset at a byte points to. */
  follow(at: number): number {
    const target = at + this.read('getUint32', at);
    this.check(target, 4);
    return target;
  }

  /** @throws FormatError when the bytes are not within the file. */
  check(at: number, length: number): void {
    if (at < 0 || at + length > this.bytes.length) {
      this.fail(`${length} bytes at ${at}`, `a file of ${this.bytes.length} bytes`);
    }
  }

  /**
   * Counts bytes that become objects or copies. Offsets may all point to the same place, so that a small file could
   * unfold to any size; an honest one uses each of its bytes about once.
   * @throws FormatError when far more was used than the file has.
   */
  spend(length: number): void {
    this.#budget -= length;
    if (this.#budget < 0) this.fail('contents that lie apart', 'the same bytes used over and over');
  }

  fail(expected: string, got: string): never {
    throw new FormatError({ file: this.file }, expected, got);
  }
}

const widths = { getUint8: 1, getInt8: 1, getUint16: 2, getInt32: 4, getUint32: 4, getFloat32: 4 } as const;

/** A table of a flatbuffer: fields by their number in the schema, each with the schema's default. */
export class FlatTable {
  readonly #vtable: number;
  readonly #vtableLength: number;

  constructor(
    readonly buffer: FlatBuffer,
    readonly at: number,
  ) {
    buffer.spend(4);
    this.#vtable = at - buffer.read('getInt32', at);
    this.#vtableLength = buffer.read('getUint16', this.#vtable);
    buffer.check(this.#vtable, this.#vtableLength);
  }

  int8(field: number, fallback = 0): number {
    const at = this.#field(field);
    return at === null ? fallback : this.buffer.read('getInt8', at);
  }

  uint8(field: number, fallback = 0): number {
    const at = this.#field(field);
    return at === null ? fallback : this.buffer.read('getUint8', at);
  }

  int32(field: number, fallback = 0): number {
    const at = this.#field(field);
    return at === null ? fallback : this.buffer.read('getInt32', at);
  }

  uint32(field: number, fallback = 0): number {
    const at = this.#field(field);
    return at === null ? fallback : this.buffer.read('getUint32', at);
  }

  float32(field: number, fallback = 0): number {
    const at = this.#field(field);
    return at === null ? fallback : this.buffer.read('getFloat32', at);
  }

  text(field: number): string {
    const { at, length } = this.#vector(field, 1);
    this.buffer.spend(length);
    return new TextDecoder().decode(this.buffer.bytes.subarray(at, at + length));
  }

  /** The bytes of a `[ubyte]`, not copied; null where the field is absent. */
  bytes(field: number): Uint8Array<ArrayBuffer> | null {
    if (this.#field(field) === null) return null;
    const { at, length } = this.#vector(field, 1);
    return this.buffer.bytes.subarray(at, at + length);
  }

  int32s(field: number): number[] {
    const { at, length } = this.#vector(field, 4);
    this.buffer.spend(4 * length);
    return Array.from({ length }, (_, i) => this.buffer.read('getInt32', at + 4 * i));
  }

  float32s(field: number): number[] {
    const { at, length } = this.#vector(field, 4);
    this.buffer.spend(4 * length);
    return Array.from({ length }, (_, i) => this.buffer.read('getFloat32', at + 4 * i));
  }

  int64s(field: number): number[] {
    const { at, length } = this.#vector(field, 8);
    this.buffer.spend(8 * length);
    const half = (i: number) => this.buffer.read('getUint32', at + 8 * i);
    return Array.from({ length }, (_, i) => half(i) + this.buffer.read('getInt32', at + 8 * i + 4) * 2 ** 32);
  }

  table(field: number): FlatTable | null {
    const at = this.#field(field);
    return at === null ? null : new FlatTable(this.buffer, this.buffer.follow(at));
  }

  tables(field: number): FlatTable[] {
    const { at, length } = this.#vector(field, 4);
    return Array.from({ length }, (_, i) => new FlatTable(this.buffer, this.buffer.follow(at + 4 * i)));
  }

  /** Where a field's value lies, or null where it is left at its default. */
  #field(field: number): number | null {
    const slot = 4 + 2 * field;
    if (slot + 2 > this.#vtableLength) return null;
    const offset = this.buffer.read('getUint16', this.#vtable + slot);
    return offset === 0 ? null : this.at + offset;
  }

  /** The items of a vector, none where it is absent. Its length is checked before anything is made of it. */
  #vector(field: number, itemSize: number): { at: number; length: number } {
    const slot = this.#field(field);
    if (slot === null) return { at: 0, length: 0 };
    const at = this.buffer.follow(slot);
    const length = this.buffer.read('getUint32', at);
    this.buffer.check(at + 4, length * itemSize);
    return { at: at + 4, length };
  }
}
