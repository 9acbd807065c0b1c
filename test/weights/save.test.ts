import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  Adam,
  BatchNormalization,
  Chain,
  Convolution2D,
  FormatError,
  InvalidArgumentError,
  Linear,
  Link,
  type Parameter,
  Persistent,
  readArray,
  type Serializable,
} from '@chaingrad/core';
import {
  load,
  loadNpz,
  openWeights,
  registerWriter,
  SourceError,
  save,
  saveNpz,
  serialize,
} from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { unzipSync } from 'fflate';
import { describeBackends, useTestBackend } from '../support/backends.ts';

import { rejection } from '../support/errors.ts';

class Net extends Chain {
  readonly bn = new BatchNormalization(3);
  readonly conv = new Convolution2D(3, 2, 3);
  readonly fc = new Linear(4, 2);
  readonly epoch = new Persistent<number>(12);
  readonly ratio = new Persistent(0.1);
  readonly done = new Persistent(true);
}

class Lazy extends Chain {
  readonly fc = new Linear(null, 2);
  readonly best = new Persistent<number | null>(null);
}

/** The present values by key. */
async function valuesOf(target: Serializable): Promise<[string, unknown][]> {
  const values: [string, unknown][] = [];
  for (const { key, read } of target.serialEntries()) {
    const value = read();
    values.push([
      key,
      value instanceof tf.Tensor ? [value.dtype, value.shape, [...(await value.data())]] : value,
    ]);
  }
  return values;
}

/** An optimizer after one step with gradients of 1. */
function stepped(model: Link): Adam {
  const optimizer = new Adam().setup(model);
  for (const param of model.params()) {
    tf.tidy(() => {
      param.grad = tf.onesLike(param.tensor);
    });
  }
  optimizer.update();
  return optimizer;
}

const formats = ['npz', 'safetensors'] as const;

describeBackends('saving and loading again', () => {
  for (const format of formats) {
    it(`keeps a link and its optimizer (${format}), and no tensor`, async () => {
      const before = tf.memory().numTensors;
      const [source, target] = [new Net(), new Net()];
      const sourceOptimizer = stepped(source);
      const [link, states] = [
        await serialize(source, { format }),
        await serialize(sourceOptimizer, { format }),
      ];
      const values = [await valuesOf(source), await valuesOf(sourceOptimizer)];
      source.epoch.value = 0;
      const targetOptimizer = new Adam().setup(target);
      await load(target, link);
      const report = await load(targetOptimizer, states);
      expect([await valuesOf(target), await valuesOf(targetOptimizer)]).to.deep.equal(values);
      expect(report.kept).to.deep.equal([]);
      for (const object of [sourceOptimizer, targetOptimizer, source, target]) object.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });

    it(`keeps that there is no value (${format}), as Chainer's None does`, async () => {
      const before = tf.memory().numTensors;
      const [saved, fresh, filled] = [new Lazy(), new Lazy(), new Lazy()];
      const bytes = await serialize(saved, { format });
      filled.best.value = 3;
      filled.fc.W.initialize([2, 5]);
      const values = (await valuesOf(filled)).filter(([key]) => key !== 'fc/b');
      expect((await load(fresh, bytes)).kept).to.have.members(['/fc/W', '/best']);
      expect(fresh.fc.W.isInitialized).to.equal(false);
      expect(fresh.best.value).to.equal(null);
      await load(filled, bytes);
      expect((await valuesOf(filled)).filter(([key]) => key !== 'fc/b')).to.deep.equal(values);
      for (const link of [saved, fresh, filled]) link.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });
  }

  it('takes all values at one moment', async () => {
    const link = new Net();
    const saving = serialize(link);
    for (const param of link.params()) tf.tidy(() => param.assign(tf.zeros(param.shape)));
    const values = new Map(await valuesOf(link));
    await using file = await openWeights(await saving);
    expect(values.get('fc/W')).to.deep.equal(['float32', [2, 4], [0, 0, 0, 0, 0, 0, 0, 0]]);
    expect([...((await readArray(file, 'fc/W')).data as Float32Array)].every((v) => v !== 0)).to.equal(true);
    expect([...((await readArray(file, 'conv/W')).data as Float32Array)].some((v) => v !== 0)).to.equal(true);
    link.dispose();
  });
});

