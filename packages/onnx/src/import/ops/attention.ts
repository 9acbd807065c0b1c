/** Attention, and the positions that go into it as rotations. */
import { ChaingradError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { lengthWithin, sizeOf } from '../values/host-array.ts';
import { Value } from '../values/value.ts';
import type { Call, Rule, RuleTable } from './rule.ts';

/** (batch, length, heads * size) as (batch, heads, length, size); arrays of 4 axes are so already. */
function byHeads(x: tf.Tensor, heads: number): tf.Tensor {
  if (x.rank === 4) return x;
  const [batch, length, hidden] = x.shape as [number, number, number];
  if (x.rank !== 3 || heads < 1 || hidden % heads !== 0)
    throw new ChaingradError(`expected an array that ${heads} heads share, got (${x.shape.join(', ')}).`);
  return tf.transpose(tf.reshape(x, [batch, length, heads, hidden / heads]), [0, 2, 1, 3]);
}

/** (batch, heads, length, size) as (batch, length, heads * size). */
function joined(x: tf.Tensor): tf.Tensor {
  const [batch, heads, length, size] = x.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, length, heads * size]);
}

/** Each head `times` times, one after the other. */
function repeatedHeads(x: tf.Tensor, times: number): tf.Tensor {
  if (times === 1) return x;
  const [batch, heads, length, size] = x.shape as [number, number, number, number];
  const rows = tf.reshape(x, [batch * heads, 1, length * size]);
  return tf.reshape(tf.tile(rows, [1, times, 1]), [batch, heads * times, length, size]);
}

/** What is added to a product that does not count. The least float stands for it where numbers must stay finite. */
const never = Number.NEGATIVE_INFINITY;
const least = -3.4028234663852886e38;

/** 0 where a query may look at a key, and `never` elsewhere: (batch or 1, 1, queries, keys); null where all may. */
function visible(call: Call, queries: number, keys: number, past: number): tf.Tensor | null {
  const causal = call.int('is_causal', 0) !== 0;
  const [left, right] = ['left_window_size', 'right_window_size'].map((name) => call.int(name, -1)) as [
    number,
    number,
  ];
  const counts = call.optional(6)?.hostArray?.data ?? null;
  if (!causal && left < 0 && right < 0 && counts === null) return null;
  const batch = counts?.length ?? 1;
  const shape: [number, number, number, number] = [batch, 1, queries, keys];
  const mask = new Float32Array(lengthWithin(sizeOf(shape)));
  for (let b = 0, at = 0; b < batch; b++) {
    const offset = counts === null ? past : counts[b]! - queries;
    for (let i = 0; i < queries; i++)
      for (let j = 0; j < keys; j++, at++) {
        const ahead = j - i - offset;
        const seen =
          !(causal && ahead > 0) &&
          !(left >= 0 && -ahead > left) &&
          !(right >= 0 && ahead > right) &&
          !(counts !== null && j >= counts[b]!);
        if (!seen) mask[at] = never;
      }
  }
  return tf.tensor4d(mask, shape);
}

/** The mask that the file gives, as what is added to the products; of fewer keys it hides the others. */
function given(mask: Value | null, keys: number): tf.Tensor | null {
  if (mask === null) return null;
  const tensor = mask.tensor();
  const sum =
    mask.dtype === 'bool' ? tf.where(tensor, tf.zeros(tensor.shape), tf.fill(tensor.shape, never)) : tensor;
  const more = keys - sum.shape.at(-1)!;
  const sides = sum.shape.map((_, i): [number, number] => [0, i === sum.rank - 1 ? more : 0]);
  return more > 0 ? tf.pad(sum, sides, never) : sum;
}

