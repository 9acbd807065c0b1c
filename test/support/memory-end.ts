/** Memory that ends at a chosen moment. */
import * as tf from '@tensorflow/tfjs-core';

/** Thrown in place of what takes memory. */
export class MemoryEnd extends RangeError {}

type Steps = Record<string, (...args: never[]) => unknown>;

/** What takes memory: each kernel and each new tensor of the engine, and each block of a backend. */
const places = (): [Steps, string[]][] => [
  [tf.engine() as unknown as Steps, ['runKernel', 'makeTensor']],
  [tf.backend() as unknown as Steps, ['makeOutput', 'write', 'makeTensorInfo']],
];

/**
 * Runs `work` where the n-th step that takes memory, from 0, fails.
 * @returns whether there were so many steps, and it failed; another error is thrown on.
 */
export async function failsAt(n: number, work: () => unknown): Promise<boolean> {
  let step = 0;
  let reached = false;
  const undo: (() => void)[] = [];
  for (const [object, names] of places()) {
    for (const name of names) {
      const original = object[name];
      if (original === undefined) continue;
      const own = Object.hasOwn(object, name);
      object[name] = (...args) => {
        if (step++ === n) {
          reached = true;
          throw new MemoryEnd(`no memory for ${name}, step ${n}`);
        }
        return original.apply(object, args);
      };
      undo.push(() => {
        if (own) object[name] = original;
        else delete object[name];
      });
    }
  }
  try {
    await work();
  } catch (error) {
    if (!reached) throw error;
  } finally {
    for (const one of undo) one();
  }
  return reached;
}
