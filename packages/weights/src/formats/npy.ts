/**
 * NumPy's array file: a magic string, a header that is a Python dictionary, the values.
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import {
  type ArrayDtype,
  type ArrayInfo,
  arrayFromBytes,
  type BinaryDtype,
  brief,
  bytesOfArray,
  elementCount,
  FormatError,
  type FormatPlace,
  isBinary,
  itemSizes,
  type NamedArray,
} from '@chaingrad/core';
import { type PythonLiteral, parsePythonDict } from './python-literal.ts';

export interface NpyHeader extends ArrayInfo {
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  /** Bytes per element; characters take 4 each. 0 for an object array, whose size is unknown. */
  readonly itemSize: number;
  /** Where the values start. */
  readonly dataOffset: number;
  /** How many bytes the values take; NaN for an object array. */
  readonly dataLength: number;
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy's own limit for the number of dimensions. */
const maxRank = 64;
/** A header of a plain array is about 100 bytes. Only structured types, which are not read, need more; NumPy's limit is 10,000. */
const maxHeaderLength = 1 << 16;

/** NumPy's kind and item size, for each element type of fixed size. */
const descrs = {
  float64: 'f8',
  float32: 'f4',
  float16: 'f2',
  int8: 'i1',
  uint8: 'u1',
  int16: 'i2',
  uint16: 'u2',
  int32: 'i4',
  uint32: 'u4',
  int64: 'i8',
  uint64: 'u8',
  bool: 'b1',
} as const satisfies Record<Exclude<BinaryDtype, 'bfloat16'>, string>;

const dtypes = new Map<string, BinaryDtype>(
  Object.entries(descrs).map(([dtype, descr]) => [descr, dtype as BinaryDtype]),
);

/** The longest part of a file that `readNpyHeader` looks at. */
export const npyHeaderLimit = 12 + maxHeaderLength;

/**
 * Reads the header only; `bytes` may be just the beginning of the file.
 * @throws FormatError when the header is damaged, or the element type is one that weights never have
 * (complex, dates, records, byte strings).
 */
