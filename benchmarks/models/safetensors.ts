/** Safetensors files of float32 arrays, as little as the peers need: they must not load any of chaingrad. */
import type { NamedValues } from './layouts.ts';

/** The header of a file of these arrays, to be followed by their values in this order. */
export function safetensorsHeader(
  arrays: Iterable<readonly [name: string, shape: readonly number[]]>,
): Uint8Array {
  const entries: Record<string, object> = {};
  let at = 0;
  for (const [name, shape] of arrays) {
    const end = at + 4 * shape.reduce((a, b) => a * b, 1);
    entries[name] = { dtype: 'F32', shape, data_offsets: [at, end] };
    at = end;
  }
  const text = JSON.stringify(entries);
  const json = new TextEncoder().encode(text.padEnd(text.length + ((8 - (text.length % 8)) % 8)));
  const header = new Uint8Array(8 + json.length);
  new DataView(header.buffer).setBigUint64(0, BigInt(json.length), true);
  header.set(json, 8);
  return header;
}

/** The arrays of a file; they are views on its bytes. */
export function readSafetensors(bytes: Uint8Array<ArrayBuffer>): Map<string, NamedValues> {
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size))) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  const start = bytes.byteOffset + 8 + size;
  return new Map(
    Object.entries(header).map(
      ([
        name,
        {
          shape,
          data_offsets: [from, to],
        },
      ]) => [name, { shape, data: new Float32Array(bytes.buffer, start + from, (to - from) / 4) }],
    ),
  );
}
