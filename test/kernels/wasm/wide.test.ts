import { execFileSync } from 'node:child_process';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type Binary, binaryBytes, compileBytes } from '../../../packages/kernels/src/wasm/binaries.ts';
import {
  registerWasmKernels,
  setWasmKernelOptions,
  type WasmKernelInfo,
} from '../../../packages/kernels/src/wasm/index.ts';
import { runtimeOf } from '../../../packages/kernels/src/wasm/runtime.ts';
import { flagsOf } from '../../../packages/kernels/src/wasm/wide.ts';
import { differences } from '../../../packages/kernels/src/wasm/wide-check.ts';
import { runProgram } from '../../support/program.ts';
import { useFastWasm } from './support.ts';

/** Whether this Node's V8 has the pass, on a processor that it is for. */
const hasPass =
  process.arch === 'x64' &&
  process.versions.v8.startsWith('13.') &&
  execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8', maxBuffer: 2 ** 24 }).includes(
    '--experimental-wasm-revectorize',
  );

const help = (revectorize: string) => `
  --wasm-dynamic-tiering (enable dynamic tier up to the optimizing compiler)
        type: bool  default: --wasm-dynamic-tiering
  --liftoff (enable Liftoff, the baseline compiler for WebAssembly)
        type: bool  default: --no-liftoff
  --liftoff-only (disallow TurboFan compilation for WebAssembly (for testing))
        type: bool  default: --no-liftoff-only
  --wasm-lazy-compilation (enable lazy compilation for all wasm modules)
        type: bool  default: --wasm-lazy-compilation
  ${revectorize}
`;

/** The binary with another instruction wherever there was the one that multiplies and adds. */
async function damaged(): Promise<Binary> {
  const given = await binaryBytes(false);
  const { bytes, relaxed } = given;
  // f32x4.relaxed_madd becomes relaxed_nmadd, f32x4.add becomes f32x4.sub.
  const [from, to] = relaxed
    ? [
        [0xfd, 0x85, 0x02],
        [0xfd, 0x86, 0x02],
      ]
    : [
        [0xfd, 0xe4, 0x01],
        [0xfd, 0xe5, 0x01],
      ];
  for (let at = 0; at < bytes.length - 2; at++)
    if (from!.every((byte, i) => bytes[at + i] === byte)) bytes.set(to!, at);
  return { ...(await compileBytes(given)), wide: true };
}

describe('wasm: registers of 256 bits', () => {
  before(useFastWasm);
  afterEach(() => setWasmKernelOptions({ wide: false }));

  it("reads what V8's flags are, to set them back, and sees that one is missing", () => {
    const pass = (value: string) => `--experimental-wasm-revectorize (enable ...)
        type: bool  default: ${value}`;
    for (const value of ['--no-experimental-wasm-revectorize', '--experimental-wasm-revectorize'])
      expect(flagsOf(help(pass(value)))).to.deep.equal([
        ...[value, '--no-liftoff', '--wasm-dynamic-tiering', '--wasm-lazy-compilation'],
      ]);
    expect(flagsOf(help(''))).to.equal(null);
  });

  it('compares code with the usual one, to the bit, in each kind of kernel, and leaves nothing behind', async function () {
    const runtime = runtimeOf(tf.backend());
    // A shared heap, which a test before may have asked for, takes other bytes.
    if (runtime.heap.shared) this.skip();
    const before = tf.memory().numDataBuffers;
    const { binary, threads } = runtime;
    expect(differences(runtime, await compileBytes(await binaryBytes(false)))).to.deep.equal([]);
    const found = differences(runtime, await damaged());
    for (const kind of ['Winograd F(4,3)', 'Winograd F(6,3)', 'implicit GEMM', 'pointwise', 'depthwise'])
      expect(found).to.include(kind).and.to.include(`${kind}, filter gradient`);
    expect(found.filter((kind) => kind.startsWith('matrix product'))).to.have.length(2);
    expect([runtime.binary, runtime.threads]).to.deep.equal([binary, threads]);
    expect(tf.memory().numDataBuffers).to.equal(before);
  });

  it('says why it is not possible, and goes on as usual', async function () {
    if (hasPass) this.skip();
    const info = (await setWasmKernelOptions({ wide: true }))!;
    expect(info.wide).to.equal(false);
    expect(info.wideRefused).to.match(/^only V8 13, of Node 24, |on x64 only|has no --experimental/);
    expect((await registerWasmKernels()).wideRefused).to.equal(info.wideRefused);
    expect(await setWasmKernelOptions({ wide: false })).not.to.have.property('wideRefused');
  });

  it('gives the same bits, on two threads and on one', async function () {
    if (!hasPass) this.skip();
    const stdout = await runProgram(new URL('wide-program.ts', import.meta.url));
    const { infos, different, kinds, leaked } = JSON.parse(stdout.slice(stdout.indexOf('{')));
    const told = (infos as WasmKernelInfo[]).map(({ wide, threads }) => [wide, threads]);
    expect(told).to.deep.equal([
      [true, 2],
      [true, 1],
      [false, 2],
    ]);
    expect(different).to.deep.equal([[], [], []]);
    expect(kinds).to.be.above(5);
    expect(leaked).to.equal(0);
  });
});
