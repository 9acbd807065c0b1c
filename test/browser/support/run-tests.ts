/** Runs in the page: starts the backend, loads the bundled test files and runs those of this backend with mocha. */
import { type BackendInfo, useBackend } from '@chaingrad/core';
import { installKernels } from '@chaingrad/kernels';
import { HANG } from '../../support/hang.ts';

/** What the page hands to the test that opened it. */
export interface BrowserRun {
  readonly backend: BackendInfo;
  readonly isolated: boolean;
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
}

interface MochaInPage {
  setup(options: object): void;
  run(done: (failures: number) => void): {
    on(event: string, listener: (test: Mocha.Test, error: Error) => void): void;
  };
}

const page = globalThis as unknown as { mocha: MochaInPage; chaingradRun: BrowserRun | { error: string } };

/** f32x4.relaxed_madd: its prefix and its number. */
const RELAXED_MADD = [0xfd, 0x85, 0x02];

/** Makes the page one of an engine without relaxed SIMD, as Safari was for long. */
function hideRelaxedSimd(): void {
  const validate = WebAssembly.validate.bind(WebAssembly);
  WebAssembly.validate = (source) => {
    const bytes = new Uint8Array(source as ArrayBuffer);
    const isRelaxed = bytes.some((_, at) => RELAXED_MADD.every((byte, i) => bytes[at + i] === byte));
    return !isRelaxed && validate(source);
  };
}

export async function runTests(name: 'wasm' | 'webgpu', load: () => Promise<unknown>): Promise<void> {
  try {
    if (location.hash === '#no-relaxed-simd') hideRelaxedSimd();
    // The wasm backend needs its file in any case: some test files compare with it.
    const wasm = await useBackend('wasm', {
      wasmFile: new URL('/tfjs-backend-wasm-simd.wasm', location.href),
    });
    const backend = name === 'wasm' ? wasm : await useBackend(name);
    page.mocha.setup({ ui: 'bdd', reporter: class {}, timeout: HANG, fgrep: `[${name}]` });
    await load();
    // Test files import the cpu backend to compare with, which registers tfjs' own kernels over ours.
    installKernels('cpu');
    let [passed, skipped] = [0, 0];
    const failures: string[] = [];
    await new Promise<void>((resolve) => {
      const runner = page.mocha.run(() => resolve());
      runner.on('pass', () => passed++);
      runner.on('pending', () => skipped++);
      runner.on('fail', (test, error) => failures.push(`${test.fullTitle()}: ${error.message}`));
    });
    page.chaingradRun = { backend, isolated: crossOriginIsolated, passed, skipped, failures };
  } catch (error) {
    page.chaingradRun = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
