import { expect } from 'chai';
import { unzipSync } from 'fflate';
import { FormatError } from '../../../packages/core/src/arrays/format-error.ts';
import type { NamedArray } from '../../../packages/core/src/arrays/named-array.ts';
import { readArray } from '../../../packages/core/src/arrays/read-array.ts';
import { UnknownNameError } from '../../../packages/core/src/errors.ts';
import { readNpy, writeNpy } from '../../../packages/weights/src/formats/npy.ts';
import { NpzWeights, writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { openRandomAccess } from '../../../packages/weights/src/sources/random-access.ts';
import { rejection } from '../../support/errors.ts';
import { readJson, readNpz } from '../../support/goldens.ts';
import { numpyExpected, readFixture } from './fixtures.ts';
import { buildZip, type EntrySpec } from './zip-builder.ts';

const floats = (shape: number[], fill = 0.5): NamedArray => ({
  shape,
  dtype: 'float32',
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => fill + i),
});

const openNpz = async (bytes: Uint8Array<ArrayBuffer>, name = 'npz') =>
  NpzWeights.open(await openRandomAccess(bytes, { name }));

/** Opens a file, and looks at every array, but reads no values. */
async function look(bytes: Uint8Array<ArrayBuffer>, name?: string): Promise<void> {
  const file = await openNpz(bytes, name);
  for (const key of file.keys()) await file.info(key);
}

/** One array of a file. */
const read = async (bytes: Uint8Array<ArrayBuffer>, key: string, name?: string) =>
  readArray(await openNpz(bytes, name), key);

type Keys = Record<string, [number[], string]>;
const written = readJson<{ npz: Record<string, { keys: Keys }> }>('goldens/training.json').npz;

