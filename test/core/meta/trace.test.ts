import { BatchNormalization, Linear, Sequential, TraceError, traceForward } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import '../../support/backends.ts';

describe('traceForward', () => {
  before(() => tf.setBackend('cpu'));

  it('tells the kernels with their links, and where each array comes from', () => {
    const fc = new Linear(null, 3);
    const model = new Sequential(
      fc,
      (x: tf.Tensor2D) => tf.mul(x, 2),
      new BatchNormalization<tf.Tensor2D>(3),
    );
    const before = tf.memory().numTensors;
    const { args, kernels, outputs } = traceForward(model, [[5, 4]]);
    // The weights, which were drawn, are all that is new.
    expect(tf.memory().numTensors - before).to.equal(1);
    expect(kernels.map(({ name, path }) => [name, path]).slice(1, 4)).to.deep.equal([
      ['BatchMatMul', '/0'],
      ['Add', '/0'],
      ['Multiply', '/'],
    ]);
    const [flat, product, , doubled] = kernels;
    expect(flat!.inputs['x']).to.equal(args[0]);
    expect(product!.inputs['a']).to.equal(flat!.outputs[0]);
    const { origin } = product!.inputs['b']!;
    expect(origin.kind === 'given' && origin.tensor.dataId).to.equal(fc.W.tensor.dataId);
    const factor = doubled!.inputs['b']!.origin;
    expect(factor.kind === 'written' && [...(factor.values as Float32Array)]).to.deep.equal([2]);
    expect(kernels.map(({ name }) => name)).to.include('FusedBatchNorm');
    expect(outputs.map(([place, { shape }]) => [place, shape])).to.deep.equal([['', [5, 3]]]);
    expect(kernels.at(-1)!.outputs[0]).to.equal(outputs[0]![1]);
    expect(tf.getBackend()).to.equal('cpu');
  });

  it('names the link and the line where values are read', () => {
    const model = new Sequential(
      new Linear(4, 3),
      new Sequential((x: tf.Tensor2D) => (tf.max(x).dataSync()[0]! > 0 ? x : tf.neg(x))),
    );
    expect(() => traceForward(model, [[5, 4]]))
      .to.throw(TraceError, /^\/1 \(Sequential\): forward reads values by dataSync\(\).*trace\.test\.ts/)
      .with.property('path', '/1');
    expect(tf.getBackend()).to.equal('cpu');
  });
});
