import { installKernels, nodeModule, Turns } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { ChaingradError, InvalidArgumentError } from './errors.ts';
import { adapterName, isSoftware, measureBackend, remember, remembered } from './fastest-backend.ts';
import { provideNodeGpu } from './node-gpu.ts';
import { checkOptions } from './options.ts';
import { gpuDevice, isBackendStarted, silenceCpuBackend } from './tfjs-internals.ts';

export type BackendName = 'webgpu' | 'wasm' | 'cpu';

/** What `useBackend` chose. */
export interface BackendInfo {
  readonly name: BackendName;
  /** WASM only: whether multiply-adds are fused, whether registers have 256 bits, how many threads compute; null where tfjs' own kernels run. */
  readonly wasm?: { readonly relaxedSimd: boolean; readonly wide: boolean; readonly threads: number } | null;
  /** Why a faster choice was not possible, and what is used instead. */
  readonly notes: readonly string[];
}

/** A backend was asked for that this platform does not have, or whose npm package is not installed. */
export class BackendUnavailableError extends ChaingradError {
  constructor(
    readonly backend: BackendName,
    readonly reason: string,
    /** The npm package to install, where one is missing. */
    readonly packageName?: string,
    options?: ErrorOptions,
  ) {
    super(`Backend '${backend}' cannot be used here: ${reason}`, options);
  }
}

/** The error for a backend whose npm package could not be imported, with what to install. */
function packageMissing(backend: BackendName, packageName: string, cause: unknown): BackendUnavailableError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const command = `npm install ${packageName}${packageName.startsWith('@tensorflow/') ? `@${tf.version_core}` : ''}`;
  const reason = `it needs the npm package ${packageName}, which could not be imported. Install it: ${command} (${why})`;
  return new BackendUnavailableError(backend, reason, packageName, { cause });
}

const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined;

export interface BackendOptions {
  /**
   * In a page: the address of tfjs-backend-wasm-simd.wasm, where it is not beside the modules. Without it that place is tried,
   * then a public server (jsDelivr, checked against a known hash).
   */
  readonly wasmFile?: string | URL;
  /**
   * WASM: how many threads compute, 1 to 32. Default: as many as the machine has cores, 8 at most; in a page that is not
   * cross-origin isolated, 1. Results do not depend on it. The first start of the backend decides whether there can be several.
   */
  readonly threads?: number;
  /**
   * WASM: whether the kernels are compiled for registers of 256 bits, where the engine can: Node 24 on x64, by a pass of V8 that it
   * calls experimental. Its results are compared with the usual ones at the start, to the bit; where it cannot or they differ a note says
   * so, and all goes on as usual. Default false; once chosen it stays until a call chooses otherwise.
   */
  readonly wide?: boolean | undefined;
}

/** The file of tfjs' WASM backend that is installed in Node. */
function installedTfjsWasm(): Uint8Array {
  const { createRequire } = nodeModule<typeof import('node:module')>('node:module')!;
  const { readFileSync } = nodeModule<typeof import('node:fs')>('node:fs')!;
  const file = '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm';
  return readFileSync(createRequire(import.meta.url).resolve(file));
}

/**
 * What imports and configures each backend. An import stands in a `try` with its literal name: so bundlers find the package,
 * and those that do not (esbuild, webpack) warn of one that is not installed, where they else would fail.
 */
