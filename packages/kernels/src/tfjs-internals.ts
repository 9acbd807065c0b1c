/**
 * All that this package takes from inside of tfjs 4.22: its engine, its registries, the data behind tensors, and how its
 * backends are built. No other file of the package touches these (scripts/check-tfjs-internals.mjs), so that this is the place
 * to look at when tfjs changes, or gives way to another tensor core.
 */
import * as tf from '@tensorflow/tfjs-core';
import { WasmInternalsError, WasmMemoryError } from './wasm/errors.ts';

// ---- the engine ----------------------------------------------------------------------------------------------------

/** The name of the active backend, which is started for it. */
export function activeBackend(): string {
  const engine = tf.engine();
  // The getter starts the backend, which gives it its name.
  if (engine.backendName == null) void engine.backend;
  return engine.backendName;
}

/** A backend that is started; null where it is not. */
export const startedBackend = (name: string): tf.KernelBackend | null =>
  tf.engine().findBackend(name) ?? null;

/** Whether a backend was started, or is starting. */
export const isStarted = (name: string): boolean => name in tf.engine().registry;

/** Whether the package of a backend was imported. */
export const isImported = (name: string): boolean => tf.findBackendFactory(name) != null;

/** Runs what is registered for the active backend under a name; recorded on the tape. */
export function runRegistered<T extends tf.Tensor | tf.Tensor[] = tf.Tensor>(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attrs: object,
): T {
  return tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap) as T;
}

/** A tensor of data that a kernel has made. It belongs to the scope that is open. */
export const tensorOf = <T extends tf.Tensor = tf.Tensor>(info: tf.TensorInfo): T =>
  tf.engine().makeTensorFromTensorInfo(info) as T;

/** Takes a tensor out of the engine's books, which forget it; its data stays with the backend. */
export function detach(backend: tf.KernelBackend, tensor: tf.Tensor): void {
  const { dataId } = tensor;
  backend.incRef(dataId);
  tensor.dispose();
  tf.engine().removeDataId(dataId, backend);
}

interface Guarded {
  readonly backend: tf.KernelBackend;
  readonly state: {
    readonly tensorInfo: WeakMap<DataKey, unknown>;
    readonly activeScope: { readonly name: string } | null;
  };
  moveData(backend: tf.KernelBackend, key: DataKey): void;
}

/**
 * Puts errors that say what to do in the place of two of tfjs' engine, which say "Cannot read properties of undefined": for data
 * that is gone (the name of the operation is told, if known), and where no backend is ready.
 */
export function guardEngine(
  gone: (operation: string | null) => Error,
  notReady: (cause: unknown) => Error,
): void {
  const engine = tf.engine() as unknown as Guarded;
  // Another copy of this package has done it.
  if (Object.hasOwn(engine, 'moveData')) return;
  const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(engine), 'backend')!;
  const { moveData } = engine;
  engine.moveData = (backend, key) => {
    if (!engine.state.tensorInfo.has(key)) {
      // tfjs names the scope of mul 'mul__op'.
      throw gone(engine.state.activeScope?.name.replace(/_*op$/, '') ?? null);
    }
    moveData.call(engine, backend, key);
  };
  Object.defineProperty(engine, 'backend', {
    configurable: true,
    get: () => {
      try {
        return get!.call(engine);
      } catch (cause) {
        throw notReady(cause);
      }
    },
  });
}

// ---- the tape ------------------------------------------------------------------------------------------------------

/** An operation on the tape. */
export interface TapeNode {
  inputs: tf.NamedTensorMap;
  readonly outputs: readonly tf.Tensor[];
  readonly saved: readonly tf.Tensor[];
  gradient?: (dys: tf.Tensor[]) => Record<string, () => tf.Tensor>;
}

type CustomGrad = (f: (...args: never[]) => unknown) => (...inputs: tf.Tensor[]) => tf.Tensor;

export type KernelInputs = Record<string, tf.Tensor | undefined> | tf.Tensor[];

/** What records the tape: a part of tfjs' engine, some of it private. */
export interface Recorder {
  readonly state: {
    readonly activeTape: TapeNode[];
    readonly gradientDepth: number;
    readonly kernelDepth: number;
    readonly activeScope: { readonly name: string; readonly track: readonly tf.Tensor[] } | null;
  };
  nextTensorId(): number;
  runKernel(name: string, inputs: KernelInputs, attrs: object): unknown;
  addTapeNode(...args: unknown[]): void;
  gradients(f: () => tf.Tensor, xs: tf.Tensor[], ...rest: unknown[]): unknown;
  customGrad: CustomGrad;
}

export const recorder = () => tf.engine() as unknown as Recorder;

/** Whether gradients are recorded now. */
export const isRecording = (): boolean => tf.engine().isTapeOn();

