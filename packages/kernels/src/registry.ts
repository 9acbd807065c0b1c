/** Puts kernels into tfjs' global registry, over what is there, and remembers what was there. */
import * as tf from '@tensorflow/tfjs-core';

interface Books {
  /** Kernel functions that came from this package: never taken for tfjs' own. */
  readonly ours: WeakSet<tf.KernelFunc>;
  readonly originals: Map<string, tf.KernelFunc>;
}

// tfjs' registry is one for the whole process, so these are too: two copies of this package would take each other's kernels
// for tfjs' own, and call each other without end.
const key = Symbol.for('@chaingrad/kernels');
const shared = globalThis as unknown as { [key]?: Books };
shared[key] ??= { ours: new WeakSet(), originals: new Map() };
const { ours, originals } = shared[key];

/**
 * tfjs' own implementation, also while ours is registered over it; undefined where tfjs has none. What was there first stays
 * the original: a program that wraps registered kernels, to time them say, wraps ours, which would call themselves through it.
 */
export function originalKernel(kernelName: string, backendName: string): tf.KernelFunc | undefined {
  const name = `${backendName}/${kernelName}`;
  const current = tf.getKernel(kernelName, backendName)?.kernelFunc;
  if (!originals.has(name) && current !== undefined && !ours.has(current)) originals.set(name, current);
  return originals.get(name);
}

/** Whether a kernel of this package is registered under the name. */
export function isInstalled(kernelName: string, backendName: string): boolean {
  const current = tf.getKernel(kernelName, backendName);
  return current !== undefined && ours.has(current.kernelFunc);
}

/** Registers a kernel over whatever is registered under its name (tfjs' is kept for `originalKernel`). */
export function installKernel(kernelName: string, backendName: string, kernelFunc: tf.KernelFunc): void {
  ours.add(kernelFunc);
  originalKernel(kernelName, backendName);
  const current = tf.getKernel(kernelName, backendName);
  if (current?.kernelFunc === kernelFunc) return;
  // tfjs warns on the console when a name is registered twice, so the old entry goes first.
  if (current !== undefined) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ ...current, kernelName, backendName, kernelFunc });
}
