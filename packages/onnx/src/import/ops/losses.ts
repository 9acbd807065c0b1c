/** Losses over classes: inputs (N, C, ...) and labels (N, ...). */
import * as tf from '@tensorflow/tfjs-core';
import { sizeOf } from '../values/host-array.ts';
import { reshaped, transposed, Value } from '../values/value.ts';
import type { Call, Rule, RuleTable } from './rule.ts';

/** The negative of the chosen log probabilities, weighted and reduced. @param logs (rows, C). */
function chosen(call: Call, logs: tf.Tensor, labels: Value, shape: readonly number[]): tf.Tensor {
  const classes = logs.shape[1]!;
  const label = tf.reshape(tf.cast(labels.tensor(), 'int32'), [labels.size]);
  const ignore = call.has('ignore_index') ? call.int('ignore_index', 0) : null;
  const counts =
    ignore === null ? tf.onesLike(tf.cast(label, 'bool')) : tf.notEqual(label, tf.scalar(ignore, 'int32'));
  const safe = tf.where(counts, label, tf.zerosLike(label)) as tf.Tensor1D;
  const hot = tf.cast(tf.oneHot(safe, classes), 'float32');
  const weight = call.optional(2);
  const each = weight === null ? tf.ones([labels.size]) : tf.gather(weight.tensor(), safe);
  const weights = tf.mul(each, tf.cast(counts, 'float32'));
  const losses = tf.neg(tf.mul(tf.sum(tf.mul(logs, hot), 1), weights));
  const reduction = call.string('reduction', 'mean');
  if (reduction === 'none') return tf.reshape(losses, [...shape]);
  const sum = tf.sum(losses);
  return reduction === 'sum' ? sum : tf.div(sum, tf.sum(weights));
}

/** (N, C, ...) as rows of classes. */
function rowsOf(x: Value): tf.Tensor {
  const rest = sizeOf(x.shape.slice(2));
  const flat = reshaped(x, [x.shape[0]!, x.shape[1]!, rest]);
  return reshaped(transposed(flat, [0, 2, 1]), [x.shape[0]! * rest, x.shape[1]!]).tensor();
}

const negativeLogLikelihood: Rule = {
  opsets: [12, 25],
  run(call) {
    const [x, labels] = [call.input(0), call.input(1)];
    return Value.device(chosen(call, rowsOf(x), labels, labels.shape), x.dtype);
  },
};

const softmaxCrossEntropy: Rule = {
  opsets: [12, 25],
  run(call) {
    const [x, labels] = [call.input(0), call.input(1)];
    const logs = tf.logSoftmax(rowsOf(x));
    const loss = Value.device(chosen(call, logs, labels, labels.shape), x.dtype);
    if ((call.node.outputs[1] ?? '') === '') return loss;
    const [n, c, ...rest] = x.shape as [number, number, ...number[]];
    const probabilities = Value.device(tf.reshape(logs, [n, sizeOf(rest), c]), x.dtype);
    return [loss, reshaped(transposed(probabilities, [0, 2, 1]), x.shape)];
  },
};

export const lossRules: RuleTable = {
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
};
