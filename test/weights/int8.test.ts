/** Files of whole numbers of 8 bits, with a scale for each output channel. */
import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Convolution2D,
  FormatError,
  InvalidArgumentError,
  type NamedArray,
  readArray,
  transferParams,
} from '@chaingrad/core';
import { type ConvertOptions, convertWeights, load, openWeights, type WeightFile } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { writeNpz } from '../../packages/weights/src/formats/npz.ts';
import { SafetensorsWeights, writeSafetensors } from '../../packages/weights/src/formats/safetensors.ts';
import { openRandomAccess } from '../../packages/weights/src/sources/random-access.ts';
import { rejection, thrown } from '../support/errors.ts';
import { floats } from './support.ts';

const int8 = (shape: readonly number[], values: readonly number[]): NamedArray => ({
  shape,
  dtype: 'int8',
  data: Int8Array.from(values),
});
const wave = (i: number) => Math.sin(i * 12.9898) * Math.cos(i * 0.37) * 3 ** ((i % 97) / 8);
const arrays: [string, NamedArray][] = [
  ['conv/W', floats([40, 7, 3, 3], wave)],
  ['conv/b', floats([40], wave)],
  ['conv/none/W', floats([2, 3], (i) => (i < 3 ? 0 : i))],
  ['t', { shape: [], dtype: 'int64', data: BigInt64Array.of(3n) }],
];

const opened = async (bytes: Uint8Array<ArrayBuffer>, name = 'q.safetensors') =>
  SafetensorsWeights.open(await openRandomAccess(bytes, { name }));

const converted = async (file: WeightFile, options: ConvertOptions = { dtype: 'i8' }) =>
  convertWeights(file, 'q.safetensors', options);

