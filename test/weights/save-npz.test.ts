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
  Linear,
  Link,
  type Parameter,
  Persistent,
  type Serializable,
} from '@chaingrad/core';
import {
  loadNpz,
  loadSafetensors,
  openNpz,
  openSafetensors,
  SourceError,
  saveNpz,
  saveSafetensors,
  serializeNpz,
  serializeSafetensors,
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

const formats = {
  npz: { serialize: serializeNpz, load: loadNpz },
  safetensors: { serialize: serializeSafetensors, load: loadSafetensors },
};

describeBackends('saving and loading again', () => {
  for (const [format, { serialize, load }] of Object.entries(formats)) {
    it(`keeps a link and its optimizer (${format}), and no tensor`, async () => {
      const before = tf.memory().numTensors;
      const [source, target] = [new Net(), new Net()];
      const sourceOptimizer = stepped(source);
      const [link, states] = [await serialize(source), await serialize(sourceOptimizer)];
      const values = [await valuesOf(source), await valuesOf(sourceOptimizer)];
      source.epoch.value = 0;
      const targetOptimizer = new Adam().setup(target);
      await load(link, target);
      const report = await load(states, targetOptimizer);
      expect([await valuesOf(target), await valuesOf(targetOptimizer)]).to.deep.equal(values);
      expect(report.kept).to.deep.equal([]);
      for (const object of [sourceOptimizer, targetOptimizer, source, target]) object.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });

    it(`keeps that there is no value (${format}), as Chainer's None does`, async () => {
      const before = tf.memory().numTensors;
      const [saved, fresh, filled] = [new Lazy(), new Lazy(), new Lazy()];
      const bytes = await serialize(saved);
      filled.best.value = 3;
      filled.fc.W.initialize([2, 5]);
      const values = (await valuesOf(filled)).filter(([key]) => key !== 'fc/b');
      expect((await load(bytes, fresh)).kept).to.have.members(['fc/W', 'best']);
      expect(fresh.fc.W.isInitialized).to.equal(false);
      expect(fresh.best.value).to.equal(null);
      await load(bytes, filled);
      expect((await valuesOf(filled)).filter(([key]) => key !== 'fc/b')).to.deep.equal(values);
      for (const link of [saved, fresh, filled]) link.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });
  }

  it('takes all values at one moment', async () => {
    const link = new Net();
    const saving = serializeNpz(link);
    for (const param of link.params()) tf.tidy(() => param.assign(tf.zeros(param.shape)));
    const values = new Map(await valuesOf(link));
    const file = openNpz(await saving);
    expect(values.get('fc/W')).to.deep.equal(['float32', [2, 4], [0, 0, 0, 0, 0, 0, 0, 0]]);
    expect([...(file.read('fc/W').data as Float32Array)].every((v) => v !== 0)).to.equal(true);
    expect([...(file.read('conv/W').data as Float32Array)].some((v) => v !== 0)).to.equal(true);
    link.dispose();
  });
});

describe('serializeNpz and serializeSafetensors', () => {
  before(() => useTestBackend('cpu'));

  it("write Chainer's keys and types", async () => {
    const link = new Net();
    const file = openNpz(await serializeNpz(link));
    const types = Object.fromEntries(
      file.keys().map((key) => [key, [file.info(key).dtype, file.info(key).shape]]),
    );
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

  it('deflate unless told not to', async () => {
    const link = new Linear(100, 100, { initialW: 0 });
    const [small, large] = [await serializeNpz(link), await serializeNpz(link, { compression: false })];
    expect(small.length).to.be.below(2000);
    expect(large.length).to.be.above(40_000);
    expect(Object.keys(unzipSync(large))).to.deep.equal(['W.npy', 'b.npy']);
    link.dispose();
  });

  it('carry metadata along', async () => {
    const link = new Linear(1, 1);
    const bytes = await serializeSafetensors(link, { metadata: { licence: 'MIT' } });
    expect(Object.fromEntries(openSafetensors(bytes).metadata)).to.deep.equal({ licence: 'MIT' });
    link.dispose();
  });

  it('write parameters, and only those, in 16 bits when told to', async () => {
    const link = new Net();
    const want = [...(await link.fc.W.tensor.data())];
    for (const [parameterDtype, bytes] of [
      ['float16', await serializeNpz(link, { parameterDtype: 'float16' })],
      ['float16', await serializeSafetensors(link, { parameterDtype: 'float16' })],
      ['bfloat16', await serializeSafetensors(link, { parameterDtype: 'bfloat16' })],
    ] as const) {
      const file = bytes[0] === 0x50 ? openNpz(bytes) : openSafetensors(bytes);
      expect(file.info('fc/W').dtype).to.equal(parameterDtype);
      expect(file.info('bn/avg_var').dtype).to.equal('float32');
      expect(file.info('bn/N').dtype).to.equal('int64');
      const back = new Net();
      await (bytes[0] === 0x50 ? loadNpz : loadSafetensors)(bytes, back);
      const got = await back.fc.W.tensor.data();
      const step = parameterDtype === 'float16' ? 2 ** -11 : 2 ** -8;
      want.forEach((value, i) => {
        expect(got[i]).to.be.closeTo(value, Math.abs(value) * step);
        expect(got[i]).not.to.equal(0);
      });
      back.dispose();
    }
    await rejection(serializeNpz(link, { parameterDtype: 'bfloat16' }), FormatError);
    link.dispose();
  });

  it('refuse values beyond the range of float16, but keep infinity', async () => {
    const link = new Link();
    const large = link.addParam('large', [1], 70_000);
    const error = await rejection(serializeNpz(link, { parameterDtype: 'float16' }), FormatError);
    expect(error.key).to.equal('large');
    tf.tidy(() => large.assign(tf.tensor1d([Number.NEGATIVE_INFINITY])));
    const { data } = openNpz(await serializeNpz(link, { parameterDtype: 'float16' })).read('large');
    expect([...(data as Uint16Array)]).to.deep.equal([0xfc00]);
    link.dispose();
  });

  it('refuse what the format cannot hold', async () => {
    const link = new Link();
    link.addPersistent('note', 'text');
    expect(openNpz(await serializeNpz(link)).read('note').data).to.deep.equal(['text']);
    await rejection(serializeSafetensors(link), FormatError);
    const words = new Link();
    const tensor = tf.tensor1d(['a', 'b']);
    words.addPersistent('words', tensor);
    tensor.dispose();
    const before = tf.memory().numTensors;
    await rejection(serializeNpz(words), Error);
    expect(tf.memory().numTensors).to.equal(before);
    words.dispose();
  });

  it('a parameter without dimensions is a parameter', async () => {
    const link = new Link();
    link.addParam('s', [], 4);
    const back = new Link();
    back.addParam('s', [], 0);
    await loadNpz(await serializeNpz(link), back);
    expect(
      [...back.params()].map((param: Parameter) => [param.shape, ...param.tensor.dataSync()]),
    ).to.deep.equal([[[], 4]]);
    for (const each of [link, back]) each.dispose();
  });
});

describe('saveNpz and saveSafetensors', () => {
  let folder: string;

  before(() => useTestBackend('cpu'));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  for (const [what, save, load] of [
    ['saveNpz', saveNpz, loadNpz],
    ['saveSafetensors', saveSafetensors, loadSafetensors],
  ] as const) {
    it(`${what}: writes a path or a file: URL, over an old file too`, async () => {
      const link = new Net();
      const path = join(folder, 'my model');
      for (const target of [path, pathToFileURL(path), pathToFileURL(path).href]) {
        await writeFile(path, 'old');
        await save(target, link);
        const back = new Net();
        await load(target, back);
        expect(await valuesOf(back)).to.deep.equal(await valuesOf(link));
        expect(await readdir(folder)).to.deep.equal(['my model']);
        back.dispose();
      }
      link.dispose();
    });

    it(`${what}: leaves the old file, and no other, when it fails`, async () => {
      const link = new Linear(1, 1);
      await mkdir(join(folder, 'a folder'));
      await writeFile(join(folder, 'old'), 'old');
      const error = await rejection(save(join(folder, 'no folder', 'x'), link), SourceError);
      expect(error.source).to.include('no folder');
      await rejection(save(join(folder, 'a folder'), link), SourceError);
      link.dispose();
      await rejection(save(join(folder, 'old'), link), Error);
      expect(await readFile(join(folder, 'old'), 'utf8')).to.equal('old');
      expect((await readdir(folder)).sort()).to.deep.equal(['a folder', 'old']);
    });
  }
});
