/** Puts the fast kernels over what is registered for the wasm backend. */
import type * as tf from '@tensorflow/tfjs-core';
import { installKernel, registeredKernel, startedBackend } from '../tfjs-internals.ts';
import { activationKernels } from './activation.ts';
import { type Binary, binaryBytes, compileBytes } from './binaries.ts';
import { convolutionKernels } from './convolution-kernels.ts';
import { WasmUnavailableError } from './errors.ts';
import { openHeap } from './heap.ts';
import { identityKernels } from './identity.ts';
import { declined, type FastKernel, type FastKernels } from './kernel.ts';
import { matMulKernels } from './matmul.ts';
import { options, type WasmKernelOptions } from './options.ts';
import { poolingKernels } from './pooling.ts';
import { type Runtime, runtimeOf, setBinary } from './runtime.ts';
import { availableCores, maxThreads } from './threads.ts';
import { updateKernels } from './update.ts';
import { compileWide } from './wide.ts';
import { differences } from './wide-check.ts';

/** What is in use. */
export interface WasmKernelInfo {
  /** WASM SIMD; always, as the kernels need it. */
  readonly simd: true;
  /** Relaxed SIMD: fused multiply-adds. */
  readonly relaxed: boolean;
  /** Whether they were compiled for registers of 256 bits, which must be asked for: `setWasmKernelOptions({ wide: true })`. */
  readonly wide: boolean;
  /** Why they were not although that was asked for. */
  readonly wideRefused?: string;
  /** Threads that compute, the calling one included. */
  readonly threads: number;
  /** Why there are fewer threads than there could be, where the platform refused to start them. */
  readonly threadsRefused?: string;
}

const tables: readonly FastKernels[] = [
  activationKernels,
  convolutionKernels,
  identityKernels,
  matMulKernels,
  poolingKernels,
  updateKernels,
];

const fast = new WeakSet<tf.KernelFunc>();

function install(name: string, kernel: FastKernel): void {
  const previous = registeredKernel(name, 'wasm');
  if (previous !== undefined && fast.has(previous)) return;
  const kernelFunc: tf.KernelFunc = (call) => {
    const { inputs, attrs, backend } = call;
    const runtime = runtimeOf(backend as tf.KernelBackend);
    const result = runtime.computeKernel(name, () => kernel(runtime, inputs, attrs ?? {}));
    if (result !== declined) return result;
    if (previous === undefined)
      throw new WasmUnavailableError(
        `kernel '${name}' was called with inputs or attributes that it does not know.`,
      );
    return previous(call);
  };
  fast.add(kernelFunc);
  installKernel(name, 'wasm', kernelFunc);
}

/** The wasm backend, which must be started. */
function wasmBackend(): tf.KernelBackend {
  const backend = startedBackend('wasm');
  if (backend === null)
    throw new WasmUnavailableError(
      "the wasm backend is not started. Call await tf.setBackend('wasm') first.",
    );
  return backend;
}

/** Threads to use where nothing was chosen. */
const defaultThreads = async () => Math.min(8, await availableCores());

let compiledShared: boolean | null = null;
/** What `compiledShared` tells, as the engine compiles it by itself. */
let plain: Binary | null = null;
let wideRefused: string | undefined;

/**
 * Compiles for registers of 256 bits, or as usual, as the options say.
 *
 * @throws what the platform says when threads cannot be started.
 */
async function applyWide(runtime: Runtime, shared: boolean): Promise<void> {
  wideRefused = undefined;
  if (options.wide === runtime.binary.wide) return;
  if (!options.wide) return runtime.setBinary(plain!);
  const wide = await compileWide(shared);
  if (typeof wide === 'string') {
    wideRefused = wide;
    return;
  }
  const different = differences(runtime, wide);
  if (different.length === 0) return runtime.setBinary(wide);
  wideRefused = `its results differ from those of the usual code (${different.join('; ')})`;
}

/** What is in use. */
function infoOf({ binary, threads }: Runtime): WasmKernelInfo {
  const { relaxed, wide } = binary;
  return { simd: true, relaxed, wide, ...(wideRefused !== undefined && { wideRefused }), threads };
}

/**
 * Registers the fast kernels for tfjs' wasm backend, over tfjs' own and this package's portable ones, which keep the cases
 * that the fast ones do not take. Call it when the backend is started; calling it again changes nothing.
 *
 * @returns what is in use.
 * @throws WasmUnavailableError without a started wasm backend, or without WASM SIMD.
 * @throws WasmInternalsError when the installed tfjs-backend-wasm is built otherwise than the one we know.
 */
export async function registerWasmKernels(): Promise<WasmKernelInfo> {
  const backend = wasmBackend();
  const { shared } = openHeap(backend);
  if (compiledShared !== shared) {
    plain = await compileBytes(await binaryBytes(shared));
    setBinary(plain);
    compiledShared = shared;
  }
  const runtime = runtimeOf(backend);
  let threadsRefused: string | undefined;
  if (shared) {
    await runtime.setThreads(options.threads ?? (await defaultThreads())).catch((error: unknown) => {
      threadsRefused = error instanceof Error ? error.message : String(error);
    });
  }
  await applyWide(runtime, shared);
  for (const table of tables) for (const [name, kernel] of Object.entries(table)) install(name, kernel);
  return { ...infoOf(runtime), ...(threadsRefused !== undefined && { threadsRefused }) };
}

/**
 * Changes what the fast kernels may use. Can be called before and after `registerWasmKernels`.
 *
 * @returns what is in use then; null while the kernels are not registered.
 * @throws RangeError for a negative budget, or threads out of 1 to 32.
 */
export async function setWasmKernelOptions(
  changes: Partial<WasmKernelOptions>,
): Promise<WasmKernelInfo | null> {
  const { cacheBytes, threads, wide } = changes;
  if (cacheBytes !== undefined) {
    if (!(cacheBytes >= 0))
      throw new RangeError(`setWasmKernelOptions: cacheBytes must be at least 0, got ${cacheBytes}.`);
    options.cacheBytes = cacheBytes;
  }
  if (threads !== undefined) {
    if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads)
      throw new RangeError(
        `setWasmKernelOptions: threads must be an integer from 1 to ${maxThreads}, got ${threads}.`,
      );
    options.threads = threads;
  }
  if (wide !== undefined) options.wide = wide;
  if (compiledShared === null || startedBackend('wasm') === null) return null;
  const runtime = runtimeOf(wasmBackend());
  runtime.filters.shrink(options.cacheBytes);
  if (threads !== undefined) await runtime.setThreads(threads);
  if (wide !== undefined) await applyWide(runtime, compiledShared);
  return infoOf(runtime);
}

/** Bytes of the heap that prepared filters occupy now; 0 while the kernels are not registered. */
export function wasmFilterCacheBytes(): number {
  return compiledShared === null ? 0 : runtimeOf(wasmBackend()).filters.bytes;
}