describe('NpzWeights', () => {
  it('knows all ten files that Chainer wrote', () => expect(Object.keys(written)).to.have.length(10));

  for (const [name, { keys }] of Object.entries(written)) {
    it(`reads Chainer's ${name}`, async () => {
      const file = await openNpz(readFixture(`goldens/npz/${name}`), name);
      const reference = readNpz(`goldens/npz/${name}`);
      expect(file.keys().sort()).to.deep.equal(Object.keys(keys).sort());
      for (const [key, [shape, numpyType]] of Object.entries(keys)) {
        const array = await readArray(file, key);
        const dtype = numpyType === 'object' ? 'object-null' : numpyType.startsWith('<U') ? 'str' : numpyType;
        expect(array, key).to.deep.include({ shape, dtype });
        expect(await file.info(key), key).to.deep.include({ shape, dtype });
        if (array.dtype === 'object-null') continue;
        if (array.dtype === 'str') expect(array.data).to.deep.equal(['hello']);
        else
          expect(Array.from<number | bigint, number>(array.data, Number)).to.deep.equal([
            ...reference.get(key)!.data,
          ]);
      }
    });
  }

  for (const name of ['stored', 'deflated', 'streamed']) {
    it(`reads NumPy's ${name}.npz`, async () => {
      const file = await openNpz(readFixture(`numpy/${name}.npz`));
      expect(file.keys()).to.deep.equal(['conv/W', 'conv/b', 't', '10/b']);
      expect(await readArray(file, 'conv/W')).to.deep.equal({
        shape: [2, 3, 4],
        dtype: 'float32',
        data: Float32Array.from({ length: 24 }, (_, i) => i),
      });
      expect((await readArray(file, 'conv/b')).data).to.deep.equal(new Float64Array([0, 1, 2, 3]));
      expect(await readArray(file, 't')).to.deep.equal({
        shape: [],
        dtype: 'int64',
        data: new BigInt64Array([3n]),
      });
      expect((await readArray(file, '10/b')).data).to.deep.equal(new Int8Array([-128, -1, 0, 127]));
    });
  }

  const content = writeNpy(floats([2, 3]));
  const honest: EntrySpec = { name: 'a/W.npy', content };

  it('reads zip64 archives, comments, folders and entries that are no arrays', async () => {
    const file = await openNpz(
      buildZip(
        [
          { ...honest, zip64: true, deflate: true },
          { name: 'folder/', content: new Uint8Array(0) },
          { name: 'readme.txt', content: new Uint8Array(5) },
          { name: 'b.npy.npy', content, zip64: true },
        ],
        { zip64: true, comment: 'made by hand' },
      ),
    );
    expect(file.keys()).to.deep.equal(['a/W', 'b.npy']);
    expect(await readArray(file, 'a/W')).to.deep.equal(floats([2, 3]));
    expect(await readArray(file, 'b.npy')).to.deep.equal(floats([2, 3]));
  });

  it('reads an empty archive', async () => expect((await openNpz(buildZip([]))).keys()).to.deep.equal([]));

  it('reads a header that does not lie within the first 128 bytes', async () => {
    const long = new Uint8Array(content.length + 640);
    long.set(content.subarray(0, 10));
    new DataView(long.buffer).setUint16(8, 118 + 640, true);
    long.fill(0x20, 10).set(content.subarray(10, 127), 10);
    long.set(content.subarray(128), 128 + 640);
    for (const deflate of [true, false]) {
      const file = await openNpz(buildZip([{ name: 'a.npy', content: long, deflate }]));
      expect((await file.info('a')).shape).to.deep.equal([2, 3]);
      expect(await readArray(file, 'a')).to.deep.equal(floats([2, 3]));
    }
  });

  it('throws for an array that is not there', async () => {
    const file = await openNpz(buildZip([honest]), 'm.npz');
    expect(file.has('a/W')).to.equal(true);
    expect(file.has('a/b')).to.equal(false);
    expect(await rejection(readArray(file, 'a/b'), UnknownNameError)).to.match(/m\.npz/);
    await rejection(file.info('a/W.npy'), UnknownNameError);
  });

  describe('refuses with a FormatError', () => {
    const good = buildZip([honest]);
    const directoryAt = 30 + honest.name.length + content.length;
    const lie = (claims: EntrySpec['claims'], spec: Partial<EntrySpec> = {}) =>
      buildZip([{ ...honest, ...spec, claims }]);
    const huge = withShape(writeNpy(floats([2, 3])), '(99999999, 9)');

    const broken: [string, () => Uint8Array<ArrayBuffer>, RegExp][] = [
      ['nothing', () => new Uint8Array(0), /zip archive/],
      [
        'another format',
        () => new TextEncoder().encode('no zip archive at all, but long enough'),
        /zip archive/,
      ],
      ['an archive without its end', () => good.slice(0, good.length - 1), /zip archive/],
      ['an archive without its beginning', () => good.slice(100), /zip directory|directory entries/],
      ['a cut in the middle', () => new Uint8Array([...good.slice(0, 60), ...good.slice(80)]), /directory/],
      ['more entries than there are', () => buildZip([honest], { count: 9 }), /at most 1 zip directory/],
      [
        'a hundred thousand entries of 46 bytes',
        () => buildZip([honest], { count: 100_000, zip64: true }),
        /most 1/,
      ],
      ['a directory with fewer entries', () => broadDirectory(good), /only 1/],
      ['a directory that ends in an entry', () => buildZip([honest], { size: 50 }), /cut off/],
      ['a directory beyond the file', () => buildZip([honest], { offset: 1e9 }), /zip directory/],
      [
        'a zip64 directory beyond the file',
        () => buildZip([honest], { offset: 2 ** 60, zip64: true }),
        /zip dir/,
      ],
      ['two entries of one name', () => buildZip([honest, honest]), /twice/],
      ['an encrypted entry', () => lie({ flags: 1 }), /encrypt/],
      ['another compression', () => lie({ method: 14 }), /compression 14/],
      ['an entry beyond the file', () => lie({ offset: 1e9 }), /bytes of content at 1000000000/],
      ['an entry at no header', () => lie({ offset: 3 }), /nothing at byte/],
      ['content beyond the file', () => lie({ size: 1e9, packedSize: 1e9 }), /bytes of content/],
      ['stored sizes that differ', () => lie({ size: content.length + 1 }), /can hold/],
      ['a size that deflate cannot reach', () => lie({ size: 1e9 }, { deflate: true }), /can hold/],
      [
        'a zip64 size that deflate cannot reach',
        () => lie({ size: 2 ** 52 }, { deflate: true, zip64: true }),
        /hold/,
      ],
      [
        'content inside the directory',
        () => lie({ packedSize: content.length + 9, size: content.length + 9 }),
        /room for/,
      ],
      [
        'two entries on the same bytes',
        () => buildZip([honest, { name: 'b.npy', content, claims: { offset: 0 } }]),
        /content of its own/,
      ],
      [
        'an entry that reaches into the next',
        () =>
          buildZip([
            { ...honest, claims: { size: content.length + 9, packedSize: content.length + 9 } },
            { name: 'b.npy', content },
          ]),
        /overlaps/,
      ],
      ['a local header of another name', () => Object.assign(good.slice(), { 30: 98 }), /got 'b\/W.npy'/],
      [
        'a local header of another compression',
        () => Object.assign(good.slice(), { 8: 8 }),
        /same compression/,
      ],
      [
        'a local header of another size',
        () => Object.assign(good.slice(), { 21: 0 }),
        /bytes in the local zip/,
      ],
      [
        'a local header of no size',
        () => Object.assign(good.slice(), { 18: 0, 19: 0, 20: 0, 21: 0 }),
        /got 0/,
      ],
      [
        'a missing zip64 field',
        () => {
          const bytes = good.slice();
          new DataView(bytes.buffer).setUint32(directoryAt + 24, 0xffffffff, true);
          return bytes;
        },
        /zip64 sizes/,
      ],
    ];
    for (const [what, make, message] of broken) {
      it(what, async () => {
        const error = await rejection(look(make(), 'evil.npz'), FormatError);
        expect(error).to.match(message).and.to.have.property('file', 'evil.npz');
      });
    }

    const brokenContent: [string, () => Uint8Array<ArrayBuffer>, RegExp][] = [
      ['a wrong checksum', () => lie({ crc: 1 }), /checksum 1/],
      ['one flipped bit', () => Object.assign(good.slice(), { [directoryAt - 1]: 77 }), /checksum/],
      ['deflated data that is none', () => lie({}, { deflate: true, packed: content }), /damage/],
      [
        'deflated data that is cut off',
        () => lie({}, { deflate: true, packed: deflated(content).slice(0, -9) }),
        /damage|bytes of content/,
      ],
      ['no data at all', () => lie({}, { deflate: true, packed: new Uint8Array(0) }), /can hold|npy file/],
      [
        'a shape that is larger than the entry',
        () => buildZip([{ ...honest, content: huge }]),
        /an entry of 3/,
      ],
      ['the same, deflated', () => buildZip([{ ...honest, content: huge, deflate: true }]), /an entry of 3/],
      [
        'an entry that is no array',
        () => buildZip([{ ...honest, content: new Uint8Array(200) }]),
        /npy file/,
      ],
      ['an entry of three bytes', () => buildZip([{ ...honest, content: new Uint8Array(3) }]), /npy file/],
      [
        'deflated data longer than declared',
        () => lie({ size: content.length - 1 }, { deflate: true }),
        /an entry of 152 bytes/,
      ],
      [
        'deflated data longer than declared, with a header that agrees',
        () =>
          lie({ size: content.length }, { deflate: true, packed: deflated(new Uint8Array([...content, 0])) }),
        /more/,
      ],
    ];
    for (const [what, make, message] of brokenContent) {
      it(what, async () => {
        const error = await rejection(read(make(), 'a/W', 'evil.npz'), FormatError);
        expect(error).to.match(message).and.to.have.property('file', 'evil.npz');
      });
    }

    it('damage anywhere: whatever byte changes, the values are right or the error is a FormatError', async () => {
      const zip = buildZip([{ ...honest, deflate: true }]);
      for (let at = 0; at < zip.length; at++) {
        for (const change of [0x01, 0x80, 0xff]) {
          const bytes = zip.slice();
          bytes[at]! ^= change;
          try {
            const file = await openNpz(bytes);
            for (const key of file.keys()) expect(await readArray(file, key)).to.deep.equal(floats([2, 3]));
          } catch (error) {
            expect(error, `byte ${at} ^ ${change}`).to.be.instanceOf(FormatError);
          }
        }
      }
    });

    it('what unpacks to gigabytes, before allocating them', async () => {
      // 10 MB of zeros, deflated to 10 KB; the header claims 4 GB, and so does the directory.
      const zeros = new Uint8Array(10_000_000);
      zeros.set(withShape(writeNpy(floats([1])), '(1000000000,)').subarray(0, 128));
      const bytes = buildZip([
        { name: 'a.npy', content: zeros, deflate: true, claims: { size: 4_000_000_128 } },
      ]);
      const before = process.memoryUsage().arrayBuffers;
      await rejection(read(bytes, 'a'), FormatError);
      expect(process.memoryUsage().arrayBuffers - before).to.be.below(1e6);
    });
  });
});

