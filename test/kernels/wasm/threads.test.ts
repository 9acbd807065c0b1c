import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  canShareMemory,
  patchTfjsWasmShared,
  shareTfjsWasmMemory,
  WasmUnavailableError,
} from '../../../packages/kernels/src/wasm/index.ts';
import { runProgram } from '../../support/program.ts';
import { bytesFlags, useFastWasm } from './support.ts';

const file = createRequire(import.meta.url).resolve(
  '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
);

describe('wasm: threads', () => {
  before(useFastWasm);

  it('patches one byte of the binary of tfjs', () => {
    const bytes = readFileSync(file);
    const patched = patchTfjsWasmShared(bytes);
    expect(patched.length).to.equal(bytes.length);
    const changed = [...patched.keys()].filter((i) => patched[i] !== bytes[i]);
    expect(changed.length).to.equal(1);
    expect([bytes[changed[0]!], patched[changed[0]!]]).to.deep.equal([1, 3]);
    expect(patchTfjsWasmShared(patched)).to.deep.equal(patched);
  });

  it('refuses other binaries, and a backend that is started', () => {
    expect(canShareMemory()).to.equal(true);
    const none = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
    expect(() => patchTfjsWasmShared(none)).to.throw(WasmUnavailableError, 'no memory');
    expect(tf.getBackend()).to.equal('wasm');
    expect(() => shareTfjsWasmMemory(() => {}, readFileSync(file))).to.throw(WasmUnavailableError, 'started');
  });

  it('right, bit for bit the same over 200 runs and for any number of threads, and they end', async () => {
    const program = new URL('threads-program.ts', import.meta.url);
    const stdout = await runProgram(program, [], { flags: bytesFlags });
    const result = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<string, unknown>;
    const { error, info, ...rest } = result as { error: number; info: { threads: number } };
    expect(info.threads).to.equal(2);
    expect(error).to.be.below(2e-5);
    expect(rest).to.deep.equal({
      ...{ shared: true, different: { 2: [], 3: [] }, missing: [], used: [1, 2, 3] },
      ...{ grown: 40 * 1024, leaked: 0 },
    });
  });
});
