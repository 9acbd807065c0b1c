/** A tfjs backend that computes shapes only, and the mode in which it runs. */
import * as tf from '@tensorflow/tfjs-core';
import { ShapeOnlyError, UnsupportedInMetaError } from '../errors.ts';
import { backendInUse, tensorOverData } from '../tfjs-internals.ts';
import { shapeRules } from './kernels.ts';
import { metaMode, setMetaMode } from './mode.ts';

const NAME = 'chaingrad-meta';

/** A kernel that ran: its name, what it took and what it gave. */
export type KernelObserver = (
  kernel: string,
  inputs: tf.NamedTensorInfoMap,
  attrs: tf.NamedAttrMap,
  outputs: readonly tf.TensorInfo[],
) => void;

/** What stands for a tensor's data here: values only where the program wrote them itself (`tf.scalar(2)`). */
interface MetaData {
  readonly values?: tf.BackendValues | undefined;
}

class MetaBackend extends tf.KernelBackend {
  #live = 0;

  /** Told of every kernel that runs; null unless a forward pass is traced. */
  observer: KernelObserver | null = null;

  /** Told when values are asked for that are not there. */
  onMissing: ((error: ShapeOnlyError) => void) | null = null;

  /** The multiply-accumulate operations of the kernels that ran since it was last set to 0. */
  macs = 0;

  allocate(values?: tf.BackendValues): MetaData {
    this.#live++;
    return { values };
  }
  override write(values: tf.BackendValues | null): MetaData {
    return this.allocate(values ?? undefined);
  }
  override move(): void {}
  override disposeData(): boolean {
    this.#live--;
    return true;
  }
  override numDataIds(): number {
    return this.#live;
  }
  override memory() {
    return { unreliable: false };
  }
  override readSync({ values }: MetaData): tf.BackendValues {
    if (values === undefined) this.#miss('dataSync()');
    return values;
  }
  override async read({ values }: MetaData): Promise<tf.BackendValues> {
    if (values === undefined) this.#miss('data()');
    return values;
  }
  #miss(operation: string): never {
    const error = new ShapeOnlyError(operation);
    this.onMissing?.(error);
    throw error;
  }
  override floatPrecision(): 16 | 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override incRef(): void {}
  decRef(): void {}
  override refCount(): number {
    return 1;
  }
  override timerAvailable(): boolean {
    return false;
  }
}

let instance: MetaBackend | null = null;

function metaBackend(): MetaBackend {
  if (instance !== null) return instance;
  const backend = new MetaBackend();
  // Priority 0: tfjs never picks it by itself.
  tf.registerBackend(NAME, () => backend, 0);
  for (const [kernelName, rule] of shapeRules) {
    tf.registerKernel({
      kernelName,
      backendName: NAME,
      kernelFunc: ({ inputs, attrs }) => {
        const { out, macs } = rule(inputs as never, attrs as never);
        backend.macs += macs ?? 0;
        const info = (o: { shape: readonly number[]; dtype: tf.DataType }): tf.TensorInfo => ({
          dataId: backend.allocate(),
          shape: [...o.shape],
          dtype: o.dtype,
        });
        const outputs = [out].flat().map(info);
        backend.observer?.(kernelName, inputs, attrs as tf.NamedAttrMap, outputs);
        return Array.isArray(out) ? outputs : outputs[0]!;
      },
    });
  }
  instance = backend;
  return backend;
}

/** Runs `fn`, within this mode, telling `observer` of every kernel, and `onMissing` of every read of values, which are not there. */
export function observingKernels<R>(
  observer: KernelObserver,
  onMissing: (error: ShapeOnlyError) => void,
  fn: () => R,
): R {
  const backend = metaBackend();
  const outer = { observer: backend.observer, onMissing: backend.onMissing };
  Object.assign(backend, { observer, onMissing });
  try {
    return fn();
  } finally {
    Object.assign(backend, outer);
  }
}

/** The values that the program itself wrote into a tensor of this mode; undefined for others. */
export const writtenValues = (dataId: object): tf.BackendValues | undefined => (dataId as MetaData).values;

/** Multiply-accumulate operations counted so far in this mode. */
export const countedMacs = (): number => instance?.macs ?? 0;

/**
 * Runs the synchronous `fn` with shapes only: kernels cost nothing, and parameters that find their shape draw their
 * values on the real backend when it ends. Nested calls join the outer one.
 * @param draw false leaves such parameters uninitialized again.
 * @throws UnsupportedInMetaError when `fn` uses a kernel without a shape rule.
 */
export function withShapesOnly<R>(fn: () => R, draw = true): R {
  if (metaMode() !== null) return fn();
  const previous = backendInUse();
  const backend = metaBackend();
  const pending: ((draw: boolean) => void)[] = [];
  // Both switches complete before they return: the backends are there already.
  void tf.setBackend(NAME);
  setMetaMode({
    placeholder: (shape, dtype) =>
      tf.keep(tensorOverData({ dataId: backend.allocate(), shape: [...shape], dtype }, backend)),
    defer: (settle) => pending.push(settle),
    miss: (operation) => backend.onMissing?.(new ShapeOnlyError(operation)),
  });
  backend.macs = 0;
  try {
    return fn();
  } catch (error) {
    const kernel = /Kernel '([^']+)' .*'chaingrad-meta'/.exec(String(error))?.[1];
    throw kernel === undefined ? error : new UnsupportedInMetaError(kernel);
  } finally {
    setMetaMode(null);
    void tf.setBackend(previous);
    for (const settle of pending) settle(draw);
  }
}
