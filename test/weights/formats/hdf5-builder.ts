/** Builds HDF5 files by hand, message by message: a root group of old headers. */

export type Bytes = readonly number[];

const little = (width: number, value: number): number[] =>
  Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** i) % 256);
export const u8 = (value: number) => little(1, value);
export const u16 = (value: number) => little(2, value);
export const u32 = (value: number) => little(4, value);
export const u64 = (value: number) => little(8, value);

const superblockLength = 48;

/** A message of an object header. */
export const message = (type: number, data: Bytes): number[] => [
  ...u16(type),
  ...u16(data.length),
  ...[0, 0, 0, 0],
  ...data,
];

/** An object header of version 1. */
export const header = (...messages: Bytes[]): number[] => {
  const body = messages.flat();
  return [1, 0, ...u16(messages.length), ...u32(1), ...u32(body.length), ...u32(0), ...body];
};

/** A link to an object. */
export const link = (name: string, address: number): number[] =>
  message(6, [1, 0, name.length, ...new TextEncoder().encode(name), ...u64(address)]);

/** A continuation of a header. */
export const continuation = (address: number, length: number): number[] =>
  message(0x10, [...u64(address), ...u64(length)]);

/** The header of a dataset of float32 with one dimension. */
export const dataset = (length: number, layout: Bytes, ...more: Bytes[]): number[] =>
  header(
    message(1, [1, 1, 0, 0, 0, 0, 0, 0, ...u64(length)]),
    message(3, [0x11, 0x20, 0x1f, 0, ...u32(4), ...u16(0), ...u16(32), 23, 8, 0, 23, ...u32(127)]),
    message(8, layout),
    ...more,
  );

export const contiguous = (address: number, size: number): number[] => [3, 1, ...u64(address), ...u64(size)];

/** The pipeline of filters, by their numbers. */
export const filters = (...ids: number[]): number[] =>
  message(11, [2, ids.length, ...ids.flatMap((id) => [...u16(id), ...u16(0), ...u16(1), ...u32(4)])]);

/**
 * The file: superblock, then the parts one after the other, the root group's header first.
 * @param make the parts, given the address of each; it is called twice, first with zeros, to learn the lengths.
 */
export function buildHdf5(make: (addresses: readonly number[]) => readonly Bytes[]): Uint8Array<ArrayBuffer> {
  const lengths = make(new Array<number>(16).fill(0)).map((part) => part.length);
  let at = superblockLength;
  const addresses = lengths.map((length) => {
    at += length;
    return at - length;
  });
  const superblock = [
    ...[0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, 2, 8, 8, 0],
    ...u64(0),
    ...new Array<number>(8).fill(255),
    ...u64(at),
    ...u64(superblockLength),
    ...u32(0),
  ];
  return Uint8Array.from([...superblock, ...make(addresses).flat()]);
}
