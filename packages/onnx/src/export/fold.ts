/** What does not depend on the inputs is computed once, here, and goes into the file as an array. */
import * as tf from '@tensorflow/tfjs-core';
import { runKernel } from '../tfjs-internals.ts';
import { Constant, typed } from './constant.ts';
import { isFixed } from './dims.ts';
import type { Attribute, GraphKernel, GraphValue, KernelGraph } from './merge.ts';

/** Kernels that only fill an array with one value: a graph broadcasts the value in place of the array. */
const FILLS: Readonly<Record<string, (kernel: GraphKernel) => Attribute>> = {
  Fill: ({ attrs }) => attrs['value'],
  ZerosLike: () => 0,
  OnesLike: () => 1,
};

const REPEATS = new Set(['BroadcastTo', 'Tile']);

/** The value that a kernel fills its output with; null for other kernels. */
export function fillOf(kernel: GraphKernel): number | null {
  const value = FILLS[kernel.name]?.(kernel);
  return typeof value === 'number' ? value : null;
}

/** The arrays that become constants in place of kernels' outputs. Reads from the active backend; leaves nothing on it. */
export async function foldConstants({ kernels, outputs }: KernelGraph): Promise<Map<GraphValue, Constant>> {
  const folded = new Map<GraphValue, Constant>();
  const constantOf = (value: GraphValue) => value.constant ?? folded.get(value) ?? null;
  const tensors = new Map<GraphValue, tf.Tensor>();
  const pending: { value: GraphValue; tensor: tf.Tensor; label: string | null }[] = [];
  try {
    const computed = new Set<GraphValue>();
    for (const kernel of kernels) {
      const inputs = Object.values(kernel.inputs);
      if (inputs.length === 0 || fillOf(kernel) !== null) continue;
      if (!inputs.every((value) => constantOf(value) !== null || computed.has(value))) continue;
      if (!kernel.outputs.every(({ shape }) => isFixed(shape)) || hasVarying(kernel.attrs)) continue;
      const [only] = inputs;
      const source = constantOf(only!);
      // A parameter that is repeated stays one: the graph repeats it.
      if (REPEATS.has(kernel.name) && source !== null && source.label !== null) continue;
      const [out] = kernel.outputs;
      if (inputs.length === 1 && source !== null) {
        if (kernel.name === 'Reshape' || kernel.name === 'Identity') {
          folded.set(out!, source.reshaped(out!.shape as number[]));
          continue;
        }
        if (kernel.name === 'Transpose') {
          folded.set(out!, source.transposed(kernel.attrs['perm'] as number[]));
          continue;
        }
      }
      for (const value of inputs) {
        if (tensors.has(value)) continue;
        const constant = constantOf(value)!;
        const data = await constant.read();
        tensors.set(
          value,
          tf.tensor(data as Float32Array, [...constant.shape], constant.dtype as tf.DataType),
        );
      }
      const label =
        inputs.map((value) => constantOf(value)?.label ?? null).find((each) => each !== null) ?? null;
      const named = Object.entries(kernel.inputs).map(([key, value]) => [key, tensors.get(value)!] as const);
      // Kernels that take a list were traced with its places as names.
      const isList = named.every(([key], i) => key === `${i}`);
      const run = () =>
        runKernel(kernel.name, isList ? named.map(([, x]) => x) : Object.fromEntries(named), kernel.attrs);
      [tf.tidy(run)].flat().forEach((tensor, i) => {
        const value = kernel.outputs[i]!;
        tensors.set(value, tensor);
        computed.add(value);
        pending.push({ value, tensor, label });
      });
    }
    // Only what other kernels take, or `forward` gives, is read.
    const needed = new Set(outputs.map(([, value]) => value));
    for (const kernel of kernels) {
      if (kernel.outputs.every((value) => computed.has(value) || folded.has(value))) continue;
      for (const value of Object.values(kernel.inputs)) needed.add(value);
    }
    for (const { value, tensor, label } of pending) {
      if (!needed.has(value)) continue;
      const data = typed(tensor.dtype, await tensor.data());
      folded.set(value, Constant.of(value.dtype, value.shape as number[], data, label));
    }
  } finally {
    tf.dispose([...tensors.values()]);
  }
  return folded;
}

const hasVarying = (attrs: Readonly<Record<string, Attribute>>): boolean => {
  const varies = (value: Attribute): boolean =>
    Array.isArray(value) ? value.some(varies) : typeof value === 'object' && value !== null;
  return Object.values(attrs).some(varies);
};
