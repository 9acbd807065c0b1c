import { BackendUnavailableError, InvalidArgumentError, useBackend } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../support/backends.ts';

const sum = async () => (await tf.sum(tf.tensor([1, 2, 3])).data())[0];

describe('useBackend', () => {
  afterEach(() => useTestBackend('cpu'));

  it('takes the backend that is named, and says so', async () => {
    expect(await useBackend('cpu')).to.deep.equal({ name: 'cpu', notes: [] });
    expect(tf.getBackend()).to.equal('cpu');
    expect(await sum()).to.equal(6);
  });

  it("'auto' takes WASM in Node, and tells how it computes", async () => {
    const { name, wasm } = await useBackend();
    expect(name).to.equal('wasm');
    expect(tf.getBackend()).to.equal('wasm');
    expect(wasm).to.have.keys(['relaxedSimd', 'threads']);
    expect(wasm!.threads).to.be.at.least(1);
    expect(await sum()).to.equal(6);
  });

  it('notes that a backend which was started before keeps its one thread', async () => {
    const { wasm, notes } = await useBackend('wasm', { threads: 3 });
    if (wasm!.threads === 3) expect(notes).to.deep.equal([]);
    else expect(notes[0]).to.match(/^1 WASM thread\(s\) instead of 3: memory is not shared/);
  });

  it('finds WebGPU in Node, or says why there is none', async function () {
    try {
      expect((await useBackend('webgpu')).name).to.equal('webgpu');
    } catch (error) {
      expect(error).to.be.instanceOf(BackendUnavailableError);
      expect((error as Error).message).to.match(/no GPU adapter|npm package `webgpu`/);
      return this.skip();
    }
    expect(tf.getBackend()).to.equal('webgpu');
    expect(await sum()).to.equal(6);
  });

  it('refuses other names', async () => {
    const error = await useBackend('webgl' as 'wasm').catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(InvalidArgumentError);
    expect((error as Error).message).to.include("'auto' | 'webgpu' | 'wasm' | 'cpu'");
  });
});
