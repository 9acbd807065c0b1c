import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchNormalization,
  Chain,
  FormatError,
  Linear,
  MismatchError,
  MomentumSGD,
  type NamedArray,
  NothingToDoError,
  Persistent,
  readArray,
  type Serializable,
} from '@chaingrad/core';
import {
  load,
  MemoryWeights,
  nameMaps,
  openWeights,
  pretrained,
  type ReadProgress,
  SourceError,
  serialize,
} from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { writeNpz } from '../../packages/weights/src/formats/npz.ts';
import { writeSafetensors } from '../../packages/weights/src/formats/safetensors.ts';
import { describeBackends } from '../support/backends.ts';
import { rejection } from '../support/errors.ts';
import { fixturePath, readJson } from '../support/goldens.ts';
import { floats } from './support.ts';
import { picture, TinyVGG } from './tiny-vgg.ts';
import { WeightsServer } from './weights-server.ts';

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

/** A file of which the array number `n` cannot be read, from its first piece on or from its second. */
class Failing extends MemoryWeights {
  #count = 0;
  constructor(
    map: ReadonlyMap<string, NamedArray>,
    readonly n: number,
    readonly late: boolean,
  ) {
    super('failing', 'npz', map);
  }

  override async *chunks(key: string): AsyncGenerator<NamedArray> {
    const fails = this.#count++ === this.n;
    if (fails && !this.late) throw new FormatError({ file: this.file, key }, 'values', 'damage');
    yield* super.chunks(key);
    if (fails) throw new FormatError({ file: this.file, key }, 'the checksum', 'another');
  }
}

class Everything extends Chain {
  readonly bn = new BatchNormalization(2);
  readonly lazy = new Linear(null, 3);
  readonly fc = new Linear(2, 2);
  readonly best = new Persistent<number>(1.5);
  readonly note = new Persistent<string>('before');
  readonly none = new Persistent<tf.Tensor | null>(null);
}