const loaders: Readonly<Record<BackendName, (options: BackendOptions) => Promise<void>>> = {
  cpu: async () => {
    try {
      await import('@tensorflow/tfjs-backend-cpu');
    } catch (error) {
      throw packageMissing('cpu', '@tensorflow/tfjs-backend-cpu', error);
    }
    silenceCpuBackend();
  },
  wasm: async ({ wasmFile, threads, wide }) => {
    const { kernels, setWasmPaths } = await importWasm();
    if (threads !== undefined) await kernels.setWasmKernelOptions({ threads });
    if (wide !== undefined) await kernels.setWasmKernelOptions({ wide });
    if (isBackendStarted('wasm')) return;
    if (!isNode) await kernels.provideTfjsWasm(setWasmPaths, wasmFile);
    else if (threads !== 1) kernels.shareTfjsWasmMemory(setWasmPaths, installedTfjsWasm());
  },
  webgpu: async () => {
    if (isNode) {
      try {
        await provideNodeGpu();
      } catch (error) {
        throw packageMissing('webgpu', 'webgpu', error);
      }
    }
    const adapter = await globalThis.navigator?.gpu?.requestAdapter();
    if (!adapter) {
      throw new BackendUnavailableError(
        'webgpu',
        'there is no GPU adapter. Use wasm, which runs everywhere.',
      );
    }
    try {
      await import('@tensorflow/tfjs-backend-webgpu');
    } catch (error) {
      throw packageMissing('webgpu', '@tensorflow/tfjs-backend-webgpu', error);
    }
  },
};

/** tfjs' WASM backend, and our kernels for it. */
async function importWasm() {
  try {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    return { setWasmPaths, kernels: await import('@chaingrad/kernels/wasm') };
  } catch (error) {
    throw packageMissing('wasm', '@tensorflow/tfjs-backend-wasm', error);
  }
}

/**
 * Runs `start` and removes the listeners of uncaught errors that it leaves on the process: those of tfjs' WASM module throw
 * every uncaught error of the program anew, which then prints 200 kB of the module's source.
 */
async function withoutErrorListeners<R>(start: () => Promise<R>): Promise<R> {
  if (!isNode) return start();
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.listeners(event as 'uncaughtException'));
  try {
    return await start();
  } finally {
    events.forEach((event, i) => {
      for (const listener of process.listeners(event as 'uncaughtException')) {
        if (!before[i]!.includes(listener)) process.removeListener(event, listener);
      }
    });
  }
}

/** Puts the SIMD kernels over tfjs' own where this platform can run them; notes it where not. */
async function useFastKernels(notes: string[], asked?: number): Promise<BackendInfo['wasm']> {
  try {
    const { registerWasmKernels } = await import('@chaingrad/kernels/wasm');
    const { relaxed, wide, wideRefused, threads, threadsRefused } = await registerWasmKernels();
    if (wideRefused !== undefined) notes.push(`WASM with registers of 128 bits: ${wideRefused}`);
    if (threadsRefused !== undefined) notes.push(`WASM on ${threads} thread(s): ${threadsRefused}`);
    else if (asked !== undefined && asked !== threads) {
      notes.push(
        `${threads} WASM thread(s) instead of ${asked}: memory is not shared. A page must be cross-origin isolated ` +
          '(COOP same-origin, COEP require-corp), and the backend must not have been started before.',
      );
    }
    return { relaxedSimd: relaxed, wide, threads };
  } catch (error) {
    notes.push(
      `The slower WASM kernels of tfjs are used: ${error instanceof Error ? error.message : String(error)}`,
    );
    return null;
  }
}

/** A start of a backend has many steps, and those of two must not be mixed. */
const turns = new Turns();

/**
 * Loads, configures and selects a tfjs backend, with chaingrad's kernels over tfjs' own. Calls that overlap are done one after
 * the other: each tells what was in use when it had ended. Models may predict and learn meanwhile.
 *
 * @param name 'auto' takes the faster of webgpu and wasm in a browser that has both, by a short measurement that is remembered for the origin
 *   (a GPU that is emulated on the processor never wins), else wasm, else cpu; in Node wasm.
 * @param options where a page keeps its files, if they are not found by themselves.
 * @returns what was chosen, with notes where a better choice failed.
 * @throws BackendUnavailableError when a named backend cannot run here; 'auto' goes on to the next instead. UnknownOptionError.
 */
export async function useBackend(
  name: 'auto' | BackendName = 'auto',
  options: BackendOptions = {},
): Promise<BackendInfo> {
  if (name !== 'auto' && !(name in loaders)) {
    throw new InvalidArgumentError('useBackend', "'auto' | 'webgpu' | 'wasm' | 'cpu'", name);
  }
  checkOptions('useBackend', options, { wasmFile: 'any', threads: 'number', wide: 'boolean' });
  return turns.run(() => start(name, options));
}

