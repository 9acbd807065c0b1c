import * as tf from '@tensorflow/tfjs-core';
import { Chain } from '../chain.ts';
import { InvalidArgumentError } from '../errors.ts';
import { checkInteger, checkRank } from '../functions/arguments.ts';
import { scaledDotProductAttention } from '../functions/attention.ts';
import { checkOptions } from '../options.ts';
import { Linear } from './linear.ts';

export interface MultiHeadAttentionOptions {
  /** The share of the weights of attention that is dropped in training. Default 0. */
  dropout?: number;
  nobias?: boolean;
}

/**
 * Attention by several heads (Vaswani et al., 2017). Chainer has none; PyTorch's `MultiheadAttention` with `batch_first`. Children: query, key,
 * value, out: Linear of nUnits.
 */
export class MultiHeadAttention extends Chain {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly out: Linear;
  readonly nHeads: number;
  readonly dropout: number;

  /** @param nUnits of inputs and outputs, divisible by `nHeads`. */
  constructor(nUnits: number, nHeads: number, options: MultiHeadAttentionOptions = {}) {
    super();
    const { dropout = 0, nobias = false } = checkOptions('MultiHeadAttention', options, {
      dropout: 'number',
      nobias: 'boolean',
    });
    checkInteger('MultiHeadAttention nHeads', nHeads, 1);
    if (nUnits % nHeads !== 0)
      throw new InvalidArgumentError('MultiHeadAttention nUnits', `a multiple of nHeads ${nHeads}`, nUnits);
    [this.query, this.key, this.value, this.out] = [0, 1, 2, 3].map(
      () => new Linear(nUnits, nUnits, { nobias }),
    ) as [Linear, Linear, Linear, Linear];
    this.nHeads = nHeads;
    this.dropout = dropout;
  }

  /**
   * @param q (N, queries, nUnits).
   * @param k (N, keys, nUnits). Default q.
   * @param v as k. Default k.
   * @param mask where a query may look: bool or 0/1, broadcasting to (N, heads, queries, keys), so (queries, keys) for all alike.
   * @returns (N, queries, nUnits).
   */
  override forward(q: tf.Tensor3D, k: tf.Tensor3D = q, v: tf.Tensor3D = k, mask?: tf.Tensor): tf.Tensor3D {
    for (const x of [q, k, v]) checkRank('MultiHeadAttention inputs', x, ['N', 'steps', 'units']);
    return tf.tidy(() => {
      const heads = (linear: Linear, x: tf.Tensor3D) => {
        const [n, steps, units] = x.shape;
        const made = tf.reshape(linear.call(x, 2) as tf.Tensor, [n, steps, this.nHeads, units / this.nHeads]);
        return tf.transpose(made, [0, 2, 1, 3]);
      };
      const seen = scaledDotProductAttention(heads(this.query, q), heads(this.key, k), heads(this.value, v), {
        dropout: this.dropout,
        ...(mask === undefined ? {} : { mask }),
      });
      return this.out.call(
        tf.reshape(tf.transpose(seen, [0, 2, 1, 3]), q.shape),
        2,
      ) as tf.Tensor as tf.Tensor3D;
    });
  }

  override get printableSpecs() {
    return { nHeads: this.nHeads, dropout: this.dropout };
  }
}
