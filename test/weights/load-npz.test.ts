import { readFileSync } from 'node:fs';
import * as core from '@chaingrad/core';
import {
  Adam,
  BatchNormalization,
  Chain,
  ChainList,
  Convolution2D,
  type InvalidArgumentError,
  Linear,
  Link,
  MismatchError,
  MomentumSGD,
  type NamedArray,
  NothingToDoError,
  Parameter,
  Persistent,
  readArray,
  relu,
  Sequential,
  type Serializable,
} from '@chaingrad/core';
import { loadNpz, openWeights, serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { writeNpz } from '../../packages/weights/src/formats/npz.ts';
import { useTestBackend } from '../support/backends.ts';
import { rejection } from '../support/errors.ts';
import { fixturePath, type GoldenArray, readNpz } from '../support/goldens.ts';
import { valuesOf } from '../support/serializable.ts';
import { readFixture } from './formats/fixtures.ts';

class Nested extends Chain {
  readonly w = new Parameter(0, [2, 3]);
  readonly count = new Persistent(0);
  readonly flag = new Persistent(false);
  readonly label = new Persistent('');
  readonly nothing = new Persistent<string | null>('kept');
  readonly ratio = new Persistent(0);
  readonly table = new Persistent<tf.Tensor | null>(null);
  readonly inner = new Pair(4, 3, 3);
  readonly items = new ChainList<Link>(new Linear(2, 2), new Convolution2D(1, 2, 3));
}

class Pair extends Chain {
  readonly l1: Linear;
  readonly l2: Linear;

  constructor(input: number | null, middle: number, output: number) {
    super();
    this.l1 = new Linear(input, middle);
    this.l2 = new Linear(middle, output);
  }
}

class ConvNet extends Chain {
  readonly bn = new BatchNormalization(6);
  readonly conv1 = new Convolution2D(3, 6, 3, { pad: 1 });
  readonly conv2 = new Convolution2D(6, 8, 3, { pad: 1, stride: 2 });
  readonly fc = new Linear(null, 5);
}

const elevenLinears = () =>
  new ChainList(...Array.from({ length: 11 }, (_, i) => new Linear(null, (i % 3) + 1)));

/** The values of a file by key, as `valuesOf` gives them, by the tests' own reader. */
function goldenValues(arrays: Map<string, GoldenArray>): Record<string, unknown> {
  return Object.fromEntries(
    [...arrays].map(([key, { shape, data }]) => [key, shape.length === 0 ? data[0] : [shape, [...data]]]),
  );
}

const floats = (shape: number[], ...values: number[]): NamedArray => ({
  shape,
  dtype: 'float32',
  data: Float32Array.from(
    { length: shape.reduce((a, b) => a * b, 1) },
    (_, i) => values[i % values.length] ?? 0,
  ),
});

/** A persistent with a clone of a tensor, which itself is freed. */
function holding(tensor: tf.Tensor): Persistent<tf.Tensor> {
  const persistent = new Persistent(tensor);
  tensor.dispose();
  return persistent;
}

/** What every test makes is freed at its end, and then nothing may be left. */
const owned: { dispose(): void }[] = [];
const own = <T extends { dispose(): void }>(object: T): T => {
  owned.push(object);
  return object;
};

describe('loadNpz', () => {
  let tensors: number;

  before(() => useTestBackend('cpu'));
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    for (const object of owned.splice(0)) object.dispose();
    expect(tf.memory().numTensors, 'tensors left').to.equal(tensors);
  });

  describe('reads what Chainer wrote', () => {
    const links: [string, () => Link][] = [
      ['chain', () => new Pair(4, 6, 3)],
      ['chain_uncompressed', () => new Pair(null, 6, 3)],
      ['chainlist', elevenLinears],
      ['convnet_bn', () => new ConvNet()],
      ['sequential', () => new Sequential(new Linear(2, 3), relu, new Linear(3, 1))],
    ];
    for (const [name, make] of links) {
      it(name, async () => {
        const file = `goldens/npz/${name}.npz`;
        const link = own(make());
        const report = await loadNpz(fixturePath(file), link);
        const golden = readNpz(file);
        expect(await valuesOf(link)).to.deep.equal(goldenValues(golden));
        expect([...report.copied].sort()).to.deep.equal([...golden.keys()].map((key) => `/${key}`).sort());
        expect(report).to.deep.include({
          missingInSrc: [],
          unusedInSrc: [],
          mismatched: [],
          ignored: [],
          kept: [],
        });
        const scalars = [...golden.values()].reduce((n, { data }) => n + data.length, 0);
        expect(report.scalars).to.equal(scalars);
      });
    }

    it('nested_persistent: every kind of persistent; a stored None changes nothing', async () => {
      const link = own(new Nested());
      const report = await loadNpz(readFixture('goldens/npz/nested_persistent.npz'), link);
      const values = await valuesOf(link);
      const golden = goldenValues(readNpz('goldens/npz/nested_persistent.npz'));
      expect(values).to.deep.equal({
        ...golden,
        flag: golden['flag'] === 1,
        label: 'hello',
        nothing: 'kept',
      });
      expect(link.table.value!.dtype).to.equal('int32');
      expect(report.kept).to.deep.equal(['/nothing']);
    });

    it('uninitialised: the parameter that had no values then keeps what it has', async () => {
      const fresh = own(new Linear(null, 3));
      const report = await loadNpz(readFixture('goldens/npz/uninitialised.npz'), fresh);
      expect(fresh.W.isInitialized).to.equal(false);
      expect([...(await fresh.b!.tensor.data())]).to.deep.equal([1, 1, 1]);
      expect(report).to.deep.include({ copied: ['/b'], kept: ['/W'] });
      const old = own(new Linear(2, 3));
      const before = [...(await old.W.tensor.data())];
      await loadNpz(readFixture('goldens/npz/uninitialised.npz'), old);
      expect([...(await old.W.tensor.data())]).to.deep.equal(before);
    });

    it('optimizer_momentum, optimizer_adam', async () => {
      for (const [name, model, optimizer] of [
        ['optimizer_momentum', own(new ConvNet()), own(new MomentumSGD())],
        ['optimizer_adam', own(new Pair(4, 6, 3)), own(new Adam())],
      ] as const) {
        if (model instanceof ConvNet) await loadNpz(fixturePath('goldens/npz/convnet_bn.npz'), model);
        optimizer.setup(model);
        const file = `goldens/npz/${name}.npz`;
        await loadNpz(fixturePath(file), optimizer);
        expect(await valuesOf(optimizer), name).to.deep.equal(goldenValues(readNpz(file)));
      }
    });

    it('dict, into anything that lists its entries', async () => {
      const seen = new Map<string, unknown>();
      const entry = (key: string, kind: 'persistent' | 'parameter') => ({
        key,
        kind,
        shape: null,
        read: () => null,
        write: (value: unknown) =>
          void seen.set(key, value instanceof tf.Tensor ? [value.dtype, [...value.dataSync()]] : value),
      });
      const target: Serializable = {
        serialEntries: () => [entry('a/b', 'persistent'), entry('c', 'persistent')],
      };
      await loadNpz(fixturePath('goldens/npz/dict.npz'), target);
      const golden = readNpz('goldens/npz/dict.npz');
      expect(seen.get('a/b')).to.deep.equal(['int32', [...golden.get('a/b')!.data]]);
      expect(seen.get('c')).to.equal(golden.get('c')!.data[0]);
    });
  });

  describe('compares names in both directions', () => {
    const file = () =>
      writeNpz([
        ['l1/W', floats([2, 2], 1)],
        ['l1/b', floats([2], 2)],
        ['l3/W', floats([1], 3)],
      ]);

    it('exact: says all that does not fit, and changes nothing', async () => {
      const link = own(new Pair(2, 2, 2));
      const before = await valuesOf(link);
      const error = await rejection(loadNpz(file(), link), MismatchError);
      expect(error.report.missingInSrc).to.deep.equal(['/l2/W', '/l2/b']);
      expect(error.report.unusedInSrc).to.deep.equal(['/l3/W']);
      for (const text of ['l2/W', 'l2/b', 'l3/W', "match: 'common'"]) expect(error.message).to.include(text);
      expect(await valuesOf(link)).to.deep.equal(before);
    });

    it('exact, with either side surplus alone', async () => {
      const more = own(new Pair(2, 2, 2));
      const ignore = 'l3/W';
      expect(
        (await rejection(loadNpz(file(), more, { ignore }), MismatchError)).report.unusedInSrc,
      ).to.deep.equal([]);
      const less = own(new Chain());
      less.addLink('l1', new Linear(2, 2));
      expect((await rejection(loadNpz(file(), less), MismatchError)).report.missingInSrc).to.deep.equal([]);
    });

    it("match 'common': loads what both have, and reports the rest", async () => {
      const link = own(new Pair(2, 2, 2));
      const before = await valuesOf(link);
      const report = await loadNpz(file(), link, { match: 'common' });
      expect(report).to.deep.include({
        copied: ['/l1/W', '/l1/b'],
        missingInSrc: ['/l2/W', '/l2/b'],
        unusedInSrc: ['/l3/W'],
        scalars: 6,
      });
      const after = await valuesOf(link);
      expect(after['l1/W']).to.deep.equal([
        [2, 2],
        [1, 1, 1, 1],
      ]);
      expect(after['l2/W']).to.deep.equal(before['l2/W']);
      expect(report.summary().split('\n')).to.deep.equal([
        'copied 2 (6 values)',
        'not in the source 2:',
        '  /l2/W',
        '  /l2/b',
        'in the source only 1:',
        '  /l3/W',
      ]);
    });

    it("match 'common', but nothing fits: says so", async () => {
      const link = own(new Pair(2, 2, 2));
      const bytes = writeNpz([['model/l1/W', floats([2, 2], 1)]]);
      const error = await rejection(loadNpz(bytes, link, { match: 'common' }), NothingToDoError);
      expect(error.message).to.include('See rename, at and names');
      expect(error.report).to.deep.include({ copied: [], unusedInSrc: ['/model/l1/W'] });
    });

    it('ignores names: a name, a pattern, a predicate, a list', async () => {
      const filters = [
        ['l2/W', 'l2/b', 'l3/W'],
        /^\/l[23]/g,
        (name: string) => !name.startsWith('/l1'),
        [/l2/, ['/l3/W']],
      ];
      for (const ignore of filters) {
        const link = own(new Pair(2, 2, 2));
        const report = await loadNpz(file(), link, { ignore });
        expect(report).to.deep.include({ copied: ['/l1/W', '/l1/b'], ignored: ['/l2/W', '/l2/b', '/l3/W'] });
      }
      const link = own(new Pair(2, 2, 2));
      for (const wrong of [3, null, { name: 'l2' }, [3]]) {
        const promise = loadNpz(file(), link, { ignore: wrong as never });
        await rejection<InvalidArgumentError>(promise, core.InvalidArgumentError);
      }
    });

    it('finds a model inside of a larger file, and looks at nothing else there', async () => {
      const bytes = writeNpz([
        ['updater/model:main/W', floats([2, 2], 7)],
        ['updater/model:main/b', floats([2], 8)],
        ['updater/iteration', floats([], 9)],
        ['updater/model:mainland', floats([], 9)],
      ]);
      for (const at of ['updater/model:main', '/updater/model:main/']) {
        const link = own(new Linear(2, 2));
        const report = await loadNpz(bytes, link, { at });
        expect(report).to.deep.include({ copied: ['/W', '/b'], unusedInSrc: [] });
        expect([...(await link.b!.tensor.data())]).to.deep.equal([8, 8]);
      }
      const link = own(new Linear(2, 2));
      const options = { at: 'updater/model:main', ignore: '/W' };
      expect((await loadNpz(bytes, link, options)).ignored).to.deep.equal(['/W']);
    });
  });

  describe('compares shapes', () => {
    it('exactly: what NumPy would broadcast is refused, whatever may be missing, and nothing is changed', async () => {
      const link = own(new Linear(2, 21));
      const before = await valuesOf(link);
      const bytes = writeNpz([
        ['W', floats([21, 2], 1)],
        ['b', floats([1], 2)],
      ]);
      for (const match of ['exact', 'common'] as const) {
        const error = await rejection(loadNpz(bytes, link, { match }), MismatchError);
        expect(error.report.mismatched).to.deep.equal([{ name: '/b', src: [1], dst: [21] }]);
        expect(error.message).to.include('/b  source (1), destination (21)');
        expect(error.advice).to.include("onMismatch: 'skip'");
        expect(await valuesOf(link)).to.deep.equal(before);
      }
      for (const shape of [[2, 21], [42], [21, 2, 1], []]) {
        await rejection(
          loadNpz(
            writeNpz([
              ['W', floats(shape, 1)],
              ['b', floats([21])],
            ]),
            link,
          ),
          MismatchError,
        );
      }
    });

    it("an uninitialized parameter takes the file's, as far as its own is open", async () => {
      const lazy = own(new Linear(null, 2));
      await loadNpz(
        writeNpz([
          ['W', floats([2, 5], 1)],
          ['b', floats([2])],
        ]),
        lazy,
      );
      expect(lazy.W.shape).to.deep.equal([2, 5]);
      const other = own(new Linear(null, 2));
      const bytes = writeNpz([
        ['W', floats([3, 5], 1)],
        ['b', floats([2])],
      ]);
      const error = await rejection(loadNpz(bytes, other), MismatchError);
      expect(error.report.mismatched).to.deep.equal([{ name: '/W', src: [3, 5], dst: [2, null] }]);
      expect(other.W.isInitialized).to.equal(false);
    });
  });

  describe('converts types', () => {
    class Holder extends Link {
      readonly p = new Parameter(0, [2]);
      readonly ints = holding(tf.tensor1d([0, 0], 'int32'));
      readonly flags = holding(tf.tensor1d([false, false], 'bool'));
      readonly n = new Persistent(1.5);
      readonly yes = new Persistent(false);
      readonly name2 = new Persistent('x');
    }

    const holder = () => own(new Holder());
    const load = (key: string, array: NamedArray) => {
      const link = holder();
      return loadNpz(writeNpz([[key, array]]), link, { match: 'common' }).then(() => link);
    };
    const int64 = (shape: number[], ...values: bigint[]): NamedArray => ({
      shape,
      dtype: 'int64',
      data: BigInt64Array.from(values),
    });
    const halves: NamedArray = { shape: [2], dtype: 'float16', data: new Uint16Array([0x3c00, 0xc100]) };
    const doubles: NamedArray = { shape: [2], dtype: 'float64', data: new Float64Array([0.1, -2]) };
    const flags: NamedArray = { shape: [2], dtype: 'bool', data: new Uint8Array([1, 0]) };
    const flag: NamedArray = { shape: [], dtype: 'bool', data: new Uint8Array([1]) };
    const text: NamedArray = { shape: [], dtype: 'str', data: ['y'] };

    it('of parameters to float32', async () => {
      expect([...(await (await load('p', halves)).p.tensor.data())]).to.deep.equal([1, -2.5]);
      expect([...(await (await load('p', doubles)).p.tensor.data())]).to.deep.equal([Math.fround(0.1), -2]);
      expect([...(await (await load('p', int64([2], 3n, -4n))).p.tensor.data())]).to.deep.equal([3, -4]);
      expect((await load('p', doubles)).p.dtype).to.equal('float32');
    });

    it('of persistents to the type that they have', async () => {
      const link = await load('ints', int64([2], 3n, -4n));
      expect(link.ints.value.dtype).to.equal('int32');
      expect([...(await link.ints.value.data())]).to.deep.equal([3, -4]);
      expect([...(await (await load('flags', flags)).flags.value.data())].map(Number)).to.deep.equal([1, 0]);
      expect((await load('n', int64([], 7n))).n.value).to.equal(7);
      expect((await load('n', flag)).n.value).to.equal(1);
      expect((await load('yes', flag)).yes.value).to.equal(true);
      expect((await load('name2', text)).name2.value).to.equal('y');
    });

    const wrong: [string, string, NamedArray][] = [
      ['an integer beyond 32 bits for a tensor', 'ints', int64([2], 1n, 2n ** 31n)],
      ['fractions for integers', 'ints', { ...doubles }],
      ['integers for booleans', 'flags', int64([2], 1n, 0n)],
      ['an integer beyond 2**53 for a number', 'n', int64([], 2n ** 53n)],
      ['text for a number', 'n', text],
      ['a number for a boolean', 'yes', int64([], 1n)],
      ['a number for text', 'name2', int64([], 1n)],
      ['texts for a parameter', 'p', { shape: [2], dtype: 'str', data: ['a', 'b'] }],
    ];
    for (const [what, key, array] of wrong) {
      it(`refuses ${what}, and changes nothing`, async () => {
        const link = holder();
        const before = await valuesOf(link);
        const arrays: [string, NamedArray][] = [['p', floats([2], 9)]];
        if (key === 'p') arrays.pop();
        const promise = loadNpz(writeNpz([...arrays, [key, array]]), link, { match: 'common' });
        const error = await rejection(promise, core.FormatError);
        expect(error.key).to.equal(key);
        expect(await valuesOf(link)).to.deep.equal(before);
      });
    }
  });

  it('changes nothing when the last array is damaged', async () => {
    const link = own(new Pair(4, 6, 3));
    const before = await valuesOf(link);
    const bytes = readFixture('goldens/npz/chain_uncompressed.npz');
    const text = String.fromCharCode(...bytes);
    // A byte of the values of l2/b, the last array in the file's order.
    const last = [...readNpz('goldens/npz/chain_uncompressed.npz').keys()].at(-1)!;
    bytes[text.indexOf(`${last}.npy`) + last.length + 4 + 130]! ^= 1;
    expect((await rejection(loadNpz(bytes, link), core.FormatError)).key).to.equal(last);
    expect(await valuesOf(link)).to.deep.equal(before);
  });

  it("does not hold on to the caller's bytes", async () => {
    const link = own(new Linear(2, 2));
    const bytes = writeNpz(
      [
        ['W', floats([2, 2], 1)],
        ['b', floats([2], 2)],
      ],
      { compression: false },
    );
    await loadNpz(bytes, link);
    bytes.fill(0xff);
    expect([...(await link.W.tensor.data()), ...(await link.b!.tensor.data())]).to.deep.equal([
      1, 1, 1, 1, 2, 2,
    ]);
  });

  it('reads Blobs and streams, names them in errors, and can be stopped', async () => {
    const bytes = readFileSync(fixturePath('goldens/npz/chain.npz'));
    for (const source of [new Blob([bytes]), new Blob([bytes]).stream()]) {
      expect((await loadNpz(source, own(new Pair(4, 6, 3)))).copied).to.have.length(4);
    }
    const file = new File([bytes], 'mine.npz');
    expect((await rejection(loadNpz(file, own(new Pair(5, 6, 3))), MismatchError)).source).to.equal(
      'mine.npz',
    );
    const options = { signal: AbortSignal.abort(new Error('enough')) };
    expect((await rejection(loadNpz(file, own(new Pair(4, 6, 3)), options), Error)).message).to.equal(
      'enough',
    );
  });
});

