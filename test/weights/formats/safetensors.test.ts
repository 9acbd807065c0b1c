import { expect } from 'chai';
import { FormatError } from '../../../packages/core/src/arrays/format-error.ts';
import type { NamedArray } from '../../../packages/core/src/arrays/named-array.ts';
import { readArray } from '../../../packages/core/src/arrays/read-array.ts';
import { UnknownNameError } from '../../../packages/core/src/errors.ts';
import { SafetensorsWeights, writeSafetensors } from '../../../packages/weights/src/formats/safetensors.ts';
import { openRandomAccess } from '../../../packages/weights/src/sources/random-access.ts';
import { rejection } from '../../support/errors.ts';
import { asExpected, numpyExpected, readFixture } from './fixtures.ts';

const openSafetensors = async (bytes: Uint8Array<ArrayBuffer>, name = 'safetensors') =>
  SafetensorsWeights.open(await openRandomAccess(bytes, { name }));

const expected = numpyExpected().safetensors;

/** A file of any header and length. */
function build(header: string, values = 0, length?: number): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + json.length + values);
  new DataView(out.buffer).setBigUint64(0, BigInt(length ?? json.length), true);
  out.set(json, 8);
  return out;
}

describe('SafetensorsWeights', () => {
  it("reads every element type that the format's library wrote", async () => {
    for (const name of ['model', 'plain']) {
      const file = await openSafetensors(readFixture(`numpy/${name}.safetensors`));
      expect(file.keys().sort()).to.deep.equal(Object.keys(expected).sort());
      for (const [key, want] of Object.entries(expected)) {
        expect(asExpected(await readArray(file, key), want), key).to.deep.equal(want);
        expect(await file.info(key)).to.deep.equal({ shape: want.shape, dtype: want.dtype });
      }
    }
  });

  it('reads metadata', async () => {
    const file = await openSafetensors(readFixture('numpy/model.safetensors'));
    expect(Object.fromEntries(file.metadata)).to.deep.equal({ writer: 'safetensors', note: 'été "x"' });
    expect((await openSafetensors(readFixture('numpy/plain.safetensors'))).metadata.size).to.equal(0);
  });

  it('throws for an array that is not there', async () => {
    const file = await openSafetensors(build('{}'), 'm.safetensors');
    expect(file.has('a')).to.equal(false);
    expect(await rejection(readArray(file, 'a'), UnknownNameError)).to.match(/m\.safetensors/);
    await rejection(file.info('__proto__'), UnknownNameError);
  });

  const entry = (dtype: unknown, shape: unknown, offsets: unknown) =>
    JSON.stringify({ dtype, shape, data_offsets: offsets });
  const f32 = (begin: number, end: number) => entry('F32', [(end - begin) / 4], [begin, end]);
  const hostile: [string, Uint8Array<ArrayBuffer>, RegExp][] = [
    ['nothing', new Uint8Array(0), /0 bytes/],
    ['seven bytes', new Uint8Array(7), /7 bytes/],
    ['a header longer than the file', build('{}', 0, 3), /at most 2 bytes, got 3/],
    ['a header of 2**63 bytes', build('{}', 0, 2 ** 63), /at most/],
    ['an empty header', build(''), /JSON/],
    ['a header that is not JSON', build('{"a":'), /JSON/],
    ['a header that is not UTF-8', Object.assign(build('{"a":1}'), { 10: 0xff }), /JSON/],
    ['a header that starts with a space', build(' {}'), /JSON object/],
    ['a header that is a list', build('[]'), /JSON object/],
    ['a header nested without end', build('['.repeat(50000)), /JSON/],
    ['an array twice', build(`{"a":${f32(0, 4)},"a":${f32(0, 4)}}`, 4), /twice/],
    ['an array twice, once escaped', build(`{"a":${f32(0, 4)},"\\u0061":${f32(0, 4)}}`, 4), /twice/],
    [
      'a field twice',
      build('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1),
      /twice/,
    ],
    ['metadata that is no object', build('{"__metadata__":3}'), /object of strings/],
    ['metadata of numbers', build('{"__metadata__":{"a":3}}'), /object of strings/],
    ['an entry that is null', build('{"a":null}'), /data_offsets/],
    ['an entry without offsets', build('{"a":{"dtype":"F32","shape":[1]}}', 4), /data_offsets/],
    ['three offsets', build(`{"a":${entry('F32', [1], [0, 4, 4])}}`, 4), /data_offsets/],
    ['a negative offset', build(`{"a":${entry('F32', [1], [-4, 0])}}`, 4), /data_offsets/],
    ['a fractional offset', build(`{"a":${entry('U8', [1], [0.5, 1.5])}}`, 4), /data_offsets/],
    ['offsets in the wrong order', build(`{"a":${entry('F32', [1], [4, 0])}}`, 4), /4 bytes/],
    ['an unknown element type', build(`{"a":${entry('F8_E4M3', [4], [0, 4])}}`, 4), /element type/],
    [
      'an element type of Object.prototype',
      build(`{"a":${entry('constructor', [4], [0, 4])}}`, 4),
      /element type/,
    ],
    ['a negative dimension', build(`{"a":${entry('F32', [-1], [0, 4])}}`, 4), /data_offsets/],
    ['a shape of text', build(`{"a":${entry('F32', ['1'], [0, 4])}}`, 4), /data_offsets/],
    [
      'a shape whose product overflows',
      build(`{"a":${entry('F32', [2 ** 40, 2 ** 40], [0, 4])}}`, 4),
      /memory/,
    ],
    [
      'a shape larger than its values',
      build(`{"a":${entry('F32', [1000000000], [0, 4])}}`, 4),
      /4000000000 bytes/,
    ],
    ['values beyond the file', build(`{"a":${f32(0, 8)}}`, 4), /8 bytes of values/],
    ['values that nothing names', build(`{"a":${f32(0, 4)}}`, 8), /4 bytes of values/],
    ['a hole at the start', build(`{"a":${f32(4, 8)}}`, 8), /hole/],
    ['a hole in the middle', build(`{"a":${f32(0, 4)},"b":${f32(8, 12)}}`, 12), /hole/],
    ['an overlap', build(`{"a":${f32(0, 8)},"b":${f32(4, 8)}}`, 8), /overlaps/],
    ['two arrays on the same bytes', build(`{"a":${f32(0, 8)},"b":${f32(0, 8)}}`, 8), /overlaps/],
  ];
  for (const [what, bytes, message] of hostile) {
    it(`refuses ${what}`, async () => {
      const error = await rejection(openSafetensors(bytes, 'evil.safetensors'), FormatError);
      expect(error).to.match(message).and.to.have.property('file', 'evil.safetensors');
    });
  }
});

describe('writeSafetensors', () => {
  it("writes the library's own bytes", async () => {
    const bytes = readFixture('numpy/plain.safetensors');
    const file = await openSafetensors(bytes);
    const arrays: [string, NamedArray][] = [];
    for (const key of file.keys()) arrays.push([key, await readArray(file, key)]);
    expect(Buffer.from(writeSafetensors(arrays)).equals(Buffer.from(bytes))).to.equal(true);
    expect(Buffer.from(writeSafetensors(arrays.reverse())).equals(Buffer.from(bytes))).to.equal(true);
  });

  it('round trips metadata and names that are numbers', async () => {
    const one: NamedArray = { shape: [], dtype: 'float32', data: new Float32Array([1.5]) };
    const written = writeSafetensors(
      [
        ['10', one],
        ['2', one],
        ['__proto__', one],
      ],
      { note: 'a "b"\n' },
    );
    const file = await openSafetensors(written);
    expect(file.keys().sort()).to.deep.equal(['10', '2', '__proto__']);
    expect(await readArray(file, '__proto__')).to.deep.equal(one);
    expect(file.metadata.get('note')).to.equal('a "b"\n');
  });

  it('keeps None in the metadata', async () => {
    const one: NamedArray = { shape: [1], dtype: 'int8', data: new Int8Array(1) };
    const none: NamedArray = { shape: [], dtype: 'object-null', data: null };
    const file = await openSafetensors(
      writeSafetensors(
        [
          ['a', none],
          ['b', one],
        ],
        { note: 'x' },
      ),
    );
    expect(file.keys()).to.deep.equal(['b', 'a']);
    expect(file.has('a')).to.equal(true);
    expect(await file.info('a')).to.deep.include({ shape: [], dtype: 'object-null' });
    expect(await readArray(file, 'a')).to.deep.equal(none);
    expect(file.metadata.get('note')).to.equal('x');
  });

  for (const list of ['[', '{}', '[1]', '["a"]']) {
    it(`refuses the list of None ${list}`, async () => {
      const one: NamedArray = { shape: [1], dtype: 'int8', data: new Int8Array(1) };
      const bytes = writeSafetensors([['a', one]], { 'chaingrad.null_names': list });
      expect(await rejection(openSafetensors(bytes), FormatError)).to.match(/no values/);
    });
  }

  it('refuses a name twice, the name of the metadata, strings and wrong shapes', () => {
    const one: NamedArray = { shape: [1], dtype: 'int8', data: new Int8Array(1) };
    const text: NamedArray = { shape: [], dtype: 'str', data: ['x'] };
    expect(() =>
      writeSafetensors([
        ['a', one],
        ['a', one],
      ]),
    ).to.throw(FormatError, 'differ');
    expect(() => writeSafetensors([['__metadata__', one]])).to.throw(FormatError);
    expect(() => writeSafetensors([['a', text]])).to.throw(FormatError, 'strings');
    expect(() => writeSafetensors([['a', { ...one, shape: [2] }]])).to.throw(FormatError, '2 values');
  });
});
