/**
 * All that core relies on beyond the documented interface of tfjs: its engine, the tape and the registries, as of 4.22. Another
 * tensor core would have to offer these few functions; nothing else in core asks for the engine.
 */
import * as tf from '@tensorflow/tfjs-core';

/**
 * The gradients of a scalar, or of what `dy` weights, by tensors that may be chosen while `forward` runs: `xs` is read after it. Where nothing reaches a
 * tensor its gradient is undefined. tfjs' own leaks what the tape has saved when the forward pass fails.
 */
export function gradientsOf(
  forward: () => tf.Tensor,
  xs: tf.Tensor[],
  dy?: tf.Tensor,
): { value: tf.Tensor; grads: (tf.Tensor | undefined)[] } {
  const engine = tf.engine();
  try {
    return engine.gradients(forward, xs, dy, true);
  } catch (error) {
    const { state } = engine;
    // Inside another tape the saved tensors are that one's.
    if (state.gradientDepth === 0) {
      for (const { saved } of state.activeTape ?? []) tf.dispose(saved ?? []);
      state.activeTape = [];
    }
    throw error;
  }
}

/** Runs `fn` while nothing is recorded on a tape, also inside of one. */
export function withoutTape<R>(fn: () => R): R {
  const { state } = tf.engine();
  const { gradientDepth, activeTape } = state;
  state.gradientDepth = 0;
  try {
    return fn();
  } finally {
    state.gradientDepth = gradientDepth;
    state.activeTape = activeTape;
  }
}

/** What differs from no number, or jumps: their derivatives are 0 wherever there are some. */
const flatKernels: ReadonlySet<string> = new Set(['Ceil', 'Floor', 'Round', 'Sign', 'Step']);

interface TapeNode {
  readonly kernelName: string;
  readonly inputs: Readonly<Record<string, tf.Tensor>>;
  readonly outputs: readonly tf.Tensor[];
}

/**
 * Which tensors `y` changes with, by the operations that are on the tape now. Call it where they are recorded.
 * @returns reached: those of `xs`; flat: operations on the way to y whose derivative is 0 everywhere, such as ArgMax.
 */
export function dependenciesOf(
  y: tf.Tensor,
  xs: Iterable<tf.Tensor>,
): { reached: Set<tf.Tensor>; flat: Set<string> } {
  const ids = new Set([y.id]);
  /** What y depends on by flat operations alone. */
  const behind = new Set<number>();
  const flat = new Set<string>();
  const tape = (tf.engine().state.activeTape ?? []) as unknown as readonly TapeNode[];
  for (const { kernelName, inputs, outputs } of [...tape].reverse()) {
    const met = [ids, behind].find((set) => outputs.some(({ id }) => set.has(id)));
    if (met === undefined) continue;
    const from = Object.values(inputs);
    const jumps = outputs.every(({ dtype }) => dtype !== 'float32');
    const isFlat = jumps || flatKernels.has(kernelName);
    if (isFlat && (!jumps || from.some(({ dtype }) => dtype === 'float32'))) flat.add(kernelName);
    for (const { id } of from) (isFlat ? behind : met).add(id);
  }
  return { reached: new Set([...xs].filter(({ id }) => ids.has(id))), flat };
}

/** Whether a backend of this name was started already. */
export const isBackendStarted = (name: string): boolean => name in tf.engine().registry;

/** The name of the backend in use; tfjs chooses and starts one now if nobody has. */
export function backendInUse(): string {
  const engine = tf.engine();
  return engine.backend && engine.backendName;
}

/** The device of tfjs' WebGPU backend; null while another one is in use. */
export const gpuDevice = (): GPUDevice | null =>
  tf.getBackend() === 'webgpu' ? (tf.backend() as unknown as { device: GPUDevice }).device : null;

/** A tensor of `backend` over data that is there. */
export const tensorOverData = (info: tf.TensorInfo, backend: tf.KernelBackend): tf.Tensor =>
  tf.engine().makeTensorFromTensorInfo(info, backend);

/** The first tensor of tfjs' cpu backend prints an advertisement under Node; not after this. */
export function silenceCpuBackend(): void {
  const backend = tf.findBackend('cpu') as { firstUse?: boolean } | null;
  if (backend !== null) backend.firstUse = false;
}

/** Identifies the values of a tensor: tensors share it after a clone or, on some backends, a reshape. */
export const dataKey = (info: tf.TensorInfo): object => info.dataId;

interface UploadingBackend {
  readonly tensorMap?: { get(key: object): { readonly values?: unknown } | undefined };
}

/**
 * The values of a tensor where they are in the machine's memory: always on cpu and WASM; on a GPU until an operation has read
 * them there. Null where they would have to be waited for. Read them only.
 */
export function hostValues(tensor: tf.Tensor): tf.TypedArray | null {
  const info = tf.engine().state.tensorInfo.get(tensor.dataId);
  const backend = info?.backend as (tf.KernelBackend & UploadingBackend) | undefined;
  if (backend === undefined) return null;
  if (backend === tf.findBackend('cpu') || backend === tf.findBackend('wasm')) return tensor.dataSync();
  const values = backend.tensorMap?.get(tensor.dataId)?.values;
  return ArrayBuffer.isView(values) ? (values as tf.TypedArray) : null;
}

/** The numbers of a tensor that may be disposed before they are there. They are held without a tensor that would be counted. */
export async function readValues({ dataId }: tf.Tensor): Promise<tf.TypedArray> {
  const engine = tf.engine();
  const backend = () => engine.state.tensorInfo.get(dataId)!.backend;
  backend().incRef(dataId);
  try {
    return (await backend().read(dataId)) as tf.TypedArray;
  } finally {
    const last = backend();
    if (last.disposeData(dataId)) engine.removeDataId(dataId, last);
  }
}
