/** Networks of several traced parts in one graph, with nodes between them whose work depends on values. */
import { Chain, Convolution2D, Linear, relu, useBackend } from '@chaingrad/core';
import { exportOnnx, type GraphWrap } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { expectClose } from '../../support/backends.ts';
import { callRuntime, floats, modelOf } from './support.ts';

/** Classifies the pixels of a map of which a part is positive: how many these are depends on values. */
class Chosen extends Chain {
  readonly conv = new Convolution2D(3, 4, 3, { pad: 1 });
  readonly head = new Linear(4, 2);

  override forward(x: tf.Tensor4D): tf.Tensor2D {
    return tf.tidy(() => {
      const rows = tf.reshape(this.conv.call(x), [-1, 4]) as tf.Tensor2D;
      const first = rows.arraySync().map((row) => row[0]!);
      const chosen = first.flatMap((value, i) => (value > 0 ? [i] : []));
      return this.classify(tf.gather(rows, tf.tensor1d(chosen, 'int32')));
    });
  }

  classify(rows: tf.Tensor2D): tf.Tensor2D {
    return relu(this.head.call(rows));
  }
}

const wrapOf = (model: Chosen): GraphWrap => ({
  before: (graph) => {
    const name = graph.unique('pixels');
    return { inputs: [{ name, shape: [1, 3, 5, 6], dtype: 'float32' }], args: [name] };
  },
  forward: (x: tf.Tensor4D) => tf.reshape(model.conv.call(x), [-1, 4]),
  stages: [
    {
      between(graph, [rows]) {
        const one = (op: string, inputs: string[], attrs = {}) => graph.one('/choose', op, inputs, attrs);
        const first = one('Gather', [rows!.name, graph.scalar(0, 'int64')], { axis: 1 });
        const chosen = one('NonZero', [one('Greater', [first, graph.scalar(0)])]);
        const places = one('Squeeze', [chosen, graph.ints([0])]);
        return [{ name: one('Gather', [rows!.name, places], { axis: 0 }), shape: [1, 4] }];
      },
      forward: (rows: tf.Tensor2D) => model.classify(rows),
    },
  ],
  after: (_, [scores]) => [{ ...scores!, shape: ['chosen', 2] }],
});

describe('exportOnnx of several stages', () => {
  before(() => useBackend('cpu'));

  it('traces each part by itself, under the names of the whole link', async () => {
    using model = new Chosen();
    const before = tf.memory().numTensors;
    const bytes = await exportOnnx(model, [[1, 5, 6, 3]], {
      batch: 'fixed',
      wrap: wrapOf(model),
      outputNames: ['scores'],
    });
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
    const { graph } = modelOf(bytes);
    expect(graph!.initializer.map(({ name }) => name)).to.include.members(['/conv/W', '/head/W', '/head/b']);
    const names = graph!.node.map(({ name, opType }) => [opType, name]);
    expect(names).to.deep.include(['Conv', '/conv/Conv']).and.to.deep.include(['Gemm', '/head/Gemm']);
    const counts = new Set<number>();
    for (const seed of [1, 2, 3]) {
      const x = floats([1, 3, 5, 6], seed);
      const { scores } = await callRuntime(bytes, [x]);
      const here = tf.tidy(() => model.call(tf.transpose(tf.tensor4d(x.data, [1, 3, 5, 6]), [0, 2, 3, 1])));
      expect(scores!.shape).to.deep.equal(here.shape);
      expectClose(scores!.data, await here.data(), 1e-5);
      counts.add(here.shape[0]);
      here.dispose();
    }
    expect(counts.size, 'numbers of rows').to.be.greaterThan(1);
  });
});
