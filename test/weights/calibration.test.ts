/** The calibration of a model goes with its file. */
import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Chain,
  Convolution2D,
  calibrate,
  calibrationOf,
  FormatError,
  MismatchError,
  relu,
  setCalibration,
  setSeed,
} from '@chaingrad/core';
import {
  convertWeights,
  fromPretrained,
  load,
  openWeights,
  readCalibration,
  save,
  serialize,
} from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { rejection } from '../support/errors.ts';

class Body extends Chain {
  readonly a = new Convolution2D(3, 4, 3, { pad: 1, initialBias: 0.1 });
  readonly b = new Convolution2D(4, 4, 1);
  override forward(x: tf.Tensor4D) {
    return relu(this.b.call(relu(this.a.call(x))));
  }
}

class Net extends Chain {
  static readonly modelName = 'Net';
  static readonly pretrained = {};
  static readonly inputShape = [1, 4, 4, 3] as const;
  readonly body = new Body();
  readonly head: Convolution2D;
  constructor({ n = 2 }: { n?: number } = {}) {
    super();
    this.head = new Convolution2D(4, n, 1);
  }
  override forward(x: tf.Tensor4D) {
    return this.head.call(this.body.call(x));
  }
}

const ranges = { '/body/a': [-2, 3], '/body/b': [0, 1.5], '/head': [0, Math.fround(0.1)] } as const;
const calibrated = () => {
  const net = new Net();
  setCalibration(net, ranges);
  return net;
};
const text = 'chaingrad.calibration';

