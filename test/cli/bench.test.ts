import { expect } from 'chai';
import { chaingrad } from './support.ts';

describe('cli/bench', () => {
  it('measures a forward pass and a training step, as JSON', async () => {
    const args = [
      'bench',
      'ssd-mobilenet-v2-oid:nFgClass=2',
      '--train',
      '--runs',
      '2',
      '--threads',
      '2',
      '--json',
    ];
    const { code, stdout, stderr } = await chaingrad(args);
    expect([code, stderr]).to.deep.equal([0, '']);
    const result = JSON.parse(stdout);
    expect(result).to.include({ batch: 1, backend: 'wasm', threads: 2 });
    for (const { first, median, min, max, runs } of [result.forward, result.train]) {
      expect(runs).to.equal(2);
      expect(first).to.be.above(0);
      expect(median).to.be.within(min, max);
    }
    // The parameters alone are 17 MB.
    expect(result.peakMemory).to.be.above(17e6);
  });

  it('prints a table, without the training step unless asked for', async () => {
    const { code, stdout } = await chaingrad(['bench', 'ssd-mobilenet-v2-oid', '--runs', '1']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^ssd-mobilenet-v2-oid, batch 1, on wasm, \d+ threads?/);
    expect(stdout).to.match(/^forward +[\d.]+ ms +[\d.]+ ms to [\d.]+ ms in 1 runs; the first took/m);
    expect(stdout)
      .to.match(/^peak memory +\d+ MiB$/m)
      .and.not.to.include('training');
  });

  it('refuses unknown models, and threads where there are none', async () => {
    const unknown = await chaingrad(['bench', 'nope']);
    expect(unknown.code).to.equal(1);
    expect(unknown.stderr).to.match(/^error: unknown model 'nope'; valid are: .*ssd300/);
    const threads = await chaingrad(['bench', 'vgg16', '--threads', '2', '--backend', 'cpu']);
    expect([threads.code, threads.stderr]).to.deep.equal([1, 'error: --threads is for the backend wasm\n']);
  });

  it('computes with registers of 256 bits, or says why not and goes on', async () => {
    const args = ['bench', 'ssd-mobilenet-v2-oid:nFgClass=2', '--wide', '--runs', '1', '--json'];
    const { code, stdout, stderr } = await chaingrad(args);
    expect(code).to.equal(0);
    const isNoted = stderr.startsWith('--wide has no effect: WASM with registers of 128 bits: ');
    expect(isNoted).to.equal(!JSON.parse(stdout).wide);
  });
});
