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

/** Whether all of these are float32; inputs that may be absent may. */
export const isFloat = (...infos: (tf.TensorInfo | undefined)[]): boolean =>
  infos.every((info) => info === undefined || info.dtype === 'float32');