describe('serialize', () => {
  before(() => useTestBackend('cpu'));

  it("writes Chainer's keys and types", async () => {
    const link = new Net();
    await using file = await openWeights(await serialize(link));
    const types: Record<string, unknown> = {};
    for (const key of file.keys()) {
      const { dtype, shape } = await file.info(key);
      types[key] = [dtype, shape];
    }
    expect(types).to.deep.equal({
      'bn/beta': ['float32', [3]],
      'bn/gamma': ['float32', [3]],
      'bn/avg_mean': ['float32', [3]],
      'bn/avg_var': ['float32', [3]],
      'bn/N': ['int64', []],
      'conv/W': ['float32', [2, 3, 3, 3]],
      'conv/b': ['float32', [2]],
      'fc/W': ['float32', [2, 4]],
      'fc/b': ['float32', [2]],
      epoch: ['int64', []],
      ratio: ['float64', []],
      done: ['bool', []],
    });
    link.dispose();
  });

  it('deflates npz unless told not to', async () => {
    const link = new Linear(100, 100, { initialW: 0 });
    const [small, large] = [await serialize(link), await serialize(link, { compression: false })];
    expect(small.length).to.be.below(2000);
    expect(large.length).to.be.above(40_000);
    expect(Object.keys(unzipSync(large))).to.deep.equal(['W.npy', 'b.npy']);
    link.dispose();
  });

  it('carries metadata along', async () => {
    const link = new Linear(1, 1);
    for (const format of formats) {
      const metadata = { 'chaingrad.licence': 'MIT "été"' };
      await using file = await openWeights(await serialize(link, { format, metadata }));
      expect(Object.fromEntries(file.metadata)).to.deep.equal(metadata);
      expect(file.keys()).to.have.members(['W', 'b']);
    }
    // In an npz file metadata are arrays: a name of any other kind would look like one of the model's.
    await rejection(serialize(link, { metadata: { licence: 'MIT' } }), FormatError);
    link.dispose();
  });

  it('writes parameters, and only those, in 16 bits when told to', async () => {
    const link = new Net();
    const want = [...(await link.fc.W.tensor.data())];
    for (const [format, parameterDtype] of [
      ['npz', 'float16'],
      ['safetensors', 'float16'],
      ['safetensors', 'bfloat16'],
    ] as const) {
      const bytes = await serialize(link, { format, parameterDtype });
      await using file = await openWeights(bytes);
      expect(file.format).to.equal(format);
      expect((await file.info('fc/W')).dtype).to.equal(parameterDtype);
      expect((await file.info('bn/avg_var')).dtype).to.equal('float32');
      expect((await file.info('bn/N')).dtype).to.equal('int64');
      const back = new Net();
      await load(back, bytes);
      const got = await back.fc.W.tensor.data();
      const step = parameterDtype === 'float16' ? 2 ** -11 : 2 ** -8;
      want.forEach((value, i) => {
        expect(got[i]).to.be.closeTo(value, Math.abs(value) * step);
        expect(got[i]).not.to.equal(0);
      });
      back.dispose();
    }
    await rejection(serialize(link, { parameterDtype: 'bfloat16' }), FormatError);
    link.dispose();
  });

  it('refuses values beyond the range of float16, but keeps infinity', async () => {
    const link = new Link();
    const large = link.addParam('large', [1], 70_000);
    const error = await rejection(serialize(link, { parameterDtype: 'float16' }), FormatError);
    expect(error.key).to.equal('large');
    tf.tidy(() => large.assign(tf.tensor1d([Number.NEGATIVE_INFINITY])));
    await using file = await openWeights(await serialize(link, { parameterDtype: 'float16' }));
    const { data } = await readArray(file, 'large');
    expect([...(data as Uint16Array)]).to.deep.equal([0xfc00]);
    link.dispose();
  });

  it('refuses what the format cannot hold', async () => {
    const link = new Link();
    link.addPersistent('note', 'text');
    await using file = await openWeights(await serialize(link));
    expect((await readArray(file, 'note')).data).to.deep.equal(['text']);
    await rejection(serialize(link, { format: 'safetensors' }), FormatError);
    const words = new Link();
    const tensor = tf.tensor1d(['a', 'b']);
    words.addPersistent('words', tensor);
    tensor.dispose();
    const before = tf.memory().numTensors;
    await rejection(serialize(words), Error);
    expect(tf.memory().numTensors).to.equal(before);
    words.dispose();
  });

  it('a parameter without dimensions is a parameter', async () => {
    const link = new Link();
    link.addParam('s', [], 4);
    const back = new Link();
    back.addParam('s', [], 0);
    await loadNpz(await serialize(link), back);
    expect(
      [...back.params()].map((param: Parameter) => [param.shape, ...param.tensor.dataSync()]),
    ).to.deep.equal([[[], 4]]);
    for (const each of [link, back]) each.dispose();
  });
});

