/**
 * Fast kernels for tfjs' wasm backend, in AssemblyScript (../../assembly), working in tfjs' own heap.
 *
 * They are compiled into binaries.generated.ts by `npm run build -w @chaingrad/kernels`, which must have run once before
 * this module is imported from source.
 */
export {
  WasmArgumentError,
  WasmInternalsError,
  WasmJobError,
  WasmMemoryError,
  WasmUnavailableError,
} from './errors.ts';
export type { WasmKernelOptions } from './options.ts';
export {
  registerWasmKernels,
  setWasmKernelOptions,
  type WasmKernelInfo,
  wasmFilterCacheBytes,
} from './register.ts';
export {
  canShareMemory,
  patchTfjsWasmShared,
  type SetWasmPaths,
  shareTfjsWasmMemory,
} from './shared-memory.ts';
export { provideTfjsWasm, readTfjsWasm } from './tfjs-binary.ts';