describeBackends('load, when the n-th array cannot be read', () => {
  /** Every value, with its shape; null where there is none. */
  const state = async (target: Serializable) => {
    const all: unknown[] = [];
    for (const { key, read } of target.serialEntries()) {
      const value = read();
      all.push([key, value instanceof tf.Tensor ? [value.shape, [...(await value.data())]] : value]);
    }
    return all;
  };

  it('leaves the model and its optimizer as they were, and no tensor or memory behind, for every n', async () => {
    const make = () => {
      const model = new Everything();
      const optimizer = new MomentumSGD().setup(model);
      return { model, optimizer };
    };
    const source = make();
    source.model.lazy.W.initialize([3, 4]);
    source.model.note.value = 'after';
    source.model.best.value = 2.5;
    tf.tidy(() => {
      source.model.none.value = tf.tensor1d([1, 2], 'int32');
      for (const param of source.model.params()) param.grad = tf.onesLike(param.tensor);
    });
    source.optimizer.update();
    for (const which of ['model', 'optimizer'] as const) {
      const file = await openWeights(await serialize(source[which]));
      const map = new Map<string, NamedArray>();
      for (const key of file.keys()) map.set(key, await readArray(file, key));
      const target = make();
      const before = await state(target[which]);
      const counts = () => [tf.memory().numTensors, tf.engine().backend.numDataIds()];
      const held = counts();
      let n = 0;
      for (; n < map.size; n++) {
        for (const late of [false, true]) {
          await rejection(load(target[which], new Failing(map, n, late)), FormatError);
          expect(await state(target[which]), `${which}, array ${n}`).to.deep.equal(before);
          expect(counts(), `${which}, array ${n}`).to.deep.equal(held);
        }
      }
      expect(n).to.be.at.least(10);
      const report = await load(target[which], new Failing(map, n, false));
      expect(report.copied).to.have.length(map.size);
      expect(await state(target[which])).to.deep.equal(await state(source[which]));
      target.optimizer.dispose();
      target.model.dispose();
    }
    source.optimizer.dispose();
    source.model.dispose();
  });
}, ['cpu', 'wasm']);

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

  describe('exact: changes nothing unless everything fits', () => {
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
        const error = await rejection(load(net, npz(entries)), MismatchError);
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

  it("match 'common': loads what both have, and reports the rest", async () => {
    const net = new Net();
    const { 'head/b': _, ...rest } = arrays;
    const report = await load(net, npz({ ...rest, extra: floats([1]) }), { match: 'common' });
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
    expect(await rejection(load(new Net(), npz(prefixed), { match: 'common' }))).to.be.instanceOf(
      NothingToDoError,
    );
  });

  it('takes an answer of rename with and without a slash, from a file whose keys have one or not', async () => {
    for (const slash of ['', '/']) {
      const renamed = Object.entries(arrays).map(([key, array]) => [`${slash}net/${key}`, array] as const);
      const file = writeSafetensors(renamed);
      for (const rename of [(name: string) => `/net${name}`, (name: string) => `net${name}`]) {
        const net = new Net();
        const report = await load(net, file, { rename });
        expect(report.copied).to.deep.equal(['/body/W', '/body/b', '/head/W', '/head/b']);
        expect(report.unusedInSrc).to.deep.equal([]);
        expect(valuesOf(net)['/head/b']).to.deep.equal([7, 7]);
      }
    }
  });

  it('ignores by a pattern at every name alike, whatever its flags are', async () => {
    for (const flags of ['', 'g', 'y', 'gy']) {
      const ignore = new RegExp('/(body|head|tail)/b', flags);
      const file = npz({ ...arrays, 'tail/b': floats([1]) });
      for (let i = 0; i < 2; i++) {
        const report = await load(new Net(), file, { ignore });
        expect(report.ignored).to.deep.equal(['/body/b', '/head/b', '/tail/b']);
        expect(report.copied).to.deep.equal(['/body/W', '/head/W']);
      }
    }
  });

  describe('keys that begin with a slash', () => {
    const slashed = (entries: object, under = '') =>
      npz(Object.fromEntries(Object.entries(entries).map(([key, array]) => [`/${under}${key}`, array])));

    it('are names like those without', async () => {
      const net = new Net();
      const report = await load(net, slashed(arrays));
      expect(report.copied).to.have.length(4);
      expect(valuesOf(net)['/body/b']).to.deep.equal([5, 5, 5, 5]);
      const common = await load(new Net(), slashed({ ...arrays, extra: floats([1]) }), { match: 'common' });
      expect(common.unusedInSrc).to.deep.equal(['/extra']);
      const { ignored } = await load(new Net(), slashed(arrays), { ignore: ['head/W', '/head/b'] });
      expect(ignored).to.deep.equal(['/head/W', '/head/b']);
    });

    it('lie where `at` says, with or without slashes', async () => {
      for (const at of ['part/net', '/part/net', 'part/net/', '/part/net/']) {
        for (const file of [
          slashed(arrays, 'part/net/'),
          npz(Object.fromEntries(Object.entries(arrays).map(([key, array]) => [`part/net/${key}`, array]))),
        ]) {
          const net = new Net();
          expect((await load(net, file, { at })).copied).to.have.length(4);
          expect(valuesOf(net)['/head/b']).to.deep.equal([7, 7]);
        }
      }
    });

    it('are found by the patterns of a map, and passed over by its pattern of unused names', async () => {
      const names = {
        title: 'theirs',
        names: { W: { from: /^weight(;|$)/g }, b: { from: ['bias', 'offset'] } },
        unused: /^step$/g,
      };
      const theirs = {
        'weight;folded': floats([2, 2]),
        offset: floats([2], () => 3),
        step: floats([]),
      };
      for (const [file, at] of [
        [npz(theirs), undefined],
        [slashed(theirs), undefined],
        [slashed(theirs, 'deep/'), 'deep'],
      ] as const) {
        const net = new Linear(2, 2);
        const report = await load(net, file, { names, at });
        expect(report).to.deep.include({ copied: ['/W', '/b'], unusedInSrc: [] });
        expect([...net.W.tensor.dataSync(), ...net.b!.tensor.dataSync()]).to.deep.equal([0, 1, 2, 3, 3, 3]);
      }
    });
  });

  it("takes a name of the table of the model's class, whose source may be a path", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaingrad-load-'));
    try {
      const path = join(folder, 'toy.npz');
      const theirs = Object.entries(arrays).map(([key, array]) => [`net.${key}`, array] as const);
      await writeFile(path, writeNpz(theirs.slice(0, 3)));
      const entry = {
        source: path,
        match: 'common',
        names: {
          title: 'Toy',
          names: Object.fromEntries(Object.keys(arrays).map((key) => [key, { from: `net.${key}` }])),
        },
      } as const;
      class Toy extends Net {
        static readonly pretrained = { oid: entry };
      }
      const net = new Toy();
      const report = await load(net, 'oid');
      expect(report).to.deep.include({ missingInSrc: ['/head/b'], unusedInSrc: [] });
      expect(valuesOf(net)['/body/b']).to.deep.equal([5, 5, 5, 5]);
      // What the call says counts more than the table.
      await rejection(load(new Toy(), 'oid', { match: 'exact' }), MismatchError);
      // Another class does not know the name, and no class knows a property of every object.
      await rejection(load(new Net(), 'oid'), SourceError);
      await rejection(load(new Toy(), 'toString'), SourceError);
    } finally {
      await rm(folder, { recursive: true });
    }
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
    await using file = await openWeights(await serialize(new Net()));
    await load(new Net(), file);
    await load(new Net(), file);
  });

  it('loads Tiny VGG by its map, and it computes what tfjs-layers does', async () => {
    using model = new TinyVGG();
    const seen: ReadProgress[] = [];
    const report = await load(model, fixturePath('tinyvgg/model.json'), {
      names: 'tiny-vgg',
      onProgress: (progress) => seen.push(progress),
    });
    expect(report.copied).to.have.length(10);
    expect(seen.at(-1)).to.deep.equal({ loaded: 79_680, total: 79_680 });
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
    class SSD300 extends Net {
      static readonly pretrained = pretrained.SSD300;
    }
    const server = await WeightsServer.start();
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
