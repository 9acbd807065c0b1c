/** Optimizer steps, in one pass where the backend has a kernel for it. */
import * as tf from '@tensorflow/tfjs-core';
import { KernelArgumentError } from '../errors.ts';
import { hasKernel, runRegistered } from '../tfjs-internals.ts';
import { shown } from './validate.ts';

export const SGD_UPDATE = 'ChaingradSGD';
export const MOMENTUM_UPDATE = 'ChaingradMomentumSGD';
export const ADAM_UPDATE = 'ChaingradAdam';

export interface SGDUpdate {
  readonly lr: number;
  /** L2 decay: the gradient is grad + weightDecay * param. 0 unless given. */
  readonly weightDecay?: number;
}

export interface MomentumUpdate extends SGDUpdate {
  readonly momentum: number;
}

export interface AdamUpdate {
  /** Step size with the bias correction of this step: alpha * sqrt(1 - beta2^t) / (1 - beta1^t). */
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  /** Added to the root after the bias correction, as in Chainer. */
  readonly eps: number;
  /** Multiplies the whole step. 1 unless given. */
  readonly eta?: number;
  /** L2 decay: the gradient is grad + weightDecay * param. 0 unless given. */
  readonly weightDecay?: number;
  /** Decay that does not go through the gradient (AdamW): param - eta * weightDecayRate * param. 0 unless given. */
  readonly weightDecayRate?: number;
}

/** What each kind of step wants. */
export interface UpdateHyper {
  readonly sgd: SGDUpdate;
  readonly momentum: MomentumUpdate;
  readonly adam: AdamUpdate;
}

export type UpdateKind = keyof UpdateHyper;

const kernels: Readonly<Record<UpdateKind, { name: string; states: readonly number[] }>> = {
  sgd: { name: SGD_UPDATE, states: [0] },
  momentum: { name: MOMENTUM_UPDATE, states: [1] },
  adam: { name: ADAM_UPDATE, states: [2, 3] },
};

/**
 * One step of an optimizer (Chainer's formulas).
 *
 * - sgd: p - lr g
 * - momentum, state [v]: v' = momentum v - lr g, p' = p + v'
 * - adam, state [m, v] or, for AMSGrad, [m, v, vhat]: m' = m + (1 - beta1)(g - m), v' = v + (1 - beta2)(g^2 - v),
 *   vhat' = max(vhat, v') which then stands for v', p' = p - eta (rate m' / (sqrt(v') + eps) + weightDecayRate p)
 *
 * @param param float32; it stays the caller's.
 * @param grad of the same shape; it stays the caller's.
 * @param state of the same shape, each; they stay the caller's.
 * @returns the new parameter, then the new state.
 * @throws KernelArgumentError when shapes or the number of states do not fit.
 */
export function fusedUpdate<K extends UpdateKind>(
  kind: K,
  param: tf.Tensor,
  grad: tf.Tensor,
  state: readonly tf.Tensor[],
  hyper: UpdateHyper[K],
): tf.Tensor[] {
  const { name, states } = kernels[kind];
  if (!states.includes(state.length))
    throw new KernelArgumentError(
      'fusedUpdate',
      `state of ${kind}`,
      `${states.join(' or ')} tensors`,
      `${state.length}`,
    );
  for (const [what, tensor] of [
    ['grad', grad] as const,
    ...state.map((s, i) => [`state[${i}]`, s] as const),
  ]) {
    if (tensor.dtype !== 'float32' || !tf.util.arraysEqual(tensor.shape, param.shape))
      throw new KernelArgumentError(
        'fusedUpdate',
        what,
        `float32 of shape ${shown(param.shape)}`,
        `${tensor.dtype} of shape ${shown(tensor.shape)}`,
      );
  }
  if (hasKernel(name)) {
    const [a, b, max] = state;
    const inputs: tf.NamedTensorMap = { param, grad };
    if (a !== undefined) inputs['a'] = a;
    if (b !== undefined) inputs['b'] = b;
    if (max !== undefined) inputs['max'] = max;
    return [runRegistered<tf.Tensor | tf.Tensor[]>(name, inputs, hyper)].flat();
  }
  return tf.tidy(() => compose(kind, param, grad, state, hyper));
}

/** The same of tfjs' own kernels, for any backend. */
function compose(
  kind: UpdateKind,
  p: tf.Tensor,
  grad: tf.Tensor,
  state: readonly tf.Tensor[],
  hyper: UpdateHyper[UpdateKind],
): tf.Tensor[] {
  const { weightDecay = 0 } = hyper;
  const g = weightDecay === 0 ? grad : tf.add(grad, tf.mul(p, weightDecay));
  if (kind === 'adam') {
    const { rate, beta1, beta2, eps, eta = 1, weightDecayRate = 0 } = hyper as AdamUpdate;
    const [m, v, max] = state as [tf.Tensor, tf.Tensor, tf.Tensor?];
    const nextM = tf.add(m, tf.mul(tf.sub(g, m), 1 - beta1));
    const nextV = tf.add(v, tf.mul(tf.sub(tf.square(g), v), 1 - beta2));
    const nextMax = max === undefined ? [] : [tf.maximum(max, nextV)];
    const root = tf.add(tf.sqrt(nextMax[0] ?? nextV), eps);
    const kept = weightDecayRate === 0 ? p : tf.mul(p, 1 - eta * weightDecayRate);
    return [tf.sub(kept, tf.mul(tf.div(nextM, root), rate * eta)), nextM, nextV, ...nextMax];
  }
  const { lr } = hyper as SGDUpdate;
  if (kind === 'sgd') return [tf.sub(p, tf.mul(g, lr))];
  const { momentum } = hyper as MomentumUpdate;
  const v = tf.sub(tf.mul(state[0]!, momentum), tf.mul(g, lr));
  return [tf.add(p, v), v];
}
