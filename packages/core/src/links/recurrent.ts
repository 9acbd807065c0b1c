/** Recurrent networks. State is handed in and given back: nothing is kept between calls, so nothing has to be freed or reset. */
import * as tf from '@tensorflow/tfjs-core';
import { Chain } from '../chain.ts';
import { ChainList } from '../chain-list.ts';
import { InvalidArgumentError } from '../errors.ts';
import { checkFloats, checkInteger } from '../functions/arguments.ts';
import { transposeSequence } from '../functions/rearranging.ts';
import { type LayerWeights, lstm, nStepGRU, nStepLSTM, nStepRNN } from '../functions/recurrent.ts';
import { Link } from '../link.ts';
import { checkOptions, valueText } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { bias, weight } from './arguments.ts';
import { Linear } from './linear.ts';

/** One step of an LSTM (Chainer's `StatelessLSTM`). Children: upward (of x), lateral (of h, without bias). */
export class StatelessLSTM extends Chain {
  readonly upward: Linear;
  readonly lateral: Linear;
  readonly outSize: number;

  /** @param inSize null: found at the first call. */
  constructor(inSize: number | null, outSize: number) {
    super();
    this.upward = new Linear(inSize, 4 * outSize);
    this.lateral = new Linear(outSize, 4 * outSize, { nobias: true });
    this.outSize = outSize;
  }

  /**
   * @param c (N, out): the state of the cell; null at the start.
   * @param h (N, out): what it gave last; null at the start.
   * @param x (N, in).
   * @returns [c, h], the new state.
   */
  override forward(c: tf.Tensor | null, h: tf.Tensor | null, x: tf.Tensor): [c: tf.Tensor, h: tf.Tensor] {
    return tf.tidy(() => {
      const ofX = this.upward.call(x);
      const gates = h === null ? ofX : tf.add(ofX, this.lateral.call(h));
      return lstm(c ?? tf.zeros([x.shape[0]!, this.outSize]), gates);
    });
  }
}

/** One step of a GRU (Cho et al., 2014; Chainer's `StatelessGRU`). Children: W_r, U_r, W_z, U_z, W, U. */
export class StatelessGRU extends Chain {
  readonly W_r: Linear;
  readonly U_r: Linear;
  readonly W_z: Linear;
  readonly U_z: Linear;
  readonly W: Linear;
  readonly U: Linear;

  /** @param inSize null: found at the first call. */
  constructor(inSize: number | null, outSize: number) {
    super();
    [this.W_r, this.W_z, this.W] = [0, 1, 2].map(() => new Linear(inSize, outSize)) as [
      Linear,
      Linear,
      Linear,
    ];
    [this.U_r, this.U_z, this.U] = [0, 1, 2].map(() => new Linear(outSize, outSize)) as [
      Linear,
      Linear,
      Linear,
    ];
  }

  /** @param h (N, out): the state. @param x (N, in). @returns (N, out), the new state. */
  override forward(h: tf.Tensor, x: tf.Tensor): tf.Tensor {
    return tf.tidy(() => {
      const r = tf.sigmoid(tf.add(this.W_r.call(x), this.U_r.call(h)));
      const z = tf.sigmoid(tf.add(this.W_z.call(x), this.U_z.call(h)));
      const candidate = tf.tanh(tf.add(this.W.call(x), this.U.call(tf.mul(r, h))));
      return tf.add(h, tf.mul(z, tf.sub(candidate, h)));
    });
  }
}

/** The weights of one layer in one direction. Parameters: w0, w1, ... (out, in), then (out, out); b0, b1, ... (out). */
class Layer extends Link {
  /** As many of x as of h. */
  readonly count: number;
  // The parameters are fields by their names.
  readonly [name: `${'w' | 'b'}${number}`]: Parameter;

  constructor(gates: number, inSize: number, outSize: number) {
    super();
    this.count = 2 * gates;
    const own: Record<string, Parameter> = {};
    for (let i = 0; i < this.count; i++) {
      own[`w${i}`] = weight(`w${i}`, null, [outSize, i < gates ? inSize : outSize]);
      own[`b${i}`] = bias(`b${i}`, 0, [outSize]);
    }
    Object.assign(this, own);
  }

  override forward(): LayerWeights {
    const list = (letter: 'w' | 'b') =>
      Array.from({ length: this.count }, (_, i) => this[`${letter}${i}`]!.tensor);
    return { ws: list('w'), bs: list('b') };
  }
}

export interface NStepLinkOptions {
  /** The share of a layer's inputs that is dropped in training, from the second layer on. Default 0. */
  dropout?: number;
}

/** What the networks over whole sequences share. Children: 0, 1, ..., a layer (and direction) each. */
abstract class NStep extends ChainList<Layer> {
  readonly outSize: number;
  readonly dropout: number;
  readonly bidirectional: boolean;

  constructor(
    gates: number,
    nLayers: number,
    inSize: number,
    outSize: number,
    bidirectional: boolean,
    options: NStepLinkOptions,
  ) {
    for (const [name, n] of Object.entries({ nLayers, inSize, outSize })) checkInteger(`NStep ${name}`, n, 1);
    const directions = bidirectional ? 2 : 1;
    super(
      ...Array.from(
        { length: nLayers * directions },
        (_, i) => new Layer(gates, i < directions ? inSize : outSize * directions, outSize),
      ),
    );
    const { dropout = 0 } = checkOptions(this.constructor.name, options, { dropout: 'number' });
    this.outSize = outSize;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
  }

