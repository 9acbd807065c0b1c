/** Clones without a copy. */
import * as tf from '@tensorflow/tfjs-core';
import { share } from '../tfjs-internals.ts';
import { declined, type FastKernel, type FastKernels } from './kernel.ts';

/**
 * A clone on the same data, as tfjs' other backends make it. tfjs' own wasm kernel copies the values, and the tape clones
 * all that an operation saves for its gradient: half a gigabyte of weights would be there a second time at every step.
 *
 * Not without our matrix product: tfjs' own keeps the right side packed by its data, and reads beyond the end when that
 * data comes again in another shape.
 */
const identity: FastKernel = (rt, { x }) => {
  if (x!.dtype === 'string') return declined;
  return share(rt.backend, x!);
};

export const identityKernels: FastKernels = { [tf.Identity]: identity };
