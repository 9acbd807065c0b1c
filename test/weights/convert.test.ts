import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FormatError,
  InvalidArgumentError,
  Linear,
  type NamedArray,
  NothingToDoError,
  readArray,
} from '@chaingrad/core';
import { type Conversion, convertWeights, load, openWeights } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { writeNpz } from '../../packages/weights/src/formats/npz.ts';

import { writeSafetensors } from '../../packages/weights/src/formats/safetensors.ts';
import { rejection } from '../support/errors.ts';

import { fixturePath, readJson } from '../support/goldens.ts';
import { floats } from './support.ts';
import { picture, TinyVGG } from './tiny-vgg.ts';

/** Values of a bell, the same at each run. */
const wave = (i: number) => Math.sin(i * 12.9898) * Math.cos(i * 0.37) * 0.1;
const arrays: [string, NamedArray][] = [
  ['W', floats([20, 30], wave)],
  ['b', floats([20], wave)],
  ['t', { shape: [], dtype: 'int64', data: BigInt64Array.of(3n) }],
];
const source = () => openWeights(writeNpz(arrays));

describe('convertWeights', () => {
  let folder: string;
  before(async () => {
    await tf.setBackend('cpu');
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-convert-'));
  });
  after(() => rm(folder, { recursive: true }));

  const written = async ({ files }: Conversion) => {
    for (const { name, bytes } of files) await writeFile(join(folder, name), bytes);
    return openWeights(join(folder, files[0]!.name));
  };

  for (const name of ['all.npz', 'all.safetensors', 'all.json']) {
    it(`keeps every value exactly: ${name}`, async () => {
      await using file = await source();
      const conversion = await convertWeights(file, name);
      expect(conversion).to.deep.include({ losses: [], left: [] });
      await using again = await written(conversion);
      expect(again.keys()).to.have.members(['W', 'b', 't']);
      expect((await readArray(again, 'W')).data).to.deep.equal(arrays[0]![1].data);
      expect(Number((await readArray(again, 't')).data![0])).to.equal(3);
    });
  }

  it("carries the metadata of ours along, from each format to each, and no one else's", async () => {
    const metadata = { 'chaingrad.about': '{"model":"été"}', 'chaingrad.note': 'line\n2' };
    const none: [string, NamedArray] = ['gone', { shape: [], dtype: 'object-null', data: null }];
    const all = [...arrays, none];
    const sources = [writeNpz(all, { metadata }), writeSafetensors(all, { ...metadata, format: 'pt' })];
    for (const bytes of sources) {
      for (const first of ['m.npz', 'm.safetensors', 'm.json']) {
        for (const second of ['n.npz', 'n.safetensors', 'n.json']) {
          await using file = await openWeights(bytes);
          await using middle = await written(await convertWeights(file, first));
          await using last = await written(await convertWeights(middle, second));
          expect(Object.fromEntries(last.metadata), `${first} ${second}`).to.deep.equal(metadata);
          const kept = first.endsWith('json') || second.endsWith('json') ? [] : ['gone'];
          expect(last.keys(), `${first} ${second}`).to.have.members(['W', 'b', 't', ...kept]);
        }
      }
    }
    await using divided = await openWeights(sources[0]!);
    await using shards = await written(await convertWeights(divided, 's.safetensors', { shards: 2400 }));
    expect(Object.fromEntries(shards.metadata)).to.deep.equal(metadata);
  });

  it('tells what has no value and cannot be kept so', async () => {
    const none: [string, NamedArray] = ['gone', { shape: [], dtype: 'object-null', data: null }];
    await using file = await openWeights(writeNpz([...arrays, none]));
    for (const [name, left] of [
      ['x.npz', []],
      ['x.safetensors', []],
      ['x.json', ['gone']],
    ] as const) {
      expect((await convertWeights(file, name)).left, name).to.deep.equal(left);
    }
  });

  it('halves, and says what that loses: each value within half a unit of 11 bits', async () => {
    for (const name of ['half.npz', 'half.safetensors', 'half.json']) {
      await using file = await source();
      const conversion = await convertWeights(file, name, { dtype: 'f16' });
      const [loss, ...none] = conversion.losses;
      expect(none).to.deep.equal([]);
      expect(loss!.key).to.equal('W');
      expect(Math.sqrt(loss!.squaredError / loss!.squaredValues)).to.be.within(1e-5, 2 ** -11);
      await using again = await written(conversion);
      const net = new Linear(30, 20);
      await load(net, again, { ignore: '/t' });
      const [W, b] = [net.W.tensor.dataSync(), net.b!.tensor.dataSync()];
      W.forEach((value, i) => {
        const exact = Math.fround(wave(i));
        expect(Math.abs(value - exact)).to.be.at.most(Math.max(2 ** -11 * Math.abs(exact), 2 ** -25));
      });
      expect([...b]).to.deep.equal([...(arrays[1]![1].data as Float32Array)]);
    }
  });

  it('quantizes for tfjs in shards: half a step at most, zero stays zero', async () => {
    await using file = await openWeights(writeNpz([...arrays, ['z', floats([2, 3], (i) => (i % 2) * 0.3)]]));
    const conversion = await convertWeights(file, 'q.json', { dtype: 'u8', shards: 500 });
    expect(conversion.files.map(({ name }) => name)).to.deep.equal([
      'q.json',
      'q-00001-of-00002.bin',
      'q-00002-of-00002.bin',
    ]);
    await using again = await written(conversion);
    const W = (await readArray(again, 'W')).data as Float32Array;
    const step = 0.2 / 255;
    W.forEach((value, i) => {
      expect(value).to.be.closeTo(wave(i), step);
    });
    expect((await readArray(again, 'z')).data).to.satisfy((z: Float32Array) => z[0] === 0 && z[2] === 0);
    expect(conversion.losses.map(({ key }) => key)).to.deep.equal(['W', 'z']);
    expect(conversion.losses[0]!.maxError).to.be.at.most(step);
  });

  it('divides safetensors as Hugging Face does, and reads that again', async () => {
    await using file = await source();
    const conversion = await convertWeights(file, 'm.safetensors', { shards: 2400 });
    expect(conversion.files.map(({ name }) => name)).to.deep.equal([
      'm.safetensors.index.json',
      'm-00001-of-00002.safetensors',
      'm-00002-of-00002.safetensors',
    ]);
    await using again = await written(conversion);
    expect(again.format).to.equal('safetensors');
    expect((await readArray(again, 'W')).data).to.deep.equal(arrays[0]![1].data);
    await rm(join(folder, 'm-00002-of-00002.safetensors'));
    expect(await rejection(openWeights(join(folder, 'm.safetensors.index.json')))).to.match(/no such file/);
  });

  it('refuses an index that leads elsewhere, or promises what is not there', async () => {
    await using file = await source();
    for (const { name, bytes } of (await convertWeights(file, 'x.safetensors')).files)
      await writeFile(join(folder, name), bytes);
    for (const [map, message] of [
      [{ W: '../x.safetensors' }, /beside the index/],
      [{ W: '/etc/passwd' }, /beside the index/],
      [{ W: 3 }, /beside the index/],
      [{ other: 'x.safetensors' }, /promises/],
    ] as const) {
      await writeFile(join(folder, 'evil.index.json'), JSON.stringify({ weight_map: map }));
      const error = await rejection(openWeights(join(folder, 'evil.index.json')));
      expect(error).to.be.instanceOf(FormatError).and.match(message);
    }
  });

  it("turns another framework's names and layouts into ours", async () => {
    await using file = await openWeights(fixturePath('tinyvgg/model.json'));
    await using again = await written(await convertWeights(file, 'tiny.safetensors', { names: 'tiny-vgg' }));
    expect((await again.info('conv_1_1/W')).shape).to.deep.equal([10, 3, 3, 3]);
    expect((await again.info('output/W')).shape).to.deep.equal([10, 1690]);
    const [kernel, W] = [await readArray(file, 'conv_1_1/kernel'), await readArray(again, 'conv_1_1/W')];
    // (kh, kw, in, out) = (1, 2, 0, 4) is (out, in, kh, kw) = (4, 0, 1, 2).
    expect(W.data![4 * 27 + 0 * 9 + 1 * 3 + 2]).to.equal(kernel.data![(1 * 3 + 2) * 30 + 0 * 10 + 4]);
  });

  it('leaves the answers of Tiny VGG as they are, halved and quantized', async () => {
    const golden = readJson<{ images: { file: string; probs: number[] }[] }>(
      'goldens/zoo/golden-tinyvgg.json',
    );
    await using file = await openWeights(fixturePath('tinyvgg/model.json'));
    for (const [dtype, name, tolerance] of [
      ['f16', 'tiny16.safetensors', 2e-3],
      ['u8', 'tiny8.json', 0.05],
    ] as const) {
      await using again = await written(await convertWeights(file, name, { dtype, names: 'tiny-vgg' }));
      using model = new TinyVGG();
      await load(model, again);
      let worst = 0;
      for (const { file: image, probs } of golden.images) {
        const y = [...model.call(await picture(image)).dataSync()];
        expect(y.indexOf(Math.max(...y)), `${dtype} ${image}`).to.equal(probs.indexOf(Math.max(...probs)));
        worst = Math.max(worst, ...y.map((p, i) => Math.abs(p - probs[i]!)));
      }
      expect(worst).to.be.within(1e-6, tolerance);
    }
  });

  it('refuses what the format cannot hold', async () => {
    await using file = await source();
    const cases: [string, object, RegExp][] = [
      ['x.bin', {}, /\.npz, \.safetensors or \.json/],
      ['x.npz', { dtype: 'u8' }, /tfjs/],
      ['x.npz', { shards: 100 }, /safetensors or \.json/],
      ['x.json', { shards: 0 }, /number of bytes/],
    ];
    for (const [name, options, message] of cases) {
      expect(await rejection(convertWeights(file, name, options)))
        .to.be.instanceOf(InvalidArgumentError)
        .and.match(message);
    }
    await using large = await openWeights(writeNpz([['W', floats([2, 2], () => 1e6)]]));
    expect(await rejection(convertWeights(large, 'x.npz', { dtype: 'f16' }))).to.match(/float16/);
    await using infinite = await openWeights(
      writeNpz([['W', floats([2, 2], () => Number.POSITIVE_INFINITY)]]),
    );
    expect(await rejection(convertWeights(infinite, 'x.json', { dtype: 'u8' }))).to.match(/finite/);
    const name = ['name', { shape: [], dtype: 'str', data: ['a'] }] as const;
    await using texts = await openWeights(writeNpz([name, ['W', floats([2])]]));
    expect((await convertWeights(texts, 'x.safetensors')).left).to.deep.equal(['name']);
  });

  it('writes no empty file', async () => {
    const nothing = [
      writeNpz([]),
      writeNpz([['name', { shape: [], dtype: 'str', data: ['a'] }]]),
      writeSafetensors([], { note: 'a' }),
    ];
    for (const [i, bytes] of nothing.entries()) {
      await using file = await openWeights(bytes);
      for (const name of ['x.safetensors', 'x.json', ...(i === 1 ? [] : ['x.npz'])]) {
        expect(await rejection(convertWeights(file, name), NothingToDoError)).to.match(
          /nothing would be written/,
        );
      }
    }
  });
});
