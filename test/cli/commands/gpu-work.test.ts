import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { gpuWorkOf } from '../../../packages/cli/src/commands/bench/gpu-work.ts';
import { describeBackends } from '../../support/backends.ts';

describeBackends('cli/commands/gpu-work', () => {
  it('counts programs, the bytes that they are bound to, and those that are copied', async () => {
    const values = Float32Array.from({ length: 1024 }, (_, i) => i);
    const pass = async () => {
      const [a, b] = [tf.tensor1d(values), tf.tensor1d(values)];
      const sum = tf.add(a, b);
      const product = tf.mul(sum, b);
      const data = await product.data();
      tf.dispose([a, b, sum, product]);
      return data;
    };
    let data: ArrayLike<number> = [];
    const work = await gpuWorkOf(async () => {
      data = await pass();
    });
    expect(data[3]).to.equal(18);
    expect(work.dispatches).to.equal(2);
    // Three tensors each, and their shapes, which are small.
    expect(work.bytes).to.be.within(2 * 3 * 4096, 2 * 3 * 4096 + 1024);
    const again = await gpuWorkOf(async () => {});
    expect(again, 'of a pass that computes nothing').to.deep.equal({ dispatches: 0, bytes: 0, copied: 0 });
    await pass();
    expect(again.dispatches, 'nothing is counted behind the end').to.equal(0);
  });

  it('leaves the classes as they were when the pass fails', async () => {
    const before = GPUComputePassEncoder.prototype.dispatchWorkgroups;
    const failing = gpuWorkOf(async () => {
      expect(GPUComputePassEncoder.prototype.dispatchWorkgroups).to.not.equal(before);
      throw new Error('no');
    });
    await failing.then(
      () => expect.fail('it did not fail'),
      (error: Error) => expect(error.message).to.equal('no'),
    );
    expect(GPUComputePassEncoder.prototype.dispatchWorkgroups).to.equal(before);
  });
}, ['webgpu']);