describe('int8 arrays with scales in safetensors', () => {
  let folder: string;
  before(async () => {
    await tf.setBackend('cpu');
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-int8-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('are read as the float32 values that they stand for', async () => {
    const file = await opened(
      writeSafetensors([
        ['W', int8([3, 2, 1], [127, -127, -128, 1, 5, 0])],
        ['W_scale', floats([3], (i) => [0.1, 2, 0][i]!)],
        ['alone', int8([2], [1, -2])],
        ['b_scale', floats([2])],
      ]),
    );
    expect(file.keys()).to.have.members(['W', 'alone', 'b_scale']);
    expect([file.has('W'), file.has('W_scale'), file.has('b_scale')]).to.deep.equal([true, false, true]);
    expect(await file.info('W')).to.deep.equal({ shape: [3, 2, 1], dtype: 'float32' });
    const tenth = Math.fround(0.1);
    expect(await readArray(file, 'W')).to.deep.equal({
      shape: [3, 2, 1],
      dtype: 'float32',
      data: Float32Array.of(127 * tenth, -127 * tenth, -256, 2, 0, 0),
    });
    expect(await readArray(file, 'alone')).to.deep.equal(int8([2], [1, -2]));
  });

  it('are read piece by piece, whatever the pieces cut', async () => {
    // More scales than a piece of 4 MiB holds, and a channel longer than a piece.
    for (const [rows, length] of [
      [1_100_000, 2],
      [3, 1_500_001],
    ] as const) {
      const data = new Int8Array(rows * length).map((_, i) => (i * 7) % 255);
      const scales = floats([rows], (i) => 1 + (i % 1000));
      const file = await opened(
        writeSafetensors([
          ['W', { shape: [rows, length], dtype: 'int8', data }],
          ['W_scale', scales],
        ]),
      );
      let at = 0;
      let wrong = 0;
      for await (const chunk of file.chunks('W')) {
        const values = chunk.data as Float32Array;
        expect(values.byteLength).to.be.at.most(1 << 22);
        for (const value of values) {
          const channel = Math.floor(at / length);
          if (value !== data[at]! * (1 + (channel % 1000))) wrong++;
          at++;
        }
      }
      expect([at, wrong]).to.deep.equal([rows * length, 0]);
    }
  });

  it('may be empty', async () => {
    for (const shape of [
      [0, 3],
      [3, 0],
    ]) {
      const file = await opened(
        writeSafetensors([
          ['W', int8(shape, [])],
          ['W_scale', floats([shape[0]!])],
        ]),
      );
      expect(await readArray(file, 'W')).to.deep.equal(floats(shape));
    }
  });

  it('are written with one scale a channel: half a step off at most, zeros and 1-D arrays exact', async () => {
    await using file = await openWeights(writeNpz(arrays));
    const conversion = await converted(file);
    expect(conversion.files.map(({ name }) => name)).to.deep.equal(['q.safetensors']);
    expect(conversion.losses.map(({ key }) => key)).to.deep.equal(['conv/W', 'conv/none/W']);
    const again = await opened(conversion.files[0]!.bytes);
    expect(again.keys()).to.have.members(arrays.map(([key]) => key));
    expect(again.header.entries.get('conv/W')!.dtype).to.equal('int8');
    expect(again.header.entries.get('conv/b')!.dtype).to.equal('float32');
    const W = (await readArray(again, 'conv/W')).data as Float32Array;
    let worst = 0;
    for (let channel = 0; channel < 40; channel++) {
      const exact = Float32Array.from({ length: 63 }, (_, i) => wave(channel * 63 + i));
      const step = Math.max(...exact.map(Math.abs)) / 127;
      exact.forEach((value, i) => {
        const error = Math.abs(W[channel * 63 + i]! - value);
        worst = Math.max(worst, error);
        expect(error).to.be.at.most(step / 2 + 1e-6 * Math.abs(value));
      });
    }
    expect(conversion.losses[0]!.maxError).to.equal(worst);
    const none = (await readArray(again, 'conv/none/W')).data as Float32Array;
    expect([...none.subarray(0, 3)]).to.deep.equal([0, 0, 0]);
    expect(none[5]).to.equal(5);
    expect((await readArray(again, 'conv/b')).data).to.deep.equal(arrays[1]![1].data);
    expect(Number((await readArray(again, 't')).data![0])).to.equal(3);
  });

  it('come out of a second conversion with the same bits, through float, too', async () => {
    // Of every size, down to where scales are too small to be exact, and to nothing.
    const many = floats([2000, 5], (i) => wave(i) * 10 ** ((Math.floor(i / 5) % 84) - 51));
    await using file = await openWeights(writeNpz([['W', many]]));
    const [first] = (await converted(file)).files;
    await using read = await openWeights(first!.bytes);
    const second = await converted(read);
    expect(second.losses[0]!.maxError).to.equal(0);
    expect(Buffer.from(second.files[0]!.bytes).equals(first!.bytes)).to.equal(true);
    await using float = await openWeights((await convertWeights(read, 'f.npz')).files[0]!.bytes);
    expect(await float.info('W')).to.deep.equal({ shape: [2000, 5], dtype: 'float32' });
    expect(Buffer.from((await converted(float)).files[0]!.bytes).equals(first!.bytes)).to.equal(true);
  });

  it('are in one shard with their scales', async () => {
    await using file = await openWeights(writeNpz(arrays));
    const { files } = await converted(file, { dtype: 'i8', shards: 300 });
    expect(files).to.have.length.greaterThan(2);
    for (const { name, bytes } of files) await writeFile(join(folder, name), bytes);
    for (const { bytes } of files.slice(1)) {
      const { header } = await opened(bytes);
      for (const [key, { dtype }] of header.entries)
        if (dtype === 'int8') expect(header.scales.has(key), key).to.equal(true);
    }
    await using again = await openWeights(join(folder, files[0]!.name));
    expect(again.keys()).to.have.members(arrays.map(([key]) => key));
    await using whole = await opened((await converted(file)).files[0]!.bytes);
    for (const key of whole.keys())
      expect(await readArray(again, key)).to.deep.equal(await readArray(whole, key));
  });

  it('are refused where an index has their scales in another shard', async () => {
    await writeFile(join(folder, 'a.safetensors'), writeSafetensors([['W', int8([2], [1, 2])]]));
    await writeFile(join(folder, 'b.safetensors'), writeSafetensors([['W_scale', floats([2])]]));
    const map = { W: 'a.safetensors', W_scale: 'b.safetensors' };
    await writeFile(join(folder, 'ab.index.json'), JSON.stringify({ weight_map: map }));
    const error = await rejection(openWeights(join(folder, 'ab.index.json')), FormatError);
    expect(error).to.match(/a\.safetensors, 'W': expected its scales in the same file, got b\.safetensors/);
  });

  it('load into a model, and leave no tensor', async () => {
    await using file = await openWeights(writeNpz(arrays.slice(0, 2).map(([k, a]) => [k.slice(5), a])));
    const { bytes } = (await converted(file)).files[0]!;
    const before = tf.memory().numTensors;
    {
      using conv = new Convolution2D(7, 40, 3);
      using other = new Convolution2D(7, 40, 3);
      await load(conv, bytes);
      await using read = await openWeights(bytes);
      expect((await transferParams(read, other)).copied).to.deep.equal(['/W', '/b']);
      const { data } = await readArray(read, 'W');
      expect(conv.W.tensor.dataSync()).to.deep.equal(data);
      expect(other.W.tensor.dataSync()).to.deep.equal(data);
    }
    expect(tf.memory().numTensors).to.equal(before);
  });

  const W = int8([2, 3], [1, 2, 3, 4, 5, 6]);
  const wrongScales: [string, NamedArray, string][] = [
    ['too few', floats([1]), 'float32 of shape (1)'],
    ['too many', floats([3]), 'float32 of shape (3)'],
    ['a shape of two dimensions', floats([2, 2]), 'float32 of shape (2, 2)'],
    ['none of a dimension', floats([]), 'float32 of shape ()'],
    [
      'another type',
      { ...floats([2]), dtype: 'float64', data: new Float64Array(2) } as NamedArray,
      'float64',
    ],
    ['whole numbers', int8([2], [1, 2]), 'int8 of shape (2)'],
  ];
  /** A file that our writer would not write: the scales get their name in the header afterwards. */
  const hostile = (array: NamedArray, scale: NamedArray) => {
    const bytes = writeSafetensors([
      ['W', array],
      ['W_scalX', scale],
    ]);
    const at = Buffer.from(bytes.buffer).indexOf('W_scalX') + 6;
    bytes[at] = 'e'.charCodeAt(0);
    return bytes;
  };
  for (const [what, scale, got] of wrongScales) {
    it(`are refused with scales of ${what}, when read and when written`, async () => {
      const error = await rejection(opened(hostile(W, scale), 'evil.safetensors'), FormatError);
      expect(error.file).to.equal('evil.safetensors');
      expect(error.key).to.equal('W_scale');
      expect(error.expected).to.equal("float32 of shape (2), the scales of 'W', int8 of shape (2, 3)");
      expect(error.got).to.contain(got);
      const pairs: [string, NamedArray][] = [
        ['W', W],
        ['W_scale', scale],
      ];
      expect(thrown(() => writeSafetensors(pairs), FormatError).key).to.equal('W_scale');
    });
  }

  it('may have scales of as many axes, as other programs write them', async () => {
    const file = await opened(hostile(W, floats([2, 1])));
    expect(file.keys()).to.deep.equal(['W']);
    expect((await readArray(file, 'W')).shape).to.deep.equal([2, 3]);
  });

  it('are refused with scales of no dimension to scale', async () => {
    const error = await rejection(opened(hostile(int8([], [1]), floats([]))), FormatError);
    expect(error.expected).to.contain('(channels)');
  });

  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1, -1e-40]) {
    it(`are refused with a scale of ${value}`, async () => {
      const bytes = hostile(
        W,
        floats([2], (i) => [1, value][i]!),
      );
      const file = await opened(bytes, 'evil.safetensors');
      const error = await rejection(readArray(file, 'W'), FormatError);
      expect(error.file).to.equal('evil.safetensors');
      expect(error.key).to.equal('W_scale');
      expect(error.expected).to.equal('scales that are finite and not negative');
      expect(error.got).to.equal(`${Math.fround(value)}`);
    });
  }

  it('leave a model as it was when they are refused', async () => {
    using conv = new Convolution2D(2, 2, 1, { nobias: true });
    const before = conv.W.tensor.dataSync().slice();
    const bytes = hostile(
      int8([2, 2, 1, 1], [1, 2, 3, 4]),
      floats([2], () => -1),
    );
    await rejection(load(conv, bytes), FormatError);
    expect(conv.W.tensor.dataSync()).to.deep.equal(before);
  });

  it('are written to .safetensors only, of finite values, under free names', async () => {
    await using file = await openWeights(writeNpz(arrays));
    for (const name of ['x.npz', 'x.json']) {
      expect(await rejection(convertWeights(file, name, { dtype: 'i8' }), InvalidArgumentError)).to.match(
        /a name in \.safetensors, got .*x\.(npz|json)/,
      );
    }
    for (const value of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      await using bad = await openWeights(writeNpz([['W', floats([2, 2], () => value)]]));
      const error = await rejection(converted(bad), FormatError);
      expect([error.key, error.expected]).to.deep.equal(['W', 'finite values']);
    }
    for (const shards of [undefined, 10]) {
      await using taken = await openWeights(
        writeNpz([
          ['W', floats([2, 2])],
          ['other', floats([9, 9])],
          ['W_scale', floats([3])],
        ]),
      );
      const error = await rejection(converted(taken, { dtype: 'i8', shards }), FormatError);
      expect([error.key, error.advice]).to.deep.equal(['W_scale', 'Rename it.']);
    }
  });
});