/** Asked by a kernel that runs: whether it is recorded on the tape. Kernels that other kernels run are not. */
export function isKernelRecorded(): boolean {
  const { gradientDepth, kernelDepth } = recorder().state;
  return gradientDepth > 0 && kernelDepth === 1;
}

// ---- the data of tensors -------------------------------------------------------------------------------------------

/** Identifies the values of a tensor, which never change. Tensors share them after a reshape or a clone. */
export type DataKey = tf.DataId;

export const keyOf = (info: tf.TensorInfo): DataKey => info.dataId;

/** The values of a tensor. The array may belong to the backend: read it only. */
export const valuesOf = (backend: tf.KernelBackend, info: tf.TensorInfo): tf.TypedArray =>
  backend.readSync(info.dataId) as tf.TypedArray;

/** New data of a backend. */
export function newData(
  backend: tf.KernelBackend,
  values: tf.TypedArray,
  shape: readonly number[],
  dtype: tf.DataType,
): tf.TensorInfo {
  const dims = [...shape];
  return { dataId: backend.write(values, dims, dtype), shape: dims, dtype };
}

/** The same data once more: it lives until both are released. */
export function share(backend: tf.KernelBackend, { dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo {
  backend.incRef(dataId);
  return { dataId, shape, dtype };
}

/** What a tensor is to a kernel, without the tensor. */
export const bareInfo = ({ dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo => ({
  ...{ dataId, shape, dtype },
});

/** Lets go of data. `entirely` frees it, whoever else shares it. */
export function release(backend: tf.KernelBackend, info: tf.TensorInfo, entirely = false): void {
  backend.disposeData(info.dataId, entirely);
}

type Callbacks = WeakMap<DataKey, (() => void)[]>;

const watched = new WeakMap<tf.KernelBackend, Callbacks>();

/** Runs `free` once, when the backend really lets go of the data (its last reference is disposed, or it moves away). */
export function onRelease(backend: tf.KernelBackend, key: DataKey, free: () => void): void {
  let callbacks = watched.get(backend);
  if (callbacks === undefined) {
    callbacks = new WeakMap();
    watched.set(backend, callbacks);
    watch(backend, callbacks);
  }
  const list = callbacks.get(key);
  if (list === undefined) callbacks.set(key, [free]);
  else list.push(free);
}

function watch(backend: tf.KernelBackend, callbacks: Callbacks): void {
  const disposeData = backend.disposeData;
  backend.disposeData = (dataId, force) => {
    const gone = disposeData.call(backend, dataId, force);
    if (gone) {
      const list = callbacks.get(dataId);
      callbacks.delete(dataId);
      for (const free of list ?? []) free();
    }
    return gone;
  };
}

// ---- the registries ------------------------------------------------------------------------------------------------

interface Books {
  /** Kernel functions that came from this package: never taken for tfjs' own. */
  readonly ours: WeakSet<tf.KernelFunc>;
  readonly originals: Map<string, tf.KernelFunc>;
  /** Rules of gradients that came from this package. */
  rules?: WeakSet<tf.GradConfig>;
}

// tfjs' registry is one for the whole process, so these are too: two copies of this package would take each other's kernels
// for tfjs' own, and call each other without end.
const key = Symbol.for('@chaingrad/kernels');
const shared = globalThis as unknown as { [key]?: Books };
shared[key] ??= { ours: new WeakSet(), originals: new Map() };
const { ours, originals } = shared[key];
// A copy of before there were rules in the books may have made them.
shared[key].rules ??= new WeakSet();
const { rules } = shared[key];

/** What is registered for a backend under a name; undefined where nothing is. */
export const registeredKernel = (kernelName: string, backendName: string): tf.KernelFunc | undefined =>
  tf.getKernel(kernelName, backendName)?.kernelFunc;

/** Whether the active backend has a kernel. */
export function hasKernel(kernelName: string): boolean {
  const { backendName } = tf.engine();
  return backendName != null && registeredKernel(kernelName, backendName) !== undefined;
}

/**
 * tfjs' own implementation, also while ours is registered over it; undefined where tfjs has none. What was there first stays
 * the original: a program that wraps registered kernels, to time them say, wraps ours, which would call themselves through it.
 */
export function originalKernel(kernelName: string, backendName: string): tf.KernelFunc | undefined {
  const name = `${backendName}/${kernelName}`;
  const current = registeredKernel(kernelName, backendName);
  if (!originals.has(name) && current !== undefined && !ours.has(current)) originals.set(name, current);
  return originals.get(name);
}

/** What a kernel is called with, whatever its attributes are. */
interface Call {
  readonly inputs: Readonly<Record<string, tf.TensorInfo | undefined>>;
  readonly attrs?: unknown;
  readonly backend: unknown;
}

/**
 * Runs tfjs' own kernel for the active backend, also while ours is registered over it.
 *
 * @throws TypeError where tfjs has none.
 */
export function runOriginal(kernelName: string, call: Call): tf.TensorInfo {
  const { backendName } = tf.engine();
  const run = originalKernel(kernelName, backendName);
  if (run === undefined) throw new TypeError(`tfjs has no kernel '${kernelName}' on '${backendName}'.`);
  return run(call as unknown as Parameters<tf.KernelFunc>[0]) as tf.TensorInfo;
}

/** Whether a kernel of this package is registered under the name. */
export function isInstalled(kernelName: string, backendName: string): boolean {
  const current = registeredKernel(kernelName, backendName);
  return current !== undefined && ours.has(current);
}

/** Registers a kernel over whatever is registered under its name (tfjs' is kept for `runOriginal`). */
export function installKernel(kernelName: string, backendName: string, kernelFunc: tf.KernelFunc): void {
  ours.add(kernelFunc);
  originalKernel(kernelName, backendName);
  const current = tf.getKernel(kernelName, backendName);
  if (current?.kernelFunc === kernelFunc) return;
  // tfjs warns on the console when a name is registered twice, so the old entry goes first.
  if (current !== undefined) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ ...current, kernelName, backendName, kernelFunc });
}

/** Registers the gradient of a kernel, over one that is there. */
export function installGradient(config: tf.GradConfig): void {
  rules.add(config);
  tf.registerGradient(config);
}

type GradientRegistry = Map<string, tf.GradConfig> & { [key]?: true };

/** The kernels whose gradients tfjs registers first and last, when it registers its own: it goes by their names. */
const [FIRST_GRADIENT, LAST_GRADIENT] = ['Abs', 'ZerosLike'] as const;

/** The registry of gradients, which tfjs keeps where all its packages find it; undefined where it is not as in tfjs 4.22. */
function gradientRegistry(): GradientRegistry | undefined {
  // In this order tfjs looks for the place.
  const { window, global, process, self } = globalThis as Record<string, unknown>;
  const place = (window ?? global ?? process ?? self) as { _tfGlobals?: Map<string, unknown> } | undefined;
  const registry = place?._tfGlobals?.get('gradRegistry');
  return registry instanceof Map ? (registry as GradientRegistry) : undefined;
}

/**
 * Calls `restore` whenever tfjs has registered all its gradients over ours, as `@tensorflow/tfjs` and `@tensorflow/tfjs-layers` do
 * when they are imported. A program that registers a gradient of its own is let alone.
 */
export function onForeignGradients(restore: () => void): void {
  const registry = gradientRegistry();
  // Another copy of this package may watch already.
  if (registry === undefined || registry[key]) return;
  registry[key] = true;
  const isForeign = (config: tf.GradConfig | undefined) => config !== undefined && !rules.has(config);
  registry.set = (name, config) => {
    Map.prototype.set.call(registry, name, config);
    if (name === LAST_GRADIENT && isForeign(config) && isForeign(registry.get(FIRST_GRADIENT))) restore();
    return registry;
  };
}

// ---- the wasm backend ----------------------------------------------------------------------------------------------

type Malloc = (bytes: number) => number;

/** What tfjs-backend-wasm 4.22 has inside. None of it is documented, so `openWasmHeap` looks before it trusts. */
interface WasmBackend {
  readonly wasm: {
    readonly HEAPU8: Uint8Array;
    _malloc: Malloc;
    _free(pointer: number): void;
    readonly asm?: { readonly memory?: WebAssembly.Memory };
    readonly wasmMemory?: WebAssembly.Memory;
  };
  readonly dataIdMap: { get(dataId: DataKey): { readonly memoryOffset: number } | undefined };
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
}

/** The heap of the wasm backend as tfjs has it. Addresses beyond 2 GiB may come as negative numbers. */
export interface WasmHeap {
  readonly memory: WebAssembly.Memory;
  /** @returns 0 where there is no room. */
  malloc(bytes: number): number;
  free(pointer: number): void;
  /** Puts `allocate` in the place of malloc, for tfjs too; it is given the malloc that was there. */
  replaceMalloc(allocate: (malloc: Malloc, bytes: number) => number): void;
  /** How much of the memory tfjs sees: its view stays behind where memory grows to 4 GiB, which no view of bytes can span. */
  visibleBytes(): number;
  /** Where a tensor's values are. */
  pointer(info: tf.TensorInfo): number;
  /** A new tensor of float32, its values whatever was there. */
  output(shape: readonly number[]): tf.TensorInfo;
}

/**
 * The heap of a wasm backend.
 *
 * @throws WasmInternalsError when the backend is not built as the one we know.
 */
export function openWasmHeap(backend: tf.KernelBackend): WasmHeap {
  const candidate = backend as Partial<WasmBackend>;
  const { wasm } = candidate;
  const need = (ok: boolean, expected: string, got: string) => {
    if (!ok) throw new WasmInternalsError(expected, got);
  };
  need(wasm != null, 'a field `wasm`', 'none');
  need(
    typeof wasm!._malloc === 'function' && typeof wasm!._free === 'function',
    '_malloc and _free',
    'neither',
  );
  need(typeof candidate.dataIdMap?.get === 'function', 'a field `dataIdMap`', 'none');
  need(typeof candidate.makeOutput === 'function', 'a method `makeOutput`', 'none');
  const memory = wasm!.wasmMemory ?? wasm!.asm?.memory;
  need(memory instanceof WebAssembly.Memory, 'its memory as wasm.wasmMemory or wasm.asm.memory', 'neither');
  need(isOver(wasm!, memory!), 'wasm.HEAPU8 over that memory', 'another buffer');
  return heapOf(candidate as WasmBackend, memory!);
}

/** Whether tfjs' view is one of this memory; of a memory of 4 GiB it is one of its beginning, and of an earlier buffer. */
function isOver(wasm: WasmBackend['wasm'], memory: WebAssembly.Memory): boolean {
  const view = wasm.HEAPU8;
  if (view === undefined || view.buffer === memory.buffer) return view !== undefined;
  const address = wasm._malloc(1) >>> 0;
  const byte = new Uint8Array(memory.buffer, address, 1);
  byte[0] = 85;
  const isSeen = view[address] === 85;
  byte[0] = 170;
  const isStillSeen = view[address] === 170;
  wasm._free(address);
  return isSeen && isStillSeen;
}

function heapOf(backend: WasmBackend, memory: WebAssembly.Memory): WasmHeap {
  const { wasm } = backend;
  const pointer = (info: tf.TensorInfo) => {
    const data = backend.dataIdMap.get(info.dataId);
    if (data === undefined) throw new WasmInternalsError('every tensor in its dataIdMap', 'a tensor without');
    return data.memoryOffset >>> 0;
  };
  return {
    ...{ memory, pointer },
    malloc: (bytes) => wasm._malloc(bytes),
    free: (address) => wasm._free(address),
    visibleBytes: () => wasm.HEAPU8!.length,
    replaceMalloc(allocate) {
      // The module replaces its functions by others at their first call.
      wasm._free(wasm._malloc(16));
      const malloc = wasm._malloc;
      wasm._malloc = (bytes) => allocate(malloc, bytes);
    },
    output(shape) {
      const info = backend.makeOutput([...shape], 'float32');
      if (pointer(info) === 0 && shape.every((n) => n > 0))
        throw new WasmMemoryError(4 * tf.util.sizeFromShape([...shape]), memory.buffer.byteLength);
      return info;
    },
  };
}

// ---- the webgpu backend --------------------------------------------------------------------------------------------

/** What the webgpu backend asks of a WGSL program. */
export interface WebGPUProgram {
  readonly outputShape: number[];
  readonly variableNames: string[];
  readonly uniforms: string;
  readonly shaderKey: string;
  readonly size: true;
  readonly workgroupSize: [number, number, number];
  readonly dispatchLayout: { readonly x: number[] };
  dispatch: [number, number, number];
  getUserCode(): string;
}

interface WebGPUBackend {
  runWebGPUProgram(
    program: WebGPUProgram,
    inputs: tf.TensorInfo[],
    dtype: tf.DataType,
    uniforms: { type: 'int32'; data: number[] }[],
  ): tf.TensorInfo;
}

export function runProgram(
  backend: tf.KernelBackend,
  program: WebGPUProgram,
  inputs: readonly tf.TensorInfo[],
  dtype: tf.DataType,
  uniforms: readonly (readonly number[])[],
): tf.TensorInfo {
  return (backend as unknown as WebGPUBackend).runWebGPUProgram(
    program,
    [...inputs],
    dtype,
    uniforms.map((data) => ({ type: 'int32', data: [...data] })),
  );
}

// ---- tensors that are filled piece by piece --------------------------------------------------------------------------

/** What tfjs' WASM backend can do besides. */
interface FillableBackend extends tf.KernelBackend {
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array;
}

/** Memory of a tensor on WASM, or null on backends where `tf.tensor` takes an array over without a copy. */
export function fillableData(shape: readonly number[]): {
  values(): Float32Array;
  info: tf.TensorInfo;
  release(): void;
} | null {
  const backend = tf.backend() as FillableBackend;
  if (!('makeOutput' in backend && 'typedArrayFromHeap' in backend)) return null;
  const info = backend.makeOutput([...shape], 'float32');
  return {
    info,
    values: () => backend.typedArrayFromHeap(info),
    release: () => release(backend, info, true),
  };
}
