import { expect } from 'chai';
import { FormatError } from '../../../packages/core/src/arrays/format-error.ts';
import type { NamedArray } from '../../../packages/core/src/arrays/named-array.ts';
import { readNpy, readNpyHeader, writeNpy } from '../../../packages/weights/src/formats/npy.ts';
import { asExpected, numpyExpected, readFixture } from './fixtures.ts';

const expected = numpyExpected();
const names = Object.keys(expected).filter((name) => name !== 'numpy' && name !== 'safetensors');

/** An npy file of version 1 with a header of any text. */
function npy(header: string, body: Uint8Array | number = 0): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(header);
  const values = typeof body === 'number' ? new Uint8Array(body) : body;
  const out = new Uint8Array(10 + text.length + values.length);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8]);
  out.set(text, 10);
  out.set(values, 10 + text.length);
  return out;
}

const header = (descr: string, shape: string) =>
  `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }\n`;

describe('readNpy', () => {
  for (const name of names) {
    it(`reads what NumPy wrote: ${name}`, () => {
      const want = expected[name]!;
      const got = readNpy(readFixture(`numpy/${name}.npy`));
      expect(asExpected(got, want)).to.deep.equal({
        ...want,
        dtype: want.dtype === 'object' ? 'object-null' : want.dtype,
      });
    });
  }

  it('reads headers of version 2 and 3', () => {
    for (const name of ['version2', 'version3']) {
      const array = readNpy(readFixture(`numpy/${name}.npy`));
      expect(array.shape).to.deep.equal([2, 3, 4]);
      expect([...array.data!]).to.deep.equal(Array.from({ length: 24 }, (_, i) => i));
    }
  });

  it('reads from the middle of a larger buffer, aligned or not', () => {
    const file = readFixture('numpy/float64.npy');
    for (const offset of [0, 1, 3, 8]) {
      const larger = new Uint8Array(file.length + 16);
      larger.set(file, offset);
      const array = readNpy(larger.subarray(offset, offset + file.length));
      expect(array.data).to.deep.equal(readNpy(file).data);
    }
  });

  it('recognises None without running the pickle, in any protocol', () => {
    // Protocol 2 (old NumPy), 3 (the goldens) and 4 (NumPy 2) end in these bytes.
    const ends = ['\x89]q\x0cNatq\rb.', '\x89]r\x00\x01\x00\x00Natr\x01\x01\x00\x00b.', '\x89]\x94Nat\x94b.'];
    for (const end of ends) {
      const array = readNpy(
        npy(
          header('|O', '()'),
          Uint8Array.from(`\x80${end}`, (c) => c.charCodeAt(0)),
        ),
      );
      expect(array).to.deep.equal({ shape: [], dtype: 'object-null', data: null });
    }
  });

  it('tolerates the spellings of other writers', () => {
    const array = readNpy(npy(`{"shape":(2L,),"fortran_order":False,"descr":"|u1"}`, 2));
    expect(array.shape).to.deep.equal([2]);
  });
});