describe('the calibration in a file', () => {
  let folder: string;
  let warnings: string[];
  const { warn } = console;
  before(async () => {
    await tf.setBackend('cpu');
    // tfjs greets by a warning when the first tensor is made.
    tf.scalar(1).dispose();
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-calibration-'));
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(() => {
    warnings = [];
    console.warn = (message: string) => warnings.push(message);
  });
  afterEach(() => {
    console.warn = warn;
  });

  for (const ending of ['npz', 'safetensors']) {
    it(`goes out and comes in with the weights (${ending})`, async () => {
      const before = tf.memory().numTensors;
      const path = join(folder, `m.${ending}`);
      {
        // How much rounding changes depends on filters and inputs.
        setSeed(1);
        using net = new Net();
        const x = tf.randomNormal<tf.Rank.R4>([2, 4, 4, 3], 0, 1, 'float32', 2);
        const found = await calibrate(net, () => tf.dispose(net.evaluating(() => net.call(x))));
        x.dispose();
        await save(path, net);
        using other = new Net();
        await load(other, path);
        expect(calibrationOf(other)).to.deep.equal(found);
        expect(Object.keys(found)).to.have.members(Object.keys(ranges));
        using third = await fromPretrained(Net, path, { args: {} });
        expect(calibrationOf(third)).to.deep.equal(found);
      }
      expect(tf.memory().numTensors).to.equal(before);
      expect(warnings).to.deep.equal([]);
    });
  }

  it('is kept by every conversion, in 8 bits, too', async () => {
    using net = calibrated();
    await using file = await openWeights(await serialize(net));
    for (const [name, dtype] of [
      ['x.npz', undefined],
      ['x.safetensors', 'f16'],
      ['x.safetensors', 'i8'],
    ] as const) {
      const { bytes } = (await convertWeights(file, name, { dtype })).files[0]!;
      await using again = await openWeights(bytes);
      expect(readCalibration(again)).to.deep.equal(ranges);
      using other = new Net();
      await load(other, again);
      expect(calibrationOf(other)).to.deep.equal(ranges);
    }
  });

  it('decides which filters are written in 8 bits: all others are halved', async () => {
    using net = calibrated();
    setCalibration(net, { '/body/b': [0, 1] });
    await using file = await openWeights(await serialize(net, {}));
    const { files, losses } = await convertWeights(file, 'x.safetensors', { dtype: 'i8' });
    await using again = await openWeights(files[0]!.bytes);
    const stored = Buffer.from(files[0]!.bytes).toString('latin1');
    expect(stored).to.match(/"body\/b\/W":\{"dtype":"I8"/);
    for (const key of ['body/a/W', 'head/W']) expect((await again.info(key)).dtype).to.equal('float16');
    expect((await again.info('body/a/b')).dtype).to.equal('float32');
    expect(losses.map(({ key }) => key)).to.have.members(['body/a/W', 'body/b/W', 'head/W']);
  });

  it("is the model's own, whatever text is to be carried along", async () => {
    using net = calibrated();
    await using file = await openWeights(await serialize(net, { metadata: { [text]: '{}' } }));
    expect(readCalibration(file)).to.deep.equal(ranges);
  });

  it('is in no file of a model that has none, and goes away with other weights', async () => {
    using plain = new Net();
    const bytes = await serialize(plain, { format: 'safetensors' });
    await using file = await openWeights(bytes);
    expect([...file.metadata.keys()]).to.deep.equal([]);
    using net = calibrated();
    await load(net, file);
    expect(calibrationOf(net)).to.deep.equal({});
    using fresh = await fromPretrained(Net, bytes, { args: {} });
    expect(calibrationOf(fresh)).to.deep.equal({});
  });

  it('of the links whose filters came from the file under the same path', async () => {
    using net = calibrated();
    const bytes = await serialize(net);
    using wider = new Net({ n: 5 });
    setCalibration(wider, { '/head': [-9, 9], '/body/b': [-8, 8] });
    await load(wider, bytes, { onMismatch: 'skip' });
    const { '/head': head, ...body } = ranges;
    expect(calibrationOf(wider)).to.deep.equal(body);
    using part = new Net();
    await load(part, bytes, { ignore: /^\/body\/a/ });
    expect(calibrationOf(part)).to.deep.equal({ '/body/b': ranges['/body/b'], '/head': head });
    using inner = new Body();
    await load(inner, bytes, { at: '/body/' });
    expect(calibrationOf(inner)).to.deep.equal({ '/a': ranges['/body/a'], '/b': ranges['/body/b'] });
    using one = new Convolution2D(4, 4, 1);
    await load(one, bytes, { at: 'body/b' });
    expect(one.inputRange).to.deep.equal(ranges['/body/b']);
    await load(part, await serialize(inner), {
      match: 'common',
      rename: (path) => path.slice('/body'.length),
    });
    expect(calibrationOf(part)).to.deep.equal({});
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/no such convolution was loaded: \/a, \/b$/);
  });

  it('of no link whose filters came from another path', async () => {
    using source = new Chain();
    using other = new Chain();
    for (const name of ['p', 'q']) {
      source.addLink(name, new Convolution2D(2, 2, 1)).inputRange = [-1, 1];
      other.addLink(name, new Convolution2D(2, 2, 1)).inputRange = [-2, 2];
    }
    const swap = (path: string) => path.replace(/^\/([pq])/, (_, name) => (name === 'p' ? '/q' : '/p'));
    await load(other, await serialize(source), { match: 'common', rename: swap });
    expect(calibrationOf(other)).to.deep.equal({});
  });

  it('of a link by itself, and by the names of another framework', async () => {
    using one = new Convolution2D(2, 2, 1);
    one.inputRange = [-1, 1];
    using other = new Convolution2D(2, 2, 1);
    await load(other, await serialize(one));
    expect(other.inputRange).to.deep.equal([-1, 1]);
    using net = calibrated();
    const bytes = await serialize(net, { names: 'torch', format: 'safetensors' });
    using again = new Net();
    await load(again, bytes, { names: 'torch' });
    expect(calibrationOf(again)).to.deep.equal(ranges);
    expect(warnings).to.deep.equal([]);
  });

  it('tells of paths that the model has not, and goes on', async () => {
    using net = new Net();
    const more = JSON.stringify({ ...ranges, '/gone': [0, 1], '/body': [0, 1], __proto__: null });
    const bytes = await serialize(net, { metadata: { [text]: more } });
    using other = new Net();
    await load(other, bytes);
    expect(calibrationOf(other)).to.deep.equal(ranges);
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/calibrated for 8 bits, .*: \/gone, \/body$/);
  });

  const damaged = [
    '',
    '{',
    'null',
    '3',
    '"/a"',
    '[]',
    '{"body/a":[0,1]}',
    '{"/body/a":null}',
    '{"/body/a":[0]}',
    '{"/body/a":[0,1,2]}',
    '{"/body/a":["0",1]}',
    '{"/body/a":[0.5,1]}',
    '{"/body/a":[-1,-0.5]}',
    '{"/body/a":[0,1e999]}',
    '{"/body/a":[null,1]}',
  ];
  for (const wrong of damaged) {
    it(`is refused when it is ${wrong || 'empty'}, and the model is as it was`, async () => {
      using source = new Net();
      const bytes = await serialize(source, { format: 'safetensors', metadata: { [text]: wrong } });
      using net = calibrated();
      const before = net.head.W.tensor.dataSync().slice();
      const error = await rejection(load(net, bytes), FormatError);
      expect(error.key).to.equal(text);
      expect(net.head.W.tensor.dataSync()).to.deep.equal(before);
      expect(calibrationOf(net)).to.deep.equal(ranges);
      const count = tf.memory().numTensors;
      await rejection(fromPretrained(Net, bytes, { args: {} }), FormatError);
      expect(tf.memory().numTensors).to.equal(count);
    });
  }

  it('stays as it was where the weights are refused', async () => {
    using wider = new Net({ n: 5 });
    using net = calibrated();
    await rejection(load(net, await serialize(wider)), MismatchError);
    expect(calibrationOf(net)).to.deep.equal(ranges);
  });
});