/** softmax(Q K^T scale + mask) V, with keys and values of earlier calls in front. */
const attention: Rule = {
  opsets: [23, 25],
  reads: [6],
  run(call) {
    const [Q, K, V] = [0, 1, 2].map((i) => call.input(i)) as [Value, Value, Value];
    const q = byHeads(Q.tensor(), call.int('q_num_heads', 0));
    const [k, v] = ([K, V] as const).map((x, i) => {
      const now = byHeads(x.tensor(), call.int('kv_num_heads', 0));
      const past = call.optional(4 + i);
      return past === null ? now : tf.concat([past.tensor(), now], 2);
    }) as [tf.Tensor, tf.Tensor];
    const [, heads, queries, size] = q.shape as [number, number, number, number];
    const [, shared, keys] = k.shape as [number, number, number, number];
    if (heads % shared !== 0)
      throw new ChaingradError(
        `expected heads of queries that share those of keys, got ${heads} and ${shared}.`,
      );
    const products = tf.mul(
      tf.matMul(q, repeatedHeads(k, heads / shared), false, true),
      call.float('scale', 1 / Math.sqrt(size)),
    );
    const cap = call.float('softcap', 0);
    const capped = cap > 0 ? tf.mul(tf.tanh(tf.div(products, cap)), cap) : products;
    const masks = [
      given(call.optional(3), keys),
      visible(call, queries, keys, call.optional(4)?.shape[2] ?? 0),
    ].filter((mask) => mask !== null);
    const bias = masks.length === 0 ? null : masks.reduce((a, b) => tf.add(a, b));
    const logits = bias === null ? capped : tf.maximum(tf.add(capped, tf.maximum(bias, least)), least);
    let weights: tf.Tensor = tf.softmax(logits);
    // A query that may look at nothing gets nothing.
    if (bias !== null)
      weights = tf.mul(weights, tf.cast(tf.greaterEqual(tf.max(bias, -1, true), least), 'float32'));
    const y = tf.matMul(weights, repeatedHeads(v, heads / shared));
    const shown = [products, capped, logits, weights][call.int('qk_matmul_output_mode', 0)];
    if (shown === undefined) call.unsupported('this output of its products');
    return [Q.rank === 3 ? joined(y) : y, k, v, shown].map((tensor) =>
      Value.device(tf.clone(tensor!), Q.dtype),
    );
  },
};

/** Pairs of numbers turned by angles that follow the position. */
const rotaryEmbedding: Rule = {
  opsets: [23, 25],
  // Cosines and sines are data of the file that do not learn.
  statistics: [1, 2],
  run(call) {
    const X = call.input(0);
    const x = byHeads(X.tensor(), call.int('num_heads', 0));
    const [batch, heads, length, size] = x.shape as [number, number, number, number];
    const turned = call.int('rotary_embedding_dim', 0) || size;
    const half = turned / 2;
    const positions = call.optional(3);
    const [cos, sin] = [1, 2].map((i) => {
      const table = call.input(i).tensor();
      const rows = positions === null ? table : tf.gather(table, positions.tensor() as tf.Tensor1D);
      return tf.reshape(rows, [-1, 1, length, half]);
    }) as [tf.Tensor, tf.Tensor];
    const part = (from: number, count: number) => tf.slice(x, [0, 0, 0, from], [batch, heads, length, count]);
    const interleaved = call.int('interleaved', 0) !== 0;
    const pairs = tf.reshape(part(0, turned), [batch * heads, length, half, 2]);
    const every = (i: number) =>
      tf.reshape(tf.slice(pairs, [0, 0, 0, i], [-1, -1, -1, 1]), [batch, heads, length, half]);
    const [a, b] = interleaved ? [every(0), every(1)] : [part(0, half), part(half, half)];
    const real = tf.sub(tf.mul(cos, a), tf.mul(sin, b));
    const imaginary = tf.add(tf.mul(sin, a), tf.mul(cos, b));
    const apart = (t: tf.Tensor) => tf.reshape(t, [batch * heads, length, half, 1]);
    const both = interleaved
      ? tf.reshape(tf.concat([apart(real), apart(imaginary)], 3), [batch, heads, length, turned])
      : tf.concat([real, imaginary], 3);
    const y = turned === size ? both : tf.concat([both, part(turned, size - turned)], 3);
    return Value.device(X.rank === 3 ? joined(y) : y, X.dtype);
  },
};

export const attentionRules: RuleTable = { Attention: attention, RotaryEmbedding: rotaryEmbedding };
