/** Gradients of tfjs' own pooling, through this package's kernels. */
import * as tf from '@tensorflow/tfjs-core';
import { AVG_POOL_2D_GRAD, MAX_POOL_2D_GRAD } from '../attrs.ts';
import { assertKernel, runKernel } from '../run.ts';
import { divisorCorrection, poolAttrs, type TfjsPoolAttrs } from '../tfjs-windows.ts';
import { avgPool3dGrad, maxPool3dGrad, type TfjsPool3DAttrs } from '../volumes.ts';
import { type RuleTable, rule, ruleOfMany } from './rule.ts';

const maxGradient = (dy: tf.Tensor, x: tf.Tensor, y: tf.Tensor, attrs: TfjsPoolAttrs) =>
  runKernel(MAX_POOL_2D_GRAD, { dy, x, y }, poolAttrs(x.shape, attrs));

export const poolingRules: RuleTable = {
  AvgPool: rule<TfjsPoolAttrs>({ inputs: ['x'] }, (dy, [x], attrs) => ({
    x: () => {
      const ours = poolAttrs(x!.shape, attrs);
      const correction = divisorCorrection(x!.shape, ours);
      const shares = correction === null ? dy : tf.mul(dy, correction);
      return runKernel(AVG_POOL_2D_GRAD, { dy: shares }, { ...ours, inputShape: x!.shape });
    },
  })),
  AvgPool3D: rule<TfjsPool3DAttrs>({ inputs: ['x'] }, (dy, [x], attrs) => {
    assertKernel(AVG_POOL_2D_GRAD);
    return { x: () => avgPool3dGrad(dy as tf.Tensor5D, x as tf.Tensor5D, attrs) };
  }),
  MaxPool: rule<TfjsPoolAttrs>({ inputs: ['x'], output: true }, (dy, [x, y], attrs) => ({
    x: () => maxGradient(dy, x!, y!, attrs),
  })),
  MaxPool3D: rule<TfjsPool3DAttrs>({ inputs: ['x'], output: true }, (dy, [x, y], attrs) => {
    assertKernel(MAX_POOL_2D_GRAD);
    return { x: () => maxPool3dGrad(dy as tf.Tensor5D, x as tf.Tensor5D, y as tf.Tensor5D, attrs) };
  }),
  MaxPoolWithArgmax: ruleOfMany<TfjsPoolAttrs>({ inputs: ['x'], output: true }, ([dy], [x, y], attrs) => ({
    x: () => maxGradient(dy!, x!, y!, attrs),
  })),
};