export function readNpyHeader(bytes: Uint8Array, place: FormatPlace = { file: 'npy' }): NpyHeader {
  if (bytes.length < 10 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw new FormatError(
      place,
      'an npy file (\\x93NUMPY)',
      bytes.length < 10 ? `${bytes.length} bytes` : 'something else',
    );
  }
  const version = bytes[6]!;
  if (version < 1 || version > 3 || bytes[7] !== 0) {
    throw new FormatError(place, 'npy version 1.0, 2.0 or 3.0', `${version}.${bytes[7]}`);
  }
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start) throw new FormatError(place, 'an npy header', `${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataOffset = start + headerLength;
  if (headerLength > maxHeaderLength || dataOffset > bytes.length) {
    throw new FormatError(
      place,
      `an npy header of ${headerLength} bytes`,
      `only ${bytes.length - start} bytes`,
    );
  }
  const text = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(start, dataOffset));
  return { ...parseHeader(text, place), dataOffset };
}

function parseHeader(text: string, place: FormatPlace): Omit<NpyHeader, 'dataOffset'> {
  let dict: Map<string, PythonLiteral>;
  try {
    dict = parsePythonDict(text);
  } catch (error) {
    throw new FormatError(place, 'a Python dictionary as header', (error as Error).message, undefined, error);
  }
  const descr = dict.get('descr');
  const fortranOrder = dict.get('fortran_order');
  const shape = dict.get('shape');
  if (dict.size !== 3 || descr === undefined || typeof fortranOrder !== 'boolean') {
    throw new FormatError(
      place,
      "a header with 'descr', 'fortran_order' and 'shape'",
      text.trim().slice(0, 200),
    );
  }
  if (!Array.isArray(shape) || shape.length > maxRank || shape.some((dim) => typeof dim !== 'number')) {
    throw new FormatError(place, `a shape of at most ${maxRank} integers`, brief(shape));
  }
  const type = parseDescr(descr, place);
  const dataLength = type.dtype === 'object-null' ? Number.NaN : elementCount(shape, place) * type.itemSize;
  if (dataLength > Number.MAX_SAFE_INTEGER) {
    throw new FormatError(place, 'a shape that fits in memory', `shape (${shape.join(', ')})`);
  }
  return { ...type, fortranOrder, shape, dataLength };
}

function parseDescr(
  descr: PythonLiteral,
  place: FormatPlace,
): { dtype: ArrayDtype; littleEndian: boolean; itemSize: number } {
  const match = typeof descr === 'string' ? /^([<>|=]?)([a-zA-Z])(\d*)$/.exec(descr) : null;
  if (match !== null) {
    const [, order, kind, size] = match;
    const littleEndian = order !== '>';
    const dtype = dtypes.get(`${kind}${size}`);
    if (dtype !== undefined) return { dtype, littleEndian, itemSize: itemSizes[dtype] };
    if (kind === 'O') return { dtype: 'object-null', littleEndian, itemSize: 0 };
    // Characters of four bytes. A width of 0 would make any number of strings out of no bytes.
    if (kind === 'U' && Number(size) > 0) return { dtype: 'str', littleEndian, itemSize: 4 * Number(size) };
  }
  throw new FormatError(
    place,
    `an element type among ${Object.values(descrs).join(', ')}, U and O`,
    brief(descr),
    'Convert the array with NumPy first, or ignore this name.',
  );
}

/**
 * Reads a whole npy file: versions 1 to 3, both byte orders, C and Fortran order, any rank, numbers, booleans and
 * strings, and Chainer's stored `None` (recognised by its bytes: a pickle is never evaluated).
 * The data may share memory with `bytes`.
 * @throws FormatError when header and length disagree, or the element type is not supported.
 */
export function readNpy(bytes: Uint8Array<ArrayBuffer>, place: FormatPlace = { file: 'npy' }): NamedArray {
  const header = readNpyHeader(bytes, place);
  const body = bytes.subarray(header.dataOffset);
  const { shape, dtype } = header;
  if (dtype === 'object-null') {
    if (shape.length === 0 && isPickledNone(body)) return { shape, dtype, data: null };
    throw new FormatError(
      place,
      'numbers, strings or a stored None',
      `Python objects of shape (${shape.join(', ')})`,
      'They are pickled, and a pickle is a program: it is not run. Ignore this name, or save it as numbers.',
    );
  }
  if (body.length !== header.dataLength) {
    throw new FormatError(
      place,
      `${header.dataLength} bytes for shape (${shape.join(', ')})`,
      `${body.length}`,
    );
  }
  const array = dtype === 'str' ? readStrings(body, header, place) : readNumbers(body, dtype, header);
  return header.fortranOrder && shape.length > 1 ? toCOrder(array) : array;
}

const readNumbers = (body: Uint8Array<ArrayBuffer>, dtype: BinaryDtype, header: NpyHeader): NamedArray =>
  arrayFromBytes(body, dtype, header.shape, header.littleEndian);

/** A text that is put together from single characters takes many times as much memory. */
const codesAtOnce = 1 << 10;

function readStrings(body: Uint8Array, header: NpyHeader, place: FormatPlace): NamedArray {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const data: string[] = [];
  const codeAt = (at: number) => view.getUint32(at, header.littleEndian);
  for (let at = 0; at < body.length; at += header.itemSize) {
    // What is not filled are zeros.
    let end = at + header.itemSize;
    while (end > at && codeAt(end - 4) === 0) end -= 4;
    let text = '';
    for (let start = at; start < end; start += codesAtOnce * 4) {
      const codes: number[] = [];
      for (let i = start; i < Math.min(end, start + codesAtOnce * 4); i += 4) {
        const code = codeAt(i);
        if (code > 0x10ffff) throw new FormatError(place, 'Unicode code points', `0x${code.toString(16)}`);
        codes.push(code);
      }
      text += String.fromCodePoint(...codes);
    }
    data.push(text);
  }
  return { shape: header.shape, dtype: 'str', data };
}

/**
 * Whether a pickle is the one that NumPy writes for a 0-d object array holding None: its state tuple ends in
 * "not Fortran order, a list of one None" (opcodes: NEWFALSE EMPTY_LIST [memo] NONE APPEND TUPLE [memo] BUILD STOP).
 */
function isPickledNone(body: Uint8Array): boolean {
  const end = String.fromCharCode(...body.subarray(Math.max(0, body.length - 24)));
  return /\x89\](q.|r.{4}|\x94)?Nat(q.|r.{4}|\x94)?b\.$/s.test(end);
}

/** Reorders values whose first index runs fastest. */
function toCOrder(array: NamedArray): NamedArray {
  if (array.dtype === 'object-null') return array;
  const { shape } = array;
  const source: ArrayLike<unknown> = array.data;
  const data = array.dtype === 'str' ? [...array.data] : array.data.slice();
  const out: { [index: number]: unknown } = data;
  const strides: number[] = [];
  let stride = 1;
  for (const dim of shape) {
    strides.push(stride);
    stride *= dim;
  }
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < source.length; to++) {
    out[to] = source[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { ...array, data } as NamedArray;
}

/**
 * Writes an npy file, byte for byte as NumPy does (little-endian, C order).
 * @throws FormatError for bfloat16, which NumPy does not have, and for None, which would need a pickle.
 */
export function writeNpy(array: NamedArray, place: FormatPlace = { file: 'npy' }): Uint8Array<ArrayBuffer> {
  const [header, body] = npyParts(array, place);
  const out = new Uint8Array(header.length + body.length);
  out.set(header);
  out.set(body, header.length);
  return out;
}

/** The same without a copy: the header, and the values, which share the array's memory where they can. */
export function npyParts(
  array: NamedArray,
  place: FormatPlace,
): readonly [header: Uint8Array, body: Uint8Array] {
  const count = elementCount(array.shape, place);
  if (array.dtype === 'object-null' || array.dtype === 'bfloat16') {
    const got = array.dtype === 'bfloat16' ? 'bfloat16' : 'None, which only a pickle can express';
    throw new FormatError(place, 'numbers or strings that NumPy knows', got, 'Convert it, or leave it out.');
  }
  if (array.data.length !== count) {
    throw new FormatError(
      place,
      `${count} values for shape (${array.shape.join(', ')})`,
      `${array.data.length}`,
    );
  }
  const width = array.dtype === 'str' ? array.data.reduce((n, text) => Math.max(n, [...text].length), 1) : 0;
  const descr = array.dtype === 'str' ? `<U${width}` : numpyDescr(array.dtype);
  const header = encodeHeader(descr, array.shape);
  const body = isBinary(array) ? bytesOfArray(array) : encodeStrings(array.data as readonly string[], width);
  return [header, body];
}

const numpyDescr = (dtype: keyof typeof descrs): string =>
  `${itemSizes[dtype] === 1 ? '|' : '<'}${descrs[dtype]}`;

function encodeStrings(texts: readonly string[], width: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(texts.length * width * 4));
  texts.forEach((text, i) => {
    [...text].forEach((char, k) => {
      view.setUint32((i * width + k) * 4, char.codePointAt(0)!, true);
    });
  });
  return new Uint8Array(view.buffer);
}

function encodeHeader(descr: string, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  let text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  // NumPy leaves room for the first dimension to grow to 21 digits, then pads the whole to 64 bytes.
  if (shape.length > 0) text += ' '.repeat(21 - String(shape[0]).length);
  text += `${' '.repeat(64 - ((10 + text.length + 1) % 64))}\n`;
  const out = new Uint8Array(10 + text.length);
  out.set(magic);
  out[6] = 1;
  new DataView(out.buffer).setUint16(8, text.length, true);
  out.set(new TextEncoder().encode(text), 10);
  return out;
}
