/** A small PickableSequentialChain and a Conv2DBNActiv, equal to ChainerCV's in every layer. */
import {
  Conv2DActiv,
  Conv2DBNActiv,
  Linear,
  type Link,
  maxPooling2D,
  type Pick,
  PickableSequentialChain,
  relu,
  StructureMismatchError,
  softmax,
  UnknownNameError,
  usingConfig,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { channelsLast, generate, readJson, readNpz } from '../../support/goldens.ts';

interface ParamRow {
  readonly path: string;
  readonly shape: number[];
  readonly key: string;
  readonly scale: number;
  readonly offset: number;
}

const golden = readJson<{
  params: ParamRow[];
  conv2dbnactiv_params: ParamRow[];
  semantics: { pick?: string; returns?: string; raises?: string }[];
}>('goldens/pickable_small.json');
const arrays = readNpz('goldens/pickable_small.npz');

class Small extends PickableSequentialChain {
  readonly c1 = new Conv2DActiv(null, 4, 3, { pad: 1 });
  readonly p1 = (x: tf.Tensor) => maxPooling2D(x as tf.Tensor4D, { ksize: 2 });
  readonly c2 = new Conv2DActiv(null, 6, 3, { stride: 2, pad: 1, activ: null });
  readonly r2 = relu;
  readonly fc = new Linear(5);
  readonly prob = (x: tf.Tensor) => softmax(x);
}

/** A stored array, channels last. */
function stored(name: string): { data: Float32Array; shape: number[] } {
  const { data, shape } = arrays.get(name)!;
  if (shape.length !== 4) return { data: data as Float32Array, shape };
  const [n, c, h, w] = shape as [number, number, number, number];
  return { data: channelsLast(data as Float32Array, shape), shape: [n, h, w, c] };
}

function input(): tf.Tensor4D {
  const { data, shape } = stored('x');
  return tf.tensor(data, shape as [number, number, number, number]);
}

function assign(link: Link, rows: ParamRow[], prefix: string): void {
  const params = new Map(link.namedparams());
  expect([...params.keys()]).to.deep.equal(rows.map((row) => row.path));
  for (const row of rows) {
    const values = generate(
      row,
      row.shape.reduce((a, b) => a * b, 1),
    );
    expect(values, row.path).to.deep.equal(arrays.get(prefix + row.path)!.data);
    const tensor = tf.tensor(values, row.shape);
    params.get(row.path)!.assign(tensor);
    tensor.dispose();
  }
}

function small(): Small {
  const net = new Small();
  assign(net, golden.params, 'param');
  return net;
}

async function expectStored(y: tf.Tensor, name: string): Promise<void> {
  const expected = stored(name);
  expect(y.shape, name).to.deep.equal(expected.shape);
  expectClose(await y.data(), expected.data, 1e-5, name);
}

const names = ['c1', 'p1', 'c2', 'r2', 'fc', 'prob'];

describeBackends('PickableSequentialChain against ChainerCV', () => {
  it('gives every layer', async () => {
    using net = small();
    expect(net.layerNames).to.deep.equal(names);
    const x = input();
    await expectStored(net.call(x) as tf.Tensor, 'layer/prob');
    net.pick = names;
    const outputs = net.call(x) as tf.Tensor[];
    for (const [i, name] of names.entries()) await expectStored(outputs[i]!, `layer/${name}`);
  });

  it('picks as observed', async () => {
    using net = small();
    const x = input();
    /** The Python values of the observations. */
    const picks: Record<string, Pick> = {
      None: null,
      "'p1'": 'p1',
      "['p1']": ['p1'],
      "('fc', 'c1')": ['fc', 'c1'],
      "('c1', 'c1')": ['c1', 'c1'],
      "'nope'": 'nope',
      "('c1', 'nope')": ['c1', 'nope'],
    };
    const observations = golden.semantics.filter((row) => row.pick !== undefined);
    expect(observations).to.have.length(Object.keys(picks).length);
    for (const { pick, returns, raises } of observations) {
      const value = picks[pick!]!;
      const set = () => {
        net.pick = value;
      };
      if (raises !== undefined) {
        expect(set, pick).to.throw(UnknownNameError);
        continue;
      }
      set();
      expect(net.pick).to.deep.equal(value);
      const out = net.call(x);
      if (Array.isArray(out)) {
        expect(`tuple of ${out.length}`).to.equal(returns);
        for (const [i, name] of (value as string[]).entries()) await expectStored(out[i]!, `layer/${name}`);
      } else {
        const [n, h, w, c] = out.shape;
        expect(`variable [${(out.rank === 4 ? [n, c, h, w] : out.shape).join(', ')}]`).to.equal(returns);
        await expectStored(out, `layer/${value ?? 'prob'}`);
      }
    }
  });

  it('runs no layer behind the last picked one', () => {
    using net = small();
    net.fc.W.dispose();
    net.pick = ['c1', 'r2'];
    expect(net.call(input())).to.have.length(2);
    net.pick = null;
    expect(() => net.call(input())).to.throw('/fc/W');
  });

  it('removes what no pick needs, and keeps picked layers', () => {
    using net = small();
    net.removeUnused();
    expect(net.layerNames, 'nothing without a pick').to.deep.equal(names);
    net.pick = ['c1', 'r2'];
    const { fc } = net;
    net.removeUnused();
    expect(net.layerNames).to.deep.equal(names.slice(0, 4));
    expect([...net.namedparams()].map(([path]) => path)).to.deep.equal(
      golden.params.map((row) => row.path).slice(0, 4),
    );
    expect(fc.W.isDisposed).to.equal(true);
    expect(() => net.deleteLayer('c1')).to.throw(StructureMismatchError, 'picked');
    expect(net.call(input())).to.have.length(2);
  });

  it('copies pick and layers, and leaves the original alone', async () => {
    using net = small();
    net.pick = 'c1';
    using copy = net.copy('copy');
    expect([copy.pick, copy.layerNames]).to.deep.equal(['c1', names]);
    await expectStored(copy.call(input()) as tf.Tensor, 'layer/c1');
    copy.deleteLayer('prob');
    copy.pick = 'fc';
    copy.removeUnused();
    expect([net.pick, net.layerNames]).to.deep.equal(['c1', names]);
    net.pick = null;
    await expectStored(net.call(input()) as tf.Tensor, 'layer/prob');
  });

  it('leaves no tensors behind', () => {
    const x = input();
    const before = tf.memory().numTensors;
    const net = small();
    tf.dispose(net.call(x));
    net.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });
});

describeBackends('Conv2DBNActiv against ChainerCV', () => {
  it('normalizes by the batch in training and moves the running statistics, which it uses afterwards', async () => {
    using link = new Conv2DBNActiv(null, 4, 3, { pad: 1 });
    assign(link, golden.conv2dbnactiv_params, 'cba/param');
    const x = input();
    await expectStored(link.call(x), 'cba/y_train');
    await expectStored(link.bn.avg_mean.value!, 'cba/avg_mean');
    await expectStored(link.bn.avg_var.value!, 'cba/avg_var');
    await expectStored(
      usingConfig('train', false, () => link.call(x)),
      'cba/y_test',
    );
    await expectStored(link.bn.avg_mean.value!, 'cba/avg_mean');
  });
});
