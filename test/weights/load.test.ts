import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchNormalization, Chain, FormatError, Linear, NothingToDoError } from '@chaingrad/core';
import {
  load,
  nameMaps,
  openWeights,
  serializeNpz,
  WeightsMismatchError,
  writeNpz,
  writeSafetensors,
} from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { rejection } from '../support/errors.ts';
import { fixturePath, readJson } from '../support/goldens.ts';
import { floats } from './support.ts';
import { picture, TinyVGG } from './tiny-vgg.ts';
import { ZooServer } from './zoo-server.ts';

class Net extends Chain {
  readonly body: Linear;
  readonly head: Linear;
  constructor(nClass = 2, lazy = false) {
    super();
    const options = { initialW: 1, initialBias: 1 };
    this.body = new Linear(lazy ? null : 3, 4, options);
    this.head = new Linear(4, nClass, options);
  }
}

const arrays = {
  'body/W': floats([4, 3]),
  'body/b': floats([4], () => 5),
  'head/W': floats([2, 4], (i) => -i),
  'head/b': floats([2], () => 7),
};
const npz = (entries: object = arrays) => writeNpz(Object.entries(entries));
const valuesOf = (net: Chain) =>
  Object.fromEntries([...net.namedparams()].map(([name, param]) => [name, [...param.tensor.dataSync()]]));

