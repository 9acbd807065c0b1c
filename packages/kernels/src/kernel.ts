/** The form in which this package writes kernels: typed inputs and attributes, float32 tensors. */
import * as tf from '@tensorflow/tfjs-core';
import { share, tensorOf } from './tfjs-internals.ts';

/** What a kernel is called with. `A` types its attributes. */
export interface KernelCall<A> {
  readonly inputs: Readonly<Record<string, tf.TensorInfo | undefined>>;
  readonly attrs: A;
  readonly backend: tf.KernelBackend;
}

export type Kernel<A> = (call: KernelCall<A>) => tf.TensorInfo;

/** A kernel composed of tfjs operations: its result is a tensor already. */
export type Composition<A> = (call: KernelCall<A>) => tf.Tensor;

/** The kernels of one backend by name. Attribute types differ from kernel to kernel, so the table forgets them. */
export type KernelTable = Readonly<Record<string, tf.KernelFunc>>;

/** Gives a kernel the type that tfjs' registry wants. */
export function kernel<A>(run: Kernel<A>): tf.KernelFunc {
  return ({ inputs, attrs, backend }) =>
    run({ inputs, attrs: attrs as unknown as A, backend: backend as tf.KernelBackend });
}

/** An input that must be there. */
export function input<A>(call: KernelCall<A>, name: string): tf.TensorInfo {
  const info = call.inputs[name];
  if (info === undefined) throw new TypeError(`kernel input '${name}' is missing`);
  return info;
}

/** An input as a tensor that tfjs operations accept. Inside a tidy: a wrapper made here is freed with it. */
export function inputTensor<T extends tf.Tensor, A = unknown>(call: KernelCall<A>, name: string): T {
  const info = input(call, name);
  if (info instanceof tf.Tensor) return info as T;
  return tensorOf<T>(share(call.backend, info));
}
