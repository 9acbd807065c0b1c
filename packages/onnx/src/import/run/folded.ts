/** Batch normalizations folded into the convolution before them, for inference. */
import * as tf from '@tensorflow/tfjs-core';
import type { FusedStep } from '../plan/program.ts';
import { sizeOf } from '../values/host-array.ts';
import type { Network } from './network.ts';
import type { OnnxLayer } from './onnx-layer.ts';

interface Folded {
  /** What it was made from: another tensor in its place makes it stale. */
  readonly from: readonly (tf.Tensor | null)[];
  readonly weight: tf.Tensor;
  readonly bias: tf.Tensor;
}

const kept = new WeakMap<Network, Map<FusedStep, Folded>>();

/**
 * The filter and bias that do what the convolution and the normalization do. Kept until a weight or statistic is exchanged,
 * or the network is disposed.
 * @param given the bias of the convolution, flat; `source` the tensor that it comes from.
 */
export function foldedNorm(
  network: Network,
  step: FusedStep,
  filter: tf.Tensor,
  given: tf.Tensor | null,
  norm: OnnxLayer,
): { weight: tf.Tensor; bias: tf.Tensor } {
  const [scale, shift, mean, variance] = norm.spec.fields.slice(1).map((field) => norm.tensorOf(field!)) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const biasName = step.conv.node.inputs[2];
  const biasSource = biasName === undefined ? null : network.sourceOf(biasName);
  const from = [filter, biasSource, scale, shift, mean, variance];
  const all = kept.get(network) ?? new Map<FusedStep, Folded>();
  kept.set(network, all);
  const old = all.get(step);
  if (old?.from.every((tensor, i) => tensor === from[i])) return old;
  if (old !== undefined) tf.dispose([old.weight, old.bias]);
  const epsilon = norm.spec.step.node.attributes.get('epsilon');
  const eps = epsilon?.kind === 'float' ? epsilon.value : 1e-5;
  const [weight, bias] = tf.tidy(() => {
    const factor = tf.mul(scale, tf.rsqrt(tf.add(variance, eps)));
    const start = given === null ? tf.neg(mean) : tf.sub(given, mean);
    return [tf.keep(scaled(filter, factor, step)), tf.keep(tf.add(tf.mul(start, factor), shift))] as const;
  });
  const folded = { from, weight, bias };
  all.set(step, folded);
  return folded;
}

/** Each filter by its factor. A transposed convolution has (in, out / groups, ...), the others (out, ...). */
function scaled(filter: tf.Tensor, factor: tf.Tensor, { conv: { node } }: FusedStep): tf.Tensor {
  const ones = filter.shape.slice(2).map(() => 1);
  if (node.op === 'Conv') return tf.mul(filter, tf.reshape(factor, [factor.size, 1, ...ones]));
  const [inputs, outputs, ...taps] = filter.shape as [number, number, ...number[]];
  const groups = factor.size / outputs;
  const grouped = tf.reshape(filter, [groups, inputs / groups, outputs, sizeOf(taps)]);
  return tf.reshape(tf.mul(grouped, tf.reshape(factor, [groups, 1, outputs, 1])), filter.shape);
}

/** Frees what was folded for a network. */
export function forgetFolded(network: Network): void {
  for (const { weight, bias } of kept.get(network)?.values() ?? []) tf.dispose([weight, bias]);
  kept.delete(network);
}