async function start(name: 'auto' | BackendName, options: BackendOptions): Promise<BackendInfo> {
  if (name !== 'auto') return startOne(name, options);
  const notes: string[] = [];
  const found = isNode ? null : await chooseInPage(options, notes);
  if (found !== null) return { ...found, notes: [...notes, ...found.notes] };
  for (const candidate of ['wasm', 'cpu'] as const) {
    try {
      const info = await startOne(candidate, options);
      return { ...info, notes: [...notes, ...info.notes] };
    } catch (error) {
      notes.push(messageOf(error));
    }
  }
  throw new ChaingradError(`No backend can run here:\n${notes.join('\n')}`);
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

async function startOne(name: BackendName, options: BackendOptions): Promise<BackendInfo> {
  await loaders[name](options);
  if (!(await withoutErrorListeners(() => tf.setBackend(name)))) {
    throw new BackendUnavailableError(name, 'tfjs could not start it (its warning above says why).');
  }
  await tf.ready();
  installKernels(name);
  const notes: string[] = [];
  const wasm = name === 'wasm' ? { wasm: await useFastKernels(notes, options.threads) } : {};
  // tf.setBackend, which waits for no turn, may have been called since.
  if (tf.getBackend() !== name && !(await tf.setBackend(name))) {
    throw new BackendUnavailableError(name, `${tf.getBackend()} was selected while it started.`);
  }
  return { name, notes, ...wasm };
}

/**
 * The faster of WebGPU and WASM, in use; null where there is no GPU to compare with. What was measured at an earlier visit, with this GPU and
 * as many threads, holds.
 */
async function chooseInPage(options: BackendOptions, notes: string[]): Promise<BackendInfo | null> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter().catch(() => null);
  if (!adapter) {
    notes.push("Backend 'webgpu' cannot be used here: there is no GPU adapter.");
    return null;
  }
  const gpu = adapterName(adapter);
  if (isSoftware(adapter)) {
    notes.push(`WebGPU would compute on the processor here (${gpu}), where WASM is faster.`);
    return null;
  }
  const threads = options.threads ?? navigator.hardwareConcurrency;
  const key = [tf.version_core, gpu, threads, globalThis.crossOriginIsolated === true].join(' ');
  const before = await remembered(key);
  const choose = async (candidates: readonly ('webgpu' | 'wasm')[]) => {
    const measured: { info: BackendInfo; took: number }[] = [];
    for (const candidate of candidates) {
      try {
        const info = await startOne(candidate, options);
        measured.push({ info, took: candidates.length > 1 ? await measureBackend() : 0 });
      } catch (error) {
        notes.push(messageOf(error));
      }
    }
    return measured.sort((a, b) => a.took - b.took);
  };
  if (before === 'webgpu' || before === 'wasm') {
    const [known] = await choose([before]);
    if (known !== undefined) {
      notes.push(`${before} was measured as the fastest here at an earlier visit (GPU: ${gpu}).`);
      return known.info;
    }
  }
  const [best, other] = await choose(['wasm', 'webgpu']);
  if (best === undefined) return null;
  if (other !== undefined) {
    const times = [best, other].map(({ info, took }) => `${info.name} ${took.toFixed(1)} ms`).join(', ');
    notes.push(`Measured: ${times} for the same convolutions (GPU: ${gpu}).`);
    await remember(key, best.info.name);
  }
  if (tf.getBackend() !== best.info.name) await tf.setBackend(best.info.name);
  return best.info;
}

/**
 * Waits until the GPU in use is lost (a crash of its driver, a page that used too much): all tensors on it are gone then. Never
 * ends on other backends, nor once another backend has taken over.
 * @returns what the browser says of it.
 */
export async function gpuLost(): Promise<string> {
  const device = gpuDevice();
  const info = await device?.lost;
  return info === undefined || gpuDevice() !== device ? new Promise<never>(() => {}) : info.message;
}
