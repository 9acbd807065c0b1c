/** Gradients of this package's own kernels. Those of convolution can be differentiated again. */
import * as tf from '@tensorflow/tfjs-core';
import type { Conv2DAttrs, FusedActivation, Pool2DAttrs } from '../attrs.ts';
import * as names from '../attrs.ts';
import { atFirstMaximum } from '../portable/pooling.ts';
import { runKernel } from '../run.ts';
import { hasKernel } from '../tfjs-internals.ts';
import { type RuleTable, rule, where, zeros } from './rule.ts';

/** The same in one pass. It is linear in dy, and its own gradient. */
function inOnePass(dy: tf.Tensor, y: tf.Tensor, attrs: names.ActivationGradAttrs): tf.Tensor {
  const masked = tf.customGrad((dyOne, save) => {
    (save as tf.GradSaveFunc)([y]);
    return {
      value: runKernel(names.ACTIVATION_GRAD, { dy: dyOne as tf.Tensor, y }, attrs),
      gradFunc: (ddx: tf.Tensor, [saved]: tf.Tensor[]) => beforeActivation(ddx, saved!, attrs.activation),
    };
  });
  return masked(dy);
}

/** The gradient before the activation, from the one after it: where the output was not clamped. */
export function beforeActivation(dy: tf.Tensor, y: tf.Tensor, activation: FusedActivation): tf.Tensor {
  if (activation === 'linear') return dy;
  if (hasKernel(names.ACTIVATION_GRAD)) return inOnePass(dy, y, { activation });
  if (activation === 'relu') return tf.mul(dy, tf.step(y));
  return where(tf.logicalAnd(tf.greater(y, 0), tf.less(y, 6)), dy);
}

const linear = ({ stride, pad, dilation, groups }: Conv2DAttrs): Conv2DAttrs => ({
  ...{ stride, pad, dilation, groups },
  activation: 'linear',
});

/** The gradients of x and of the filter, from that of the sums. */
const ofOperands = (dy: tf.Tensor, x: tf.Tensor, filter: tf.Tensor, attrs: Conv2DAttrs) => ({
  x: () => runKernel(names.CONV_2D_BACKPROP_INPUT, { dy, filter }, { ...linear(attrs), inputShape: x.shape }),
  filter: () =>
    runKernel(names.CONV_2D_BACKPROP_FILTER, { x, dy }, { ...linear(attrs), filterShape: filter.shape }),
});

export const chaingradRules: RuleTable = {
  [names.CONV_2D]: rule<Conv2DAttrs>(
    { inputs: ['x', 'filter'], output: true },
    (dyAfter, [x, filter, y], attrs) => {
      // Shared by the three gradients, hence made before any of them is asked for.
      const dy = beforeActivation(dyAfter, y!, attrs.activation);
      return {
        ...ofOperands(dy, x!, filter!, attrs),
        bias: () => tf.sum(dy, [0, 1, 2]),
      };
    },
  ),
  [names.CONV_2D_BATCH_NORM]: rule<names.Conv2DBatchNormAttrs>(
    { inputs: ['x', 'filter', 'mean', 'variance', 'gamma'], output: true },
    (dyAfter, [x, filter, mean, variance, gamma, y], attrs) => {
      const dy = beforeActivation(dyAfter, y!, attrs.activation);
      const inverse = tf.rsqrt(tf.add(variance!, attrs.epsilon));
      const scale = tf.mul(gamma!, inverse);
      const scaled = tf.mul(dy, scale);
      // The forward pass does not keep what it normalized.
      const along = () => {
        const h = runKernel(names.CONV_2D, { x: x!, filter: filter! }, linear(attrs));
        return tf.sum(tf.mul(dy, tf.sub(h, mean!)), [0, 1, 2]);
      };
      return {
        ...ofOperands(scaled, x!, filter!, attrs),
        gamma: () => tf.mul(along(), inverse),
        beta: () => tf.sum(dy, [0, 1, 2]),
        mean: () => tf.neg(tf.sum(scaled, [0, 1, 2])),
        variance: () => tf.mul(tf.mul(along(), scale), tf.mul(tf.square(inverse), -0.5)),
      };
    },
  ),
  [names.CONV_2D_BACKPROP_INPUT]: rule<Conv2DAttrs>(
    { inputs: ['dy', 'filter'] },
    (ddx, [dy, filter], attrs) => ({
      dy: () => runKernel(names.CONV_2D, { x: ddx, filter: filter! }, linear(attrs)),
      filter: () =>
        runKernel(
          names.CONV_2D_BACKPROP_FILTER,
          { x: ddx, dy: dy! },
          { ...linear(attrs), filterShape: filter!.shape },
        ),
    }),
  ),
  [names.CONV_2D_BACKPROP_FILTER]: rule<Conv2DAttrs>({ inputs: ['x', 'dy'] }, (ddw, [x, dy], attrs) => ({
    x: () =>
      runKernel(
        names.CONV_2D_BACKPROP_INPUT,
        { dy: dy!, filter: ddw },
        { ...linear(attrs), inputShape: x!.shape },
      ),
    dy: () => runKernel(names.CONV_2D, { x: x!, filter: ddw }, linear(attrs)),
  })),
  [names.MAX_POOL_2D]: rule<Pool2DAttrs>({ inputs: ['x'], output: true }, (dy, [x, y], attrs) => ({
    x: () => runKernel(names.MAX_POOL_2D_GRAD, { dy, x: x!, y: y! }, attrs),
  })),
  [names.MAX_POOL_2D_GRAD]: rule<Pool2DAttrs>({ inputs: ['dy', 'x', 'y'] }, (ddx, [dy, x, y], attrs) => ({
    dy: () => atFirstMaximum(ddx as tf.Tensor4D, x as tf.Tensor4D, y as tf.Tensor4D, attrs),
    // Which element is the largest does not change with small changes of x.
    x: () => zeros(x!),
    y: () => zeros(dy!),
  })),
  [names.AVG_POOL_2D]: rule<Pool2DAttrs>({ inputs: ['x'] }, (dy, [x], attrs) => ({
    x: () => runKernel(names.AVG_POOL_2D_GRAD, { dy }, { ...attrs, inputShape: x!.shape }),
  })),
  [names.SPARSE_MAT_MUL]: rule<names.CSRAttrs>({}, (dy, _, { matrix }) => ({
    x: () => runKernel(names.SPARSE_MAT_MUL, { x: dy }, { matrix: matrix.transpose() }),
  })),
  [names.SPARSE_ARG_MAX]: rule({ inputs: ['x'] }, (_, [x]) => ({ x: () => zeros(x!) })),
  [names.AVG_POOL_2D_GRAD]: rule<Pool2DAttrs>({}, (ddx, _, attrs) => ({
    dy: () => runKernel(names.AVG_POOL_2D, { x: ddx }, attrs),
  })),
};
