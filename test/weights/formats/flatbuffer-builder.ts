/** Writes flatbuffers for tests: every table, vector and string comes after what refers to it. */

export type Field =
  | { readonly kind: 'int8' | 'uint8' | 'int32' | 'uint32'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'int32s'; readonly value: readonly number[] }
  | { readonly kind: 'table'; readonly value: Table }
  | { readonly kind: 'tables'; readonly value: readonly Table[] };

/** Fields by their number in the schema; absent ones are left at their default. */
export type Table = Readonly<Record<number, Field>>;

export const int8 = (value: number): Field => ({ kind: 'int8', value });
export const uint8 = (value: number): Field => ({ kind: 'uint8', value });
export const int32 = (value: number): Field => ({ kind: 'int32', value });
export const uint32 = (value: number): Field => ({ kind: 'uint32', value });
export const text = (value: string): Field => ({ kind: 'text', value });
export const bytes = (value: Uint8Array): Field => ({ kind: 'bytes', value });
export const int32s = (...value: number[]): Field => ({ kind: 'int32s', value });
export const table = (value: Table): Field => ({ kind: 'table', value });
export const tables = (...value: Table[]): Field => ({ kind: 'tables', value });

export function buildFlatbuffer(identifier: string, root: Table): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  const u16 = (v: number) => out.push(v & 255, (v >> 8) & 255);
  const u32 = (v: number) => out.push(v & 255, (v >> 8) & 255, (v >> 16) & 255, (v >>> 24) & 255);
  const patch = (at: number) => {
    const distance = out.length - at;
    for (let i = 0; i < 4; i++) out[at + i] = (distance >> (8 * i)) & 255;
  };
  const align = () => {
    while (out.length % 4 !== 0) out.push(0);
  };

  /** Writes what a field refers to, and the reference to it at `at`. */
  function writeTarget(field: Field, at: number): void {
    if (field.kind === 'table') {
      writeTable(field.value, at);
      return;
    }
    align();
    patch(at);
    if (field.kind === 'text' || field.kind === 'bytes') {
      const data = field.kind === 'text' ? new TextEncoder().encode(field.value) : field.value;
      u32(data.length);
      for (const byte of data) out.push(byte);
      out.push(0);
    } else if (field.kind === 'int32s') {
      u32(field.value.length);
      for (const value of field.value) u32(value);
    } else if (field.kind === 'tables') {
      u32(field.value.length);
      const first = out.length;
      for (const _ of field.value) u32(0);
      field.value.forEach((child, i) => {
        writeTable(child, first + 4 * i);
      });
    }
  }

  function writeTable(fields: Table, reference: number): void {
    align();
    const count = Math.max(-1, ...Object.keys(fields).map(Number)) + 1;
    const vtable = out.length;
    u16(4 + 2 * count);
    u16(4 + 4 * count);
    for (let i = 0; i < count; i++) u16(fields[i] === undefined ? 0 : 4 + 4 * i);
    align();
    patch(reference);
    const start = out.length;
    u32(start - vtable);
    for (let i = 0; i < count; i++) {
      const field = fields[i];
      u32(field !== undefined && typeof field.value === 'number' ? field.value : 0);
    }
    for (let i = 0; i < count; i++) {
      const field = fields[i];
      if (field !== undefined && typeof field.value !== 'number') writeTarget(field, start + 4 + 4 * i);
    }
  }

  u32(0);
  for (const char of identifier) out.push(char.charCodeAt(0));
  writeTable(root, 0);
  return Uint8Array.from(out);
}
