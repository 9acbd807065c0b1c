/** Builds pickles by hand, opcode by opcode, and PyTorch's archives around them. */
import { zipSync } from 'fflate';

/** A PyTorch archive around a pickle. */
export const pth = (...pickle: (string | number[])[]): Uint8Array<ArrayBuffer> => {
  const parts = pickle.map((part) =>
    typeof part === 'string' ? Uint8Array.from(part, (c) => c.charCodeAt(0)) : Uint8Array.from(part),
  );
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  return zipSync(
    { 'x/data.pkl': bytes, 'x/data/0': new Uint8Array(16) },
    { level: 0 },
  ) as Uint8Array<ArrayBuffer>;
};
export const unicode = (value: string) => [0x58, value.length, 0, 0, 0, ...new TextEncoder().encode(value)];
export const int = (value: number) => [
  0x4a,
  value & 255,
  (value >> 8) & 255,
  (value >> 16) & 255,
  value >>> 24,
];
/** The storage of the file, of so many values as opcodes say. */
const storageOf = (length: number[]) => [
  '(',
  unicode('storage'),
  'ctorch\nFloatStorage\n',
  unicode('0'),
  unicode('cpu'),
  length,
  'tQ',
];
export const storage = (length: number) => storageOf(int(length));
/** The pickle of `{'w': tensor}` whose shape and strides are given as opcodes. */
export const tensor = (
  shape: number[],
  strides: number[],
  offset: number[] = int(0),
  length: number[] = int(4),
) => [
  [0x80, 2],
  '}',
  unicode('w'),
  'ctorch._utils\n_rebuild_tensor_v2\n',
  '(',
  ...storageOf(length),
  offset,
  ['('.charCodeAt(0), ...shape, 't'.charCodeAt(0)],
  ['('.charCodeAt(0), ...strides, 't'.charCodeAt(0)],
  [0x89],
  'ccollections\nOrderedDict\n)R',
  'tRs.',
];
export const long = (value: bigint) => [
  0x8a,
  8,
  ...Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n)),
];