describe("names: 'chainer-sequential'", () => {
  before(() => useTestBackend('cpu'));

  /** Layers that are told apart by their bias. */
  const layer = (id: number) => {
    const link = new Link();
    link.addParam('b', [1], id);
    return link;
  };
  const bias = (value: number) => floats([1], value);

  // What Chainer's insert does, worked through by hand: [the layers (f: a function), our index of the child it calls 0, 1, ...].
  const orders: [string, number[]][] = [
    ['L', [0]],
    ['LL', [0, 1]],
    ['LLL', [0, 2, 1]],
    ['LfLfLfL', [0, 3, 2, 1]],
    ['fLL', [0, 1]],
    ['fLLLL', [0, 1, 3, 2]],
    ['ffLLLLL', [0, 1, 2, 4, 3]],
    ['', []],
  ];
  for (const [layers, order] of orders) {
    it(`numbers the links of '${layers}' as ${order}`, async () => {
      let id = 0;
      const make = () => new Sequential(...[...layers].map((kind) => (kind === 'L' ? layer(id++) : relu)));
      const model = new Chain();
      const sequential = model.addLink('body', make());
      const other = model.addLink('head', layer(77));
      const file = writeNpz([
        ...order.map((ours, theirs): [string, NamedArray] => [`body/${theirs}/b`, bias(100 + ours)]),
        ['head/b', bias(177)],
      ]);
      await loadNpz(file, model, { names: 'chainer-sequential' });
      const biases = [...sequential.children(), other].map(
        (link) => [...link.params()][0]!.tensor.dataSync()[0],
      );
      expect(biases).to.deep.equal([...order.keys()].map((i) => 100 + i).concat(177));
      await using saved = await openWeights(await serialize(model, { names: 'chainer-sequential' }));
      await using theirs = await openWeights(file);
      expect(saved.keys()).to.have.members(theirs.keys());
      for (const key of saved.keys()) {
        expect(await readArray(saved, key), key).to.deep.equal(await readArray(theirs, key));
      }
      model.dispose();
    });
  }

  it('goes through nested Sequentials, and through the states of an optimizer', async () => {
    const inner = new Sequential(layer(1), layer(2), layer(3));
    const model = new Sequential(layer(0), inner, layer(4));
    const optimizer = new MomentumSGD().setup(model);
    for (const param of model.params()) tf.tidy(() => (param.grad = tf.tensor1d([1])));
    optimizer.update();
    await using file = await openWeights(await serialize(optimizer, { names: 'chainer-sequential' }));
    const keys = file.keys();
    // Chainer's children are 0: layer 0, 1: layer 4, 2: inner, whose own are 0: 1, 1: 3, 2: 2.
    const states = ['0/b', '2/0/b', '2/2/b', '2/1/b', '1/b'].flatMap((path) => [`${path}/t`, `${path}/v`]);
    expect(keys).to.deep.equal(['t', 'epoch', ...states]);
    optimizer.dispose();
    model.dispose();
  });

  it('refuses an unknown order, and a target without links', async () => {
    const model = layer(1);
    const bytes = writeNpz([['b', bias(2)]]);
    await rejection(loadNpz(bytes, model, { names: 'other' as never }), core.InvalidArgumentError);
    const target: Serializable = { serialEntries: () => model.serialEntries() };
    await rejection(loadNpz(bytes, target, { names: 'chainer-sequential' }), core.InvalidArgumentError);
    model.dispose();
  });
});
