/** Gradients of normalisations. */
import * as tf from '@tensorflow/tfjs-core';
import { runKernel } from '../run.ts';
import { isRecorded } from '../tape.ts';
import { type RuleTable, rule, unbroadcast } from './rule.ts';

const { sub, mul, add } = tf;

interface ResponseNormalization {
  depthRadius: number;
  bias: number;
  alpha: number;
  beta: number;
}

/** The matrix that sums each channel and its neighbours. */
function neighbourhood(channels: number, radius: number): tf.Tensor2D {
  const near = (i: number) => Number(Math.abs(Math.floor(i / channels) - (i % channels)) <= radius);
  return tf.tensor2d(
    Float32Array.from({ length: channels * channels }, (_, i) => near(i)),
    [channels, channels],
  );
}

/** LRNGrad, composed of operations that can be differentiated. */
function responseGradient(dy: tf.Tensor, x: tf.Tensor, a: ResponseNormalization): tf.Tensor {
  const channels = x.shape.at(-1)!;
  const near = neighbourhood(channels, a.depthRadius);
  const overNeighbours = (t: tf.Tensor) =>
    tf.reshape(tf.matMul(tf.reshape(t, [-1, channels]), near), x.shape);
  const base = add(mul(overNeighbours(tf.square(x)), a.alpha), a.bias);
  const factor = tf.pow(base, -a.beta);
  const along = overNeighbours(tf.div(mul(mul(dy, x), factor), base));
  return sub(mul(dy, factor), mul(mul(x, along), 2 * a.alpha * a.beta));
}

export const normalizationRules: RuleTable = {
  /** Scale and offset are there also when the caller left them out: see batch-norm.ts. */
  FusedBatchNorm: rule<{ varianceEpsilon: number }>(
    { inputs: ['x', 'mean', 'variance', 'scale', 'offset'] },
    (dy, [x, mean, variance, scale, offset], { varianceEpsilon }) => {
      const deviation = () => tf.rsqrt(add(variance!, varianceEpsilon));
      const centred = () => sub(x!, mean!);
      return {
        x: () => mul(dy, mul(scale!, deviation())),
        mean: () => tf.neg(unbroadcast(mul(dy, mul(scale!, deviation())), mean!.shape)),
        variance: () => {
          const inverse = deviation();
          const factor = mul(mul(scale!, -0.5), mul(inverse, tf.square(inverse)));
          return unbroadcast(mul(mul(dy, centred()), factor), variance!.shape);
        },
        scale: () => unbroadcast(mul(mul(dy, centred()), deviation()), scale!.shape),
        offset: () => unbroadcast(dy, offset!.shape),
      };
    },
  ),
  LogSoftmax: rule<{ axis: number }>({ output: true }, (dy, [y], { axis }) => ({
    logits: () => sub(dy, mul(tf.exp(y!), tf.sum(dy, axis, true))),
  })),
  LRN: rule<ResponseNormalization>({ inputs: ['x'], output: true }, (dy, [x, y], attrs) => ({
    x: () =>
      isRecorded() ? responseGradient(dy, x!, attrs) : runKernel('LRNGrad', { x: x!, y: y!, dy }, attrs),
  })),
  Softmax: rule<{ dim: number }>({ output: true }, (dy, [y], { dim }) => ({
    logits: () => mul(sub(dy, tf.sum(mul(dy, y!), dim, true)), y!),
  })),
};
