/** Imports a package of tfjs after ours, and tells as JSON whose gradients are registered then. */
import { differentiableKernels } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';

const ours = new Map(differentiableKernels.map((name) => [name, tf.getGradient(name)]));
const registry = (
  globalThis as unknown as { _tfGlobals: Map<string, Map<string, tf.GradConfig>> }
)._tfGlobals.get('gradRegistry')!;
const { set } = registry;
const foreign = new Set<string>();
registry.set = (name, config) => {
  if (config !== ours.get(name)) foreign.add(name);
  return set.call(registry, name, config);
};
await import(process.argv[2]!);
const lost = differentiableKernels.filter((name) => tf.getGradient(name) !== ours.get(name));

const own = { ...tf.getGradient('Relu') };
tf.registerGradient(own);
const registered = ['Abs', 'Relu', 'ZerosLike'].every((name) => foreign.has(name));
console.log(JSON.stringify({ registered, lost, ownStays: tf.getGradient('Relu') === own }));