describe('readNpy refuses with a FormatError', () => {
  const good = readFixture('numpy/float32.npy');
  const version = (n: number) => Object.assign(good.slice(), { 6: n });
  const hostile: [string, Uint8Array<ArrayBuffer>, RegExp][] = [
    ['nothing', new Uint8Array(0), /npy file/],
    ['another format', new TextEncoder().encode('PK\x03\x04 not an array'), /npy file/],
    ['a file that ends in its length', good.slice(0, 9), /npy file/],
    ['a file that ends in its header', good.slice(0, 60), /header of/],
    ['a file that ends in its values', good.slice(0, good.length - 1), /40 bytes for shape/],
    ['a file with more values than it says', new Uint8Array([...good, 0]), /40 bytes for shape/],
    ['version 0', version(0), /version/],
    ['version 9', version(9), /version/],
    [
      'a header length of 4 GiB',
      Object.assign(version(2), { 8: 255, 9: 255, 10: 255, 11: 255 }),
      /4294967295/,
    ],
    ['a header that is no dictionary', npy('[1, 2]'), /dictionary/],
    ['a header that is a program', npy("__import__('os').system('false')"), /dictionary/],
    ['a call as a value', npy("{'descr': eval('1'), 'fortran_order': False, 'shape': ()}"), /dictionary/],
    ['a header that does not end', npy("{'descr': '<f4', 'shape': (1,"), /dictionary/],
    ['text after the header', npy(`${header('|u1', '()')}{}`, 1), /dictionary/],
    ['a very deep header', npy(`{'descr': ${'['.repeat(30000)}`), /nesting/],
    ['a key twice', npy("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': ()}", 1), /twice/],
    ['a missing key', npy("{'descr': '|u1', 'shape': ()}", 1), /fortran_order/],
    [
      'a surplus key',
      npy("{'descr': '|u1', 'fortran_order': False, 'shape': (), 'x': 1}", 1),
      /fortran_order/,
    ],
    ['a shape that is a number', npy(header('|u1', '3'), 3), /a shape of/],
    ['a shape of strings', npy(header('|u1', "('3',)"), 3), /a shape of/],
    ['a negative dimension', npy(header('|u1', '(-1,)'), 3), /dictionary/],
    ['65 dimensions', npy(header('|u1', `(${'1,'.repeat(65)})`), 1), /64/],
    ['a shape whose product overflows', npy(header('<f8', '(4294967296, 4294967296, 4294967296)')), /memory/],
    ['a dimension beyond exact integers', npy(header('|u1', '(99999999999999999999,)')), /integers/],
    ['a size beyond exact integers', npy(header('<f8', '(9007199254740991,)')), /memory/],
    ['a shape far larger than the file', npy(header('<f8', '(1000000000000,)'), 8), /8000000000000 bytes/],
    ['endless strings of no width', npy(header('<U0', '(1000000000000,)')), /element type/],
    ['a code point beyond Unicode', npy(header('<U1', '(1,)'), new Uint8Array([0, 0, 0x11, 0])), /Unicode/],
  ];
  for (const [what, bytes, message] of hostile) {
    it(what, () => {
      const read = () => readNpy(bytes, { file: 'evil.npy', key: 'W' });
      expect(read).to.throw(FormatError, message).with.property('file', 'evil.npy');
      expect(read).to.throw(FormatError).with.property('key', 'W');
    });
  }

  for (const [name, message] of [
    ['object', /Python objects/],
    ['objects', /Python objects/],
    ['complex', /element type/],
    ['record', /element type/],
    ['date', /element type/],
    ['bytes', /element type/],
  ] as const) {
    it(`NumPy's ${name}`, () => {
      expect(() => readNpy(readFixture(`numpy/refused_${name}.npy`))).to.throw(FormatError, message);
    });
  }
});

describe('writeNpy', () => {
  // What NumPy wrote in C order and little-endian comes out the same byte for byte.
  for (const name of names.filter((name) => !/^(big|fortran|none)/.test(name))) {
    it(`writes NumPy's own bytes: ${name}`, () => {
      const file = readFixture(`numpy/${name}.npy`);
      expect(Buffer.from(writeNpy(readNpy(file))).equals(Buffer.from(file))).to.equal(true);
    });
  }

  for (const name of names.filter((name) => /^(big|fortran)/.test(name))) {
    it(`writes ${name} in C order and little-endian`, () => {
      const array = readNpy(readFixture(`numpy/${name}.npy`));
      const written = writeNpy(array);
      expect(readNpyHeader(written)).to.include({ littleEndian: true, fortranOrder: false });
      expect(readNpy(written)).to.deep.equal(array);
    });
  }

  const refused: [string, NamedArray, RegExp][] = [
    ['None', { shape: [], dtype: 'object-null', data: null }, /pickle/],
    ['bfloat16', { shape: [1], dtype: 'bfloat16', data: new Uint16Array(1) }, /bfloat16/],
    ['a wrong shape', { shape: [3], dtype: 'int8', data: new Int8Array(2) }, /3 values/],
    ['a rank beyond NumPy', { shape: Array(65).fill(1), dtype: 'int8', data: new Int8Array(1) }, /64 axes/],
    ['a fractional dimension', { shape: [0.5], dtype: 'int8', data: new Int8Array(0) }, /integers/],
  ];
  for (const [what, array, message] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => writeNpy(array, { file: 'out' })).to.throw(FormatError, message);
    });
  }
});