  /** Runs over sequences in any order: sorted, by time, and back. */
  protected run(
    states: readonly (tf.Tensor | null)[],
    xs: readonly tf.Tensor[],
    step: (states: tf.Tensor3D[], layers: LayerWeights[], xs: tf.Tensor[]) => [tf.Tensor[], tf.Tensor[]],
  ): [states: tf.Tensor[], ys: tf.Tensor[]] {
    if (!Array.isArray(xs))
      throw new InvalidArgumentError(
        `${this.constructor.name} xs`,
        'a list of sequences, tensors of shape (length, in)',
        valueText(xs),
      );
    if (xs.length === 0)
      throw new InvalidArgumentError(`${this.constructor.name} xs`, 'at least one sequence', 'none');
    for (const [i, x] of xs.entries()) checkFloats(`${this.constructor.name} xs[${i}]`, x, ['length', 'in']);
    const order = xs.map((_, i) => i).sort((a, b) => xs[b]!.shape[0]! - xs[a]!.shape[0]!);
    const back = order.map((_, i) => order.indexOf(i));
    const isSorted = order.every((from, i) => from === i);
    const along = (state: tf.Tensor, places: number[]) =>
      isSorted ? state : tf.gather(state, tf.tensor1d(places, 'int32'), 1);
    const zeros = () => tf.zeros([this.length, xs.length, this.outSize]);
    const starts = states.map((state) => along(state ?? zeros(), order)) as tf.Tensor3D[];
    const layers = [...this].map((layer) => layer.call());
    const [ends, ys] = step(starts, layers, transposeSequence(order.map((from) => xs[from]!)));
    const sorted = transposeSequence(ys);
    return [ends.map((state) => along(state, back)), back.map((place) => sorted[place]!)];
  }

  override get printableSpecs() {
    return { outSize: this.outSize, dropout: this.dropout };
  }
}

/** Several layers of LSTM over sequences (Chainer's `NStepLSTM`). Children 0, 1, ... with w0..w7 and b0..b7, in cuDNN's order. */
export class NStepLSTM extends NStep {
  constructor(
    nLayers: number,
    inSize: number,
    outSize: number,
    options: NStepLinkOptions = {},
    bidirectional = false,
  ) {
    super(4, nLayers, inSize, outSize, bidirectional, options);
  }

  /**
   * @param hx (layers, N, out): h at the start; null for zeros.
   * @param cx c at the start, of the same shape; null for zeros.
   * @param xs the sequences, each (length, in), in any order.
   * @returns `[hy, cy, ys]`: the states at the end, and for each sequence (length, out).
   */
  override forward(
    hx: tf.Tensor | null,
    cx: tf.Tensor | null,
    xs: readonly tf.Tensor[],
  ): [hy: tf.Tensor, cy: tf.Tensor, ys: tf.Tensor[]] {
    const { dropout, bidirectional } = this;
    const made = tf.tidy(() =>
      this.run([hx, cx], xs, ([h, c], layers, steps) => {
        const [hy, cy, ys] = nStepLSTM(h!, c!, layers, steps, { dropout, bidirectional });
        return [[hy, cy], ys];
      }),
    );
    return [made[0][0]!, made[0][1]!, made[1]];
  }
}

/** `NStepLSTM` in both directions (Chainer's `NStepBiLSTM`): outputs of twice the size. */
export class NStepBiLSTM extends NStepLSTM {
  constructor(nLayers: number, inSize: number, outSize: number, options: NStepLinkOptions = {}) {
    super(nLayers, inSize, outSize, options, true);
  }
}

/** Several layers of GRU over sequences (Chainer's `NStepGRU`). Children 0, 1, ... with w0..w5 and b0..b5, in cuDNN's order. */
export class NStepGRU extends NStep {
  constructor(
    nLayers: number,
    inSize: number,
    outSize: number,
    options: NStepLinkOptions = {},
    bidirectional = false,
  ) {
    super(3, nLayers, inSize, outSize, bidirectional, options);
  }

  /** @param hx (layers, N, out), or null for zeros. @param xs each (length, in). @returns [hy, ys]. */
  override forward(hx: tf.Tensor | null, xs: readonly tf.Tensor[]): [hy: tf.Tensor, ys: tf.Tensor[]] {
    const { dropout, bidirectional } = this;
    const made = tf.tidy(() =>
      this.run([hx], xs, ([h], layers, steps) => {
        const [hy, ys] = nStepGRU(h!, layers, steps, { dropout, bidirectional });
        return [[hy], ys];
      }),
    );
    return [made[0][0]!, made[1]];
  }
}

/** `NStepGRU` in both directions (Chainer's `NStepBiGRU`): outputs of twice the size. */
export class NStepBiGRU extends NStepGRU {
  constructor(nLayers: number, inSize: number, outSize: number, options: NStepLinkOptions = {}) {
    super(nLayers, inSize, outSize, options, true);
  }
}

/** Several layers of a plain recurrent network over sequences (Chainer's `NStepRNNTanh`). Children 0, 1, ... with w0, w1, b0, b1. */
export class NStepRNNTanh extends NStep {
  protected readonly activation: 'tanh' | 'relu' = 'tanh';

  constructor(
    nLayers: number,
    inSize: number,
    outSize: number,
    options: NStepLinkOptions = {},
    bidirectional = false,
  ) {
    super(1, nLayers, inSize, outSize, bidirectional, options);
  }

  /** @param hx (layers, N, out), or null for zeros. @param xs each (length, in). @returns [hy, ys]. */
  override forward(hx: tf.Tensor | null, xs: readonly tf.Tensor[]): [hy: tf.Tensor, ys: tf.Tensor[]] {
    const { dropout, bidirectional, activation } = this;
    const made = tf.tidy(() =>
      this.run([hx], xs, ([h], layers, steps) => {
        const [hy, ys] = nStepRNN(h!, layers, steps, { dropout, bidirectional, activation });
        return [[hy], ys];
      }),
    );
    return [made[0][0]!, made[1]];
  }
}
