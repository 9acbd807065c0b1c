/** Optimizer steps in one pass. */
import type * as tf from '@tensorflow/tfjs-core';
import {
  ADAM_UPDATE,
  type AdamUpdate,
  MOMENTUM_UPDATE,
  type MomentumUpdate,
  SGD_UPDATE,
  type SGDUpdate,
} from '../ops/fused-update.ts';
import { declined, type FastKernel, type FastKernels } from './kernel.ts';

/** Values an item takes, at least. */
const BLOCK = 1 << 14;

const bits = new DataView(new ArrayBuffer(4));

/** The 32 bits of a float, as the arguments of a job are words. */
function word(value: number): number {
  bits.setFloat32(0, value);
  return bits.getInt32(0);
}

const update =
  (kind: number, numbers: (attrs: object) => number[]): FastKernel =>
  (rt, { param, grad, a, b, max }, attrs) => {
    const states = [a, b, max];
    const inputs = [param!, grad!, ...states.filter((info) => info !== undefined)];
    if (inputs.some((info) => info.dtype !== 'float32')) return declined;
    const n = param!.shape.reduce((x, y) => x * y, 1);
    const output = (info: tf.TensorInfo | undefined) =>
      info === undefined ? undefined : rt.heap.output(info.shape);
    const outputs = [output(param), ...states.map(output)];
    const at = (info: tf.TensorInfo | undefined) => (info === undefined ? 0 : rt.heap.pointer(info));
    // a multiple of 4, so that only the last item has single values left over
    const perItem = Math.max(BLOCK, 4 * Math.ceil(n / (16 * rt.threads)));
    const args = rt.words([
      kind,
      ...[n, perItem],
      ...[param, grad, ...states].map(at),
      ...outputs.map(at),
      ...numbers(attrs).map(word),
      word((attrs as SGDUpdate).weightDecay ?? 0),
    ]);
    rt.run('update', Math.ceil(n / perItem), args);
    return outputs.filter((info) => info !== undefined);
  };

export const updateKernels: FastKernels = {
  [SGD_UPDATE]: update(0, (attrs) => [(attrs as SGDUpdate).lr, 0, 0, 0, 0]),
  [MOMENTUM_UPDATE]: update(1, (attrs) => {
    const { lr, momentum } = attrs as MomentumUpdate;
    return [lr, momentum, 0, 0, 0];
  }),
  [ADAM_UPDATE]: update(2, (attrs) => {
    const { rate, beta1, beta2, eps, eta = 1, weightDecayRate = 0 } = attrs as AdamUpdate;
    return [rate * eta, 1 - beta1, 1 - beta2, eps, 1 - eta * weightDecayRate];
  }),
};
