/** Writes flatbuffers: tables of fields, each by its number in the schema; what a table points to lies behind it. */

/** A field of a table. Null leaves it out, which means its default. */
export type FlatField =
  | null
  | { readonly kind: 'byte'; readonly value: number }
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | FlatTable
  | FlatVector;

export interface FlatTable {
  readonly kind: 'table';
  readonly fields: readonly FlatField[];
}

export type FlatVector =
  | { readonly kind: 'ints'; readonly values: readonly number[] }
  | { readonly kind: 'bytes'; readonly values: Uint8Array }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'tables'; readonly values: readonly FlatTable[] };

export const byte = (value: number): FlatField => ({ kind: 'byte', value });
export const int = (value: number): FlatField => ({ kind: 'int', value });
export const float = (value: number): FlatField => ({ kind: 'float', value });
export const ints = (values: readonly number[]): FlatField => ({ kind: 'ints', values });
export const text = (value: string): FlatField => ({ kind: 'text', value });
export const table = (...fields: FlatField[]): FlatTable => ({ kind: 'table', fields });
export const tables = (values: readonly FlatTable[]): FlatField => ({ kind: 'tables', values });
/** Bytes that begin at a multiple of 16, as TFLite wants the values of its arrays. */
export const bytes = (values: Uint8Array): FlatField => ({ kind: 'bytes', values });

class Writer {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;

  /** Reserves `size` bytes whose place plus `before` is a multiple of `alignment`. */
  reserve(size: number, alignment: number, before = 0): number {
    const at = Math.ceil((this.#end + before) / alignment) * alignment - before;
    this.#end = at + size;
    if (this.#end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#end, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  int(at: number, value: number): void {
    this.#view.setInt32(at, value, true);
  }

  put(at: number, values: Uint8Array): void {
    this.#bytes.set(values, at);
  }

  /** @returns where the table stands. */
  table({ fields }: FlatTable): number {
    const last = fields.findLastIndex((field) => field !== null);
    const present = fields.slice(0, last + 1);
    const vtable = this.reserve(4 + 2 * present.length, 2);
    // Bytes come last, so that all the others are aligned.
    const order = [...present.keys()].sort(
      (a, b) => Number(present[a]?.kind === 'byte') - Number(present[b]?.kind === 'byte'),
    );
    const offsets = new Map<number, number>();
    let size = 4;
    for (const i of order) {
      if (present[i] === null) continue;
      offsets.set(i, size);
      size += present[i]!.kind === 'byte' ? 1 : 4;
    }
    const at = this.reserve(size, 4);
    this.int(at, at - vtable);
    this.#view.setUint16(vtable, 4 + 2 * present.length, true);
    this.#view.setUint16(vtable + 2, size, true);
    present.forEach((_, i) => {
      this.#view.setUint16(vtable + 4 + 2 * i, offsets.get(i) ?? 0, true);
    });
    for (const [i, offset] of offsets) this.#field(at + offset, present[i]!);
    return at;
  }

  #field(at: number, field: NonNullable<FlatField>): void {
    if (field.kind === 'byte') this.#view.setInt8(at, field.value);
    else if (field.kind === 'int') this.int(at, field.value);
    else if (field.kind === 'float') this.#view.setFloat32(at, field.value, true);
    else {
      const place = field.kind === 'table' ? this.table(field) : this.#vector(field);
      this.int(at, place - at);
    }
  }

  #vector(vector: FlatVector): number {
    if (vector.kind === 'text' || vector.kind === 'bytes') {
      const content = vector.kind === 'text' ? new TextEncoder().encode(vector.value) : vector.values;
      const zero = vector.kind === 'text' ? 1 : 0;
      const at = this.reserve(4 + content.length + zero, vector.kind === 'text' ? 4 : 16, 4);
      this.int(at, content.length);
      this.put(at + 4, content);
      return at;
    }
    const at = this.reserve(4 + 4 * vector.values.length, 4);
    this.int(at, vector.values.length);
    vector.values.forEach((value, i) => {
      const slot = at + 4 + 4 * i;
      this.int(slot, typeof value === 'number' ? value : this.table(value) - slot);
    });
    return at;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#end);
  }
}

/** The file with a root table. @param identifier four letters that tell what it is. */
export function writeFlatbuffer(root: FlatTable, identifier: string): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.reserve(8, 4);
  writer.put(4, new TextEncoder().encode(identifier));
  writer.int(0, writer.table(root));
  return writer.bytes();
}