/** An npy file whose header claims another shape. */
function withShape(file: Uint8Array, shape: string): Uint8Array<ArrayBuffer> {
  const out = file.slice();
  const at = String.fromCharCode(...out.subarray(0, 128)).indexOf('(');
  out.fill(0x20, at, 127).set(new TextEncoder().encode(`${shape}, }`), at);
  return out;
}

const deflated = (content: Uint8Array) => {
  const zip = buildZip([{ name: 'x', content, deflate: true }]);
  return zip.slice(31, new DataView(zip.buffer).getUint32(zip.length - 6, true));
};

describe('writeNpz', () => {
  const arrays: [string, NamedArray][] = [
    ['10/W', floats([3, 2])],
    ['2/W', floats([1000])],
    ['scalar', { shape: [], dtype: 'int64', data: new BigInt64Array([-9n]) }],
    ['name', { shape: [], dtype: 'str', data: ['été'] }],
    ['__proto__', { shape: [2], dtype: 'bool', data: new Uint8Array([1, 0]) }],
    ['画像/W', { shape: [1], dtype: 'float16', data: new Uint16Array([0x3c00]) }],
    ['empty', floats([0, 4])],
  ];

  for (const compression of [true, false]) {
    it(`round trips names, order and values (compression ${compression})`, async () => {
      const file = await openNpz(writeNpz(arrays, { compression }));
      expect(file.keys()).to.deep.equal(arrays.map(([key]) => key));
      for (const [key, array] of arrays) expect(await readArray(file, key)).to.deep.equal(array);
    });
  }

  it('every element type of the fixtures survives', async () => {
    const names = Object.keys(numpyExpected()).filter((n) => !['numpy', 'safetensors', 'none'].includes(n));
    const all = names.map((name): [string, NamedArray] => [name, readNpy(readFixture(`numpy/${name}.npy`))]);
    const file = await openNpz(writeNpz(all));
    for (const [key, array] of all) expect(await readArray(file, key), key).to.deep.equal(array);
  });

  it("is read by another program's unzip, and deflates", () => {
    const [deflate, stored] = [writeNpz(arrays), writeNpz(arrays, { compression: false })];
    expect(deflate.length).to.be.below(stored.length);
    expect(Buffer.from(unzipSync(deflate)['2/W.npy']!)).to.deep.equal(Buffer.from(writeNpy(floats([1000]))));
  });

  it('gives the same bytes at any time', () => expect(writeNpz(arrays)).to.deep.equal(writeNpz(arrays)));

  const none: NamedArray = { shape: [], dtype: 'object-null', data: null };

  it('keeps None without a pickle, where other programs do not see it', async () => {
    const bytes = writeNpz([
      ['a', none],
      ['b', floats([1])],
      ['c/d', none],
    ]);
    const file = await openNpz(bytes);
    expect(file.keys()).to.deep.equal(['b', 'a', 'c/d']);
    expect(file.has('c/d')).to.equal(true);
    expect(await file.info('a')).to.deep.include({ shape: [], dtype: 'object-null' });
    expect(await readArray(file, 'a')).to.deep.equal(none);
    const entries = unzipSync(bytes);
    expect(Object.keys(entries)).to.deep.equal(['b.npy', 'chaingrad-null-names.json']);
  });

  for (const [what, text, message] of [
    ['no JSON', '[', /list of names/],
    ['no list', '{"a":1}', /list of names/],
    ['no names', '[1]', /list of names/],
    ['a name that has an array', '["a"]', /both/],
  ] as const) {
    it(`refuses a list of None that has ${what}`, async () => {
      const entries = [
        { name: 'a.npy', content: writeNpy(floats([1])) },
        { name: 'chaingrad-null-names.json', content: new TextEncoder().encode(text) },
      ];
      expect(await rejection(openNpz(buildZip(entries)), FormatError)).to.match(message);
    });
  }

  it('refuses a list of None that unpacks to more than 16 MB', async () => {
    const content = new Uint8Array(17_000_000);
    const bytes = buildZip([{ name: 'chaingrad-null-names.json', content, deflate: true }]);
    expect(await rejection(openNpz(bytes), FormatError)).to.match(/at most/);
  });

  it('refuses a name twice, no name, and what npy cannot hold', () => {
    const twice = [
      ['a', floats([1])],
      ['a', none],
    ] as const;
    expect(() => writeNpz(twice)).to.throw(FormatError, 'differ');
    expect(() => writeNpz([['', floats([1])]])).to.throw(FormatError, 'empty');
    const brain: NamedArray = { shape: [1], dtype: 'bfloat16', data: new Uint16Array(1) };
    expect(() => writeNpz([['n', brain]]))
      .to.throw(FormatError, 'bfloat16')
      .with.property('key', 'n');
  });
});

/** An end record that gives the directory two entries, where the second is not one. */
function broadDirectory(good: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(good.slice().buffer);
  const end = good.length - 22;
  const start = view.getUint32(end + 16, true);
  const size = view.getUint32(end + 12, true);
  const out = new Uint8Array(good.length + size);
  out.set(good.subarray(0, end));
  out.set(new Uint8Array(view.buffer, end), end + size);
  const written = new DataView(out.buffer);
  written.setUint16(end + size + 10, 2, true);
  written.setUint32(end + size + 12, 2 * size, true);
  written.setUint32(end + size + 16, start, true);
  return out;
}
