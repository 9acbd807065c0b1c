/** The form of a kernel here: it either computes, or declines and leaves the case to the kernel that was there before. */
import type * as tf from '@tensorflow/tfjs-core';
import type { Runtime } from './runtime.ts';

/** "Not a case for me." */
export const declined = Symbol('declined');
export type Declined = typeof declined;

export type FastKernel = (
  rt: Runtime,
  inputs: Readonly<Record<string, tf.TensorInfo | undefined>>,
  attrs: object,
) => tf.TensorInfo | tf.TensorInfo[] | Declined;

export type FastKernels = Readonly<Record<string, FastKernel>>;
