import { availableParallelism } from 'node:os';
import { type BackendInfo, BackendUnavailableError, InvalidArgumentError, useBackend } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../support/backends.ts';
import { requirePresent } from '../support/present.ts';
import { runProgram } from '../support/program.ts';

const sum = async () => (await tf.sum(tf.tensor([1, 2, 3])).data())[0];

interface Ran {
  readonly auto: BackendInfo;
  readonly three: BackendInfo;
  readonly backend: string;
  readonly sums: readonly number[];
}

/** backend-program.ts. */
async function run(...args: string[]): Promise<Ran> {
  return JSON.parse(await runProgram(new URL('backend-program.ts', import.meta.url), args));
}

describe('useBackend', () => {
  afterEach(() => useTestBackend('cpu'));

  it('takes the backend that is named, and says so', async () => {
    expect(await useBackend('cpu')).to.deep.equal({ name: 'cpu', notes: [] });
    expect(tf.getBackend()).to.equal('cpu');
    expect(await sum()).to.equal(6);
  });

  it("'auto' takes WASM in Node, tells how it computes, and takes other numbers of threads", async () => {
    const { auto, three, backend, sums } = await run();
    expect(auto.name).to.equal('wasm');
    expect(auto.wasm).to.have.keys(['relaxedSimd', 'wide', 'threads']);
    expect(auto.wasm!.threads).to.equal(Math.min(8, availableParallelism()));
    expect(three.wasm!.threads).to.equal(3);
    expect(three.notes).to.deep.equal([]);
    expect(backend).to.equal('wasm');
    expect(sums).to.deep.equal([6, 6]);
  });

  it('takes registers of 256 bits where it is asked to and can, or notes why not', async () => {
    const { wasm, notes } = await useBackend('wasm', { wide: true });
    expect(notes.some((note) => note.startsWith('WASM with registers of 128 bits: '))).to.equal(!wasm!.wide);
    const kept = await useBackend('wasm');
    expect(kept.wasm!.wide).to.equal(wasm!.wide);
    const usual = await useBackend('wasm', { wide: false });
    expect([usual.wasm!.wide, usual.notes]).to.deep.equal([false, []]);
  });

  it('notes that a backend which was started before keeps its one thread', async () => {
    const { three, sums } = await run('started');
    expect(three.wasm!.threads).to.equal(1);
    expect(three.notes[0]).to.match(/^1 WASM thread\(s\) instead of 3: memory is not shared/);
    expect(sums).to.deep.equal([6, 6]);
  });

  it('tells what is in use when calls overlap, among themselves and with predictions', async () => {
    const stdout = await runProgram(new URL('backend-schedules-program.ts', import.meta.url), []);
    const { faults, pairs, computed } = JSON.parse(stdout.slice(stdout.indexOf('{')));
    expect(faults).to.deep.equal([]);
    expect(pairs).to.equal(28);
    expect(computed).to.be.above(100);
  });

  it('finds WebGPU in Node, or says why there is none', async function () {
    try {
      expect((await useBackend('webgpu')).name).to.equal('webgpu');
    } catch (error) {
      expect(error).to.be.instanceOf(BackendUnavailableError);
      expect((error as Error).message).to.include('no GPU adapter');
      return requirePresent(false, "the backend 'webgpu'", this);
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