describe('save and saveNpz', () => {
  let folder: string;

  before(() => useTestBackend('cpu'));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  for (const [what, name, write, read, format] of [
    ['saveNpz', 'my model', saveNpz, loadNpz, 'npz'],
    ['save', 'my model.npz', save, loadNpz, 'npz'],
    [
      'save',
      'my model.SafeTensors',
      save,
      (source: URL | string, target: Link) => load(target, source),
      'safetensors',
    ],
  ] as const) {
    it(`${what}: writes a path or a file: URL, over an old file too (${name})`, async () => {
      const link = new Net();
      const path = join(folder, name);
      for (const target of [path, pathToFileURL(path), pathToFileURL(path).href]) {
        await writeFile(path, 'old');
        await write(target, link);
        const back = new Net();
        await read(target, back);
        expect(await valuesOf(back)).to.deep.equal(await valuesOf(link));
        expect(await readdir(folder)).to.deep.equal([name]);
        await using file = await openWeights(target);
        expect(file.format).to.equal(format);
        back.dispose();
      }
      link.dispose();
    });

    it(`${what}: leaves the old file, and no other, when it fails (${name})`, async () => {
      const link = new Linear(1, 1);
      await mkdir(join(folder, `a folder.${format}`));
      await writeFile(join(folder, name), 'old');
      const error = await rejection(write(join(folder, 'no folder', name), link), SourceError);
      expect(error.source).to.include('no folder');
      await rejection(write(join(folder, `a folder.${format}`), link), SourceError);
      link.dispose();
      await rejection(write(join(folder, name), link), Error);
      expect(await readFile(join(folder, name), 'utf8')).to.equal('old');
      expect((await readdir(folder)).sort()).to.deep.equal([`a folder.${format}`, name]);
    });
  }

  it('saves with options: names, types, metadata', async () => {
    const link = new Linear(2, 2);
    const path = join(folder, 'm.safetensors');
    await save(path, link, { parameterDtype: 'float16', metadata: { note: 'x' } });
    await using file = await openWeights(path);
    expect((await file.info('W')).dtype).to.equal('float16');
    expect(file.metadata.get('note')).to.equal('x');
    // A map that changes layouts can only be read by.
    const vgg = new (class extends Chain {
      readonly conv1_1 = new (class extends Chain {
        readonly conv = new Convolution2D(3, 2, 3);
      })();
    })();
    const error = await rejection(save(path, vgg, { names: 'keras-vgg16' }), InvalidArgumentError);
    expect(error.message).to.include('names');
    link.dispose();
  });

  it('tells which endings there are, and what to import for onnx; nothing is written', async () => {
    const link = new Linear(1, 1);
    for (const [name, message] of [
      ['x.onnx', /@chaingrad\/onnx/],
      ['x.bin', /\.npz, \.safetensors.*got \.bin/],
      ['x', /\.npz, \.safetensors.*got none/],
      ['x.constructor', /got \.constructor/],
    ] as const) {
      const error = await rejection(save(join(folder, name), link), InvalidArgumentError);
      expect(error.message).to.match(message);
    }
    expect(await readdir(folder)).to.deep.equal([]);
    const error = await rejection(serialize(link, { format: 'onnx' }), InvalidArgumentError);
    expect(error.message).to.include('@chaingrad/onnx');
    link.dispose();
  });

  it('writes a format that a package has registered', async () => {
    const link = new Linear(2, 1, { initialW: 3 });
    const seen: unknown[] = [];
    registerWriter('testformat', async (target, options) => {
      seen.push(options);
      const keys = [...target.serialEntries()].map(({ key }) => key);
      return new TextEncoder().encode(keys.join());
    });
    await save(join(folder, 'x.testformat'), link, { parameterDtype: 'float16' });
    expect(await readFile(join(folder, 'x.testformat'), 'utf8')).to.equal('W,b');
    expect(new TextDecoder().decode(await serialize(link, { format: 'testformat' }))).to.equal('W,b');
    expect(seen).to.deep.equal([{ parameterDtype: 'float16' }, {}]);
    link.dispose();
  });
});
