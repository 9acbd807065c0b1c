/** Gradients of normalisations. */
import * as tf from '@tensorflow/tfjs-core';
import { runKernel } from '../run.ts';
import { type RuleTable, rule, unbroadcast } from './rule.ts';

const { sub, mul, add } = tf;

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
  LRN: rule<{ depthRadius: number; bias: number; alpha: number; beta: number }>(
    { inputs: ['x'], output: true },
    (dy, [x, y], attrs) => ({ x: () => runKernel('LRNGrad', { x: x!, y: y!, dy }, attrs) }),
  ),
  Softmax: rule<{ dim: number }>({ output: true }, (dy, [y], { dim }) => ({
    logits: () => mul(sub(dy, tf.sum(mul(dy, y!), dim, true)), y!),
  })),
};
