/** Optimizer steps in one pass. */
import * as tf from '@tensorflow/tfjs-core';
import {
  ADAM_UPDATE,
  type AdamUpdate,
  MOMENTUM_UPDATE,
  type MomentumUpdate,
  SGD_UPDATE,
  type SGDUpdate,
} from '../ops/fused-update.ts';
import { ceilDiv } from './ceil-div.ts';
import { declined, type FastKernel, type FastKernels, isFloat } from './kernel.ts';
import type { UpdateArgs } from './layouts.generated.ts';

/** Values an item takes, at least. */
const BLOCK = 1 << 14;

/** The hyperparameters of an update; what its kind does not have is 0. */
type Hyperparameters = Pick<UpdateArgs, 'lr' | 'momentum' | 'gain1' | 'gain2' | 'eps' | 'keep'>;

const none: Hyperparameters = { lr: 0, momentum: 0, gain1: 0, gain2: 0, eps: 0, keep: 0 };

const update =
  (kind: number, hyperparameters: (attrs: object) => Hyperparameters): FastKernel =>
  (rt, { param, grad, a, b, max }, attrs) => {
    const states = [a, b, max];
    if (!isFloat(param, grad, ...states)) return declined;
    const n = tf.util.sizeFromShape(param!.shape);
    const output = (info: tf.TensorInfo | undefined) =>
      info === undefined ? undefined : rt.output(info.shape);
    const outputs = [output(param), ...states.map(output)];
    const at = (info: tf.TensorInfo | undefined) => (info === undefined ? 0 : rt.heap.pointer(info));
    // A multiple of 4, so that only the last item has single values left over
    const perItem = Math.max(BLOCK, 4 * ceilDiv(n, 16 * rt.threads));
    const [newP, newA, newB, newMax] = outputs.map(at) as [number, number, number, number];
    rt.run('update', ceilDiv(n, perItem), {
      ...{ kind, n, perItem, p: at(param), g: at(grad), a: at(a), b: at(b), max: at(max) },
      ...{ newP, newA, newB, newMax },
      ...hyperparameters(attrs),
      weightDecay: (attrs as SGDUpdate).weightDecay ?? 0,
    });
    return outputs.filter((info) => info !== undefined);
  };

export const updateKernels: FastKernels = {
  [SGD_UPDATE]: update(0, (attrs) => ({ ...none, lr: (attrs as SGDUpdate).lr })),
  [MOMENTUM_UPDATE]: update(1, (attrs) => {
    const { lr, momentum } = attrs as MomentumUpdate;
    return { ...none, lr, momentum };
  }),
  [ADAM_UPDATE]: update(2, (attrs) => {
    const { rate, beta1, beta2, eps, eta = 1, weightDecayRate = 0 } = attrs as AdamUpdate;
    return {
      ...none,
      ...{ lr: rate * eta, gain1: 1 - beta1, gain2: 1 - beta2, eps, keep: 1 - eta * weightDecayRate },
    };
  }),
};
