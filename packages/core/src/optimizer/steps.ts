/**
 * The arithmetic of the steps that most training runs spend their time in: each takes tensors and plain numbers and returns
 * new tensors, in one pass over the memory where the backend has a kernel for it (WASM). Call inside a tidy.
 */
import { fusedUpdate } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';

/** p - lr (g + decay p) */
export function sgdStep(p: tf.Tensor, g: tf.Tensor, lr: number, decay: number): tf.Tensor {
  return fusedUpdate('sgd', p, g, [], { lr, weightDecay: decay })[0]!;
}

/** v' = momentum v - lr (g + decay p); p' = p + v' */
export function momentumStep(
  p: tf.Tensor,
  g: tf.Tensor,
  v: tf.Tensor,
  lr: number,
  momentum: number,
  decay: number,
): { param: tf.Tensor; v: tf.Tensor } {
  const [param, next] = fusedUpdate('momentum', p, g, [v], { lr, momentum, weightDecay: decay });
  return { param: param!, v: next! };
}

/** old + rate (target - old): an exponential moving average. */
export const approach = (old: tf.Tensor, target: tf.Tensor, rate: number): tf.Tensor =>
  tf.add(old, tf.mul(tf.sub(target, old), rate));

/** The numbers of one Adam step. */
export interface AdamNumbers {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly eta: number;
  /** alpha with the bias correction of this step. */
  readonly rate: number;
  readonly weightDecayRate: number;
  /** L2 decay, added to the gradient; 0 with bounds. */
  readonly decay: number;
  /** AdaBound's limits of the step size of each element. */
  readonly bounds: readonly [lower: number, upper: number] | null;
}

/**
 * m' = beta1 m + (1 - beta1) g; v' = beta2 v + (1 - beta2) g^2; with `vhat`: vhat' = max(vhat, v'), which then stands for v';
 * p' = p - eta (rate m' / (sqrt(v') + eps) + weightDecayRate p)
 */
export function adamStep(
  p: tf.Tensor,
  g: tf.Tensor,
  m: tf.Tensor,
  v: tf.Tensor,
  vhat: tf.Tensor | null,
  n: AdamNumbers,
): { param: tf.Tensor; m: tf.Tensor; v: tf.Tensor; vhat: tf.Tensor | null } {
  if (n.bounds === null) {
    const { rate, beta1, beta2, eps, eta, weightDecayRate, decay } = n;
    const hyper = { rate, beta1, beta2, eps, eta, weightDecayRate, weightDecay: decay };
    const state = vhat === null ? [m, v] : [m, v, vhat];
    const [param, nextM, nextV, nextVhat] = fusedUpdate('adam', p, g, state, hyper);
    return { param: param!, m: nextM!, v: nextV!, vhat: nextVhat ?? null };
  }
  const nextM = approach(m, g, 1 - n.beta1);
  const nextV = approach(v, tf.square(g), 1 - n.beta2);
  const nextVhat = vhat === null ? null : tf.maximum(vhat, nextV);
  const size = tf.clipByValue(tf.div(n.rate, tf.add(tf.sqrt(nextVhat ?? nextV), n.eps)), ...n.bounds);
  const decayed = n.weightDecayRate === 0 ? p : tf.mul(p, 1 - n.eta * n.weightDecayRate);
  return { param: tf.sub(decayed, tf.mul(tf.mul(size, nextM), n.eta)), m: nextM, v: nextV, vhat: nextVhat };
}