describe('load', () => {
  before(() => tf.setBackend('cpu'));

  it('loads what fits exactly, leaves no tensors behind, and tells', async () => {
    const net = new Net();
    const before = tf.memory().numTensors;
    const report = await load(net, npz());
    expect(tf.memory().numTensors).to.equal(before);
    expect(report.copied).to.deep.equal(['/body/W', '/body/b', '/head/W', '/head/b']);
    expect(report).to.deep.include({
      missingInSrc: [],
      unusedInSrc: [],
      mismatched: [],
      ignored: [],
      scalars: 26,
    });
    expect(report.summary()).to.include('copied 4 (26 values)');
    expect(valuesOf(net)).to.deep.equal({
      '/body/W': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
      '/body/b': [5, 5, 5, 5],
      '/head/W': [-0, -1, -2, -3, -4, -5, -6, -7],
      '/head/b': [7, 7],
    });
  });

  it('initializes what has no shape yet', async () => {
    const net = new Net(2, true);
    expect((await load(net, npz())).initialized).to.deep.equal(['/body/W']);
    expect(net.body.W.shape).to.deep.equal([4, 3]);
  });

  describe('strict: changes nothing unless everything fits', () => {
    const { 'head/b': _, ...withoutBias } = arrays;
    const cases: [string, object, (keyof Awaited<ReturnType<typeof load>>)[]][] = [
      ['a name less', withoutBias, ['missingInSrc']],
      ['a name more', { ...arrays, extra: floats([1]) }, ['unusedInSrc']],
      ['another shape', { ...arrays, 'head/b': floats([3]) }, ['mismatched']],
      ['a shape that could be broadcast', { ...arrays, 'head/b': floats([1]) }, ['mismatched']],
    ];
    for (const [what, entries, fields] of cases) {
      it(what, async () => {
        const net = new Net();
        const [before, count] = [valuesOf(net), tf.memory().numTensors];
        const error = (await rejection(load(net, npz(entries)))) as WeightsMismatchError;
        expect(error).to.be.instanceOf(WeightsMismatchError);
        for (const field of fields) expect(error.report[field]).to.have.length(1);
        expect(valuesOf(net)).to.deep.equal(before);
        expect(tf.memory().numTensors).to.equal(count);
      });
    }

    it('damage in the last array', async () => {
      const net = new Net();
      const [before, count] = [valuesOf(net), tf.memory().numTensors];
      const bytes = writeNpz(Object.entries(arrays), { compression: false });
      const at = new TextDecoder('latin1').decode(bytes).lastIndexOf('NUMPY');
      bytes[at + 130]! ^= 1;
      const error = await rejection(load(net, bytes));
      expect(error).to.be.instanceOf(FormatError).with.property('key', 'head/b.npy');
      expect(valuesOf(net)).to.deep.equal(before);
      expect(tf.memory().numTensors).to.equal(count);
    });

    it('an abort in the middle', async () => {
      const net = new Net();
      const [before, count] = [valuesOf(net), tf.memory().numTensors];
      const controller = new AbortController();
      const onProgress = ({ loaded }: { loaded: number }) => {
        if (loaded > 50) controller.abort(new Error('enough'));
      };
      const error = await rejection(load(net, npz(), { signal: controller.signal, onProgress }));
      expect(error).to.have.property('message', 'enough');
      expect(valuesOf(net)).to.deep.equal(before);
      expect(tf.memory().numTensors).to.equal(count);
    });
  });

  it('not strict: loads what both have, and reports the rest', async () => {
    const net = new Net();
    const { 'head/b': _, ...rest } = arrays;
    const report = await load(net, npz({ ...rest, extra: floats([1]) }), { strict: false });
    expect(report).to.deep.include({ missingInSrc: ['/head/b'], unusedInSrc: ['/extra'] });
    expect(valuesOf(net)['/head/b']).to.deep.equal([1, 1]);
    expect(valuesOf(net)['/body/b']).to.deep.equal([5, 5, 5, 5]);
  });

  it("onMismatch 'skip', ignore, rename", async () => {
    const net = new Net(3);
    const skipped = await load(net, npz(), { onMismatch: 'skip' });
    expect(skipped.mismatched.map(({ name }) => name)).to.deep.equal(['/head/W', '/head/b']);
    expect(valuesOf(net)['/head/b']).to.deep.equal([1, 1, 1]);
    const ignored = await load(new Net(3), npz(), { ignore: /^\/head/ });
    expect(ignored.ignored).to.deep.equal(['/head/W', '/head/b']);
    const prefixed = Object.fromEntries(Object.entries(arrays).map(([key, array]) => [`net.${key}`, array]));
    const other = new Net();
    await load(other, npz(prefixed), { rename: (name) => `/net.${name.slice(1)}` });
    expect(valuesOf(other)['/body/b']).to.deep.equal([5, 5, 5, 5]);
    expect(await rejection(load(new Net(), npz(prefixed), { strict: false }))).to.be.instanceOf(
      NothingToDoError,
    );
  });

  it('loads statistics, too, and half precision', async () => {
    const bn = new BatchNormalization(2);
    const half = (values: number[]) => ({
      shape: [2],
      dtype: 'float16' as const,
      data: Uint16Array.from(values),
    });
    const file = writeSafetensors([
      ['gamma', half([0x3c00, 0x4000])],
      ['beta', half([0, 0xbc00])],
      ['avg_mean', floats([2], () => 3)],
      ['avg_var', floats([2], () => 4)],
      ['N', { shape: [], dtype: 'int64', data: BigInt64Array.of(12n) }],
    ]);
    expect((await load(bn, file)).copied).to.have.length(5);
    expect([...bn.gamma!.tensor.dataSync(), ...bn.beta!.tensor.dataSync()]).to.deep.equal([1, 2, 0, -1]);
    expect([...bn.avg_mean.value!.dataSync()]).to.deep.equal([3, 3]);
    expect(bn.N.value).to.equal(12);
  });

  it('takes an opened file, and leaves it open', async () => {
    await using file = await openWeights(await serializeNpz(new Net()));
    await load(new Net(), file);
    await load(new Net(), file);
  });

  it('loads Tiny VGG by its map, and it computes what tfjs-layers does', async () => {
    using model = new TinyVGG();
    const report = await load(model, fixturePath('tinyvgg/model.json'), { names: 'tiny-vgg' });
    expect(report.copied).to.have.length(10);
    const golden = readJson<{ images: { file: string; probs: number[] }[] }>(
      'goldens/zoo/golden-tinyvgg.json',
    );
    expect(golden.images).to.have.length(10);
    for (const { file, probs } of golden.images) {
      const x = await picture(file);
      const y = [...model.call(x).dataSync()];
      y.forEach((p, i) => {
        expect(p, `${file} ${i}`).to.be.closeTo(probs[i]!, 1e-5);
      });
    }
  });

  it("takes a name of ChainerCV's table for a model of that class, from a mirror, through the cache", async () => {
    class SSD300 extends Net {}
    const server = await ZooServer.start();
    const cacheDir = await mkdtemp(join(tmpdir(), 'chaingrad-load-'));
    const saved = process.env['CHAINER_DATASET_ROOT'];
    process.env['CHAINER_DATASET_ROOT'] = cacheDir;
    try {
      server.serve('mirror/ssd300_voc0712_converted_2017_06_06.npz', { body: npz() });
      const options = { baseUrl: `${server.url}mirror/`, cacheDir };
      for (const name of ['voc0712', 'SSD300/voc0712']) {
        const model = new SSD300();
        await load(model, name, options);
        expect(valuesOf(model)['/head/b']).to.deep.equal([7, 7]);
      }
      expect(server.requests).to.have.length(1);
    } finally {
      if (saved === undefined) delete process.env['CHAINER_DATASET_ROOT'];
      else process.env['CHAINER_DATASET_ROOT'] = saved;
      await server.stop();
      await rm(cacheDir, { recursive: true });
    }
  });

  it('keeps the maps to names that the models have', () => {
    const rows = readJson<{ params: { path: string }[] }>('goldens/ssd300_params.json').params;
    const ours = rows.map(({ path }) => path.replace(/^\//, ''));
    expect(Object.keys(nameMaps['torchvision-ssd300'].names)).to.have.members(ours);
    const vgg = readJson<{ params: { path: string }[] }>('goldens/vgg16_params.json').params;
    for (const map of ['torchvision-vgg16', 'keras-vgg16'] as const) {
      expect(Object.keys(nameMaps[map].names)).to.have.members(
        vgg.map(({ path }) => path.replace(/^\//, '')),
      );
    }
  });

  it('reads the whole of a file that is larger than a piece', async () => {
    const net = new Linear(1500, 1000);
    const W = floats([1000, 1500]);
    for (const compression of [true, false]) {
      await load(
        net,
        writeNpz(
          [
            ['W', W],
            ['b', floats([1000])],
          ],
          { compression },
        ),
      );
      expect(
        Buffer.from(net.W.tensor.dataSync().buffer).equals(Buffer.from((W.data as Float32Array).buffer)),
      ).to.equal(true);
    }
  });
});
