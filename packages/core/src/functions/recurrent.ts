/** Steps of recurrent networks, and whole sequences of them. */
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError, ShapeMismatchError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import { dropout } from './dropout.ts';

/** The four blocks a, i, f, o of an LSTM's input, which alternate element by element. */
function blocks(x: tf.Tensor): [a: tf.Tensor, i: tf.Tensor, f: tf.Tensor, o: tf.Tensor] {
  const size = x.shape.at(-1)!;
  if (size % 4 !== 0) throw new InvalidArgumentError('lstm x', 'a last axis of 4 times the units', size);
  return tf.unstack(tf.reshape(x, [...x.shape.slice(0, -1), size / 4, 4]), -1) as ReturnType<typeof blocks>;
}

const first = (x: tf.Tensor, rows: number) => (x.shape[0] === rows ? x : tf.slice(x, [0], [rows]));

/** `y`, then those rows of `x` that y does not have. */
const completed = (y: tf.Tensor, x: tf.Tensor) =>
  y.shape[0] === x.shape[0] ? y : tf.concat([y, tf.slice(x, [y.shape[0]!], [x.shape[0]! - y.shape[0]!])]);

/**
 * One step of an LSTM (Hochreiter and Schmidhuber, 1997; `chainer.functions.lstm`).
 *
 * @param cPrev (N, ..., C): the cell.
 * @param x (n, ..., 4 C): the input of all gates; a, i, f, o alternate element by element. n may be less than N: the other cells stay.
 * @returns [c (N, ..., C), h (n, ..., C)].
 */
export function lstm(cPrev: tf.Tensor, x: tf.Tensor): [c: tf.Tensor, h: tf.Tensor] {
  return tf.tidy(() => {
    const [a, i, f, o] = blocks(x);
    const c = tf.add(tf.mul(tf.tanh(a), tf.sigmoid(i)), tf.mul(tf.sigmoid(f), first(cPrev, x.shape[0]!)));
    return [completed(c, cPrev), tf.mul(tf.sigmoid(o), tf.tanh(c))];
  });
}

/**
 * One step of an S-LSTM, which joins two cells (Zhu et al., 2015; `chainer.functions.slstm`).
 *
 * @param cPrev1 (N, ..., C): the state of the first cell.
 * @param cPrev2 (N, ..., C): that of the second.
 * @param x1 (N, ..., 4 C): a, i, f, o alternate element by element.
 * @param x2 (N, ..., 4 C): of the second cell.
 * @returns [c, h], both (N, ..., C).
 */
export function slstm(
  cPrev1: tf.Tensor,
  cPrev2: tf.Tensor,
  x1: tf.Tensor,
  x2: tf.Tensor,
): [c: tf.Tensor, h: tf.Tensor] {
  return tf.tidy(() => {
    const [one, two] = [blocks(x1), blocks(x2)];
    const side = ([a, i, f]: ReturnType<typeof blocks>, c: tf.Tensor) =>
      tf.add(tf.mul(tf.tanh(a), tf.sigmoid(i)), tf.mul(tf.sigmoid(f), c));
    const c = tf.add(side(one, cPrev1), side(two, cPrev2));
    return [c, tf.mul(tf.sigmoid(tf.add(one[3], two[3])), tf.tanh(c))];
  });
}

/**
 * One step of a Tree-LSTM, which joins the cells of a node's children (Tai et al., 2015; `chainer.functions.tree_lstm`).
 *
 * @param cs the cells of the children, each (N, C).
 * @param x (N, (3 + children) C): a, i, o, then f of each child, one block behind the other.
 * @returns [c, h], both (N, C).
 */
export function treeLstm(cs: readonly tf.Tensor[], x: tf.Tensor): [c: tf.Tensor, h: tf.Tensor] {
  const blocks = 3 + cs.length;
  if (x.shape.at(-1)! % blocks !== 0)
    throw new InvalidArgumentError('treeLstm x', `a last axis of ${blocks} times the units`, x.shape.at(-1));
  return tf.tidy(() => {
    const [a, i, o, ...fs] = tf.split(x, blocks, -1) as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
    const own = tf.mul(tf.tanh(a), tf.sigmoid(i));
    const c = fs.reduce((sum, f, k) => tf.add(sum, tf.mul(tf.sigmoid(f), cs[k]!)), own);
    return [c, tf.mul(tf.sigmoid(o), tf.tanh(c))];
  });
}

/** The weights of one layer in one direction: those of x, then those of h, in cuDNN's order. */
export interface LayerWeights {
  readonly ws: readonly tf.Tensor[];
  readonly bs: readonly tf.Tensor[];
}

export interface NStepOptions {
  /** Whether each layer also runs backwards; its outputs lie beside the forward ones. Default false. */
  bidirectional?: boolean;
  /** The share of a layer's inputs that is dropped in training, from the second layer on. Default 0. */
  dropout?: number;
}

const kinds = { bidirectional: 'boolean', dropout: 'number' } as const;

/** One step: from the gates' inputs from x and the state to the new state, h first. */
type Cell = (ofX: tf.Tensor, state: readonly tf.Tensor[], recur: (h: tf.Tensor) => tf.Tensor) => tf.Tensor[];

/** The gates from x and from h lie side by side, in cuDNN's order of weights. */
const cells = {
  lstm: ((ofX, [h, c], recur) => {
    const [i, f, a, o] = tf.split(tf.add(ofX, recur(h!)), 4, 1) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const cell = tf.add(tf.mul(tf.sigmoid(f), c!), tf.mul(tf.sigmoid(i), tf.tanh(a)));
    return [tf.mul(tf.sigmoid(o), tf.tanh(cell)), cell];
  }) as Cell,
  gru: ((ofX, [h], recur) => {
    const [xr, xz, xh] = tf.split(ofX, 3, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [hr, hz, hh] = tf.split(recur(h!), 3, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const z = tf.sigmoid(tf.add(xz, hz));
    const candidate = tf.tanh(tf.add(xh, tf.mul(tf.sigmoid(tf.add(xr, hr)), hh)));
    return [tf.add(candidate, tf.mul(z, tf.sub(h!, candidate)))];
  }) as Cell,
  tanh: ((ofX, [h], recur) => [tf.tanh(tf.add(ofX, recur(h!)))]) as Cell,
  relu: ((ofX, [h], recur) => [tf.relu(tf.add(ofX, recur(h!)))]) as Cell,
};

/**
 * Runs all layers over sequences, by time.
 *
 * @param states the start of each state (layers, N, units): h, and for an LSTM c.
 * @param layers the weights, layer by layer; forward and backward ones in turn where both ways are gone.
 * @param xs one tensor a step, (number of sequences that reach it, in).
 * @returns the states at the end, and the last layer's outputs by step.
 */
function nStep(
  name: string,
  cell: Cell,
  states: readonly tf.Tensor[],
  layers: readonly LayerWeights[],
  xs: readonly tf.Tensor[],
  options: NStepOptions,
): { states: tf.Tensor[]; ys: tf.Tensor[] } {
  const { bidirectional = false, dropout: ratio = 0 } = checkOptions(name, options, kinds);
  const [hx] = states as [tf.Tensor];
  if (hx.rank !== 3 || hx.shape[0] !== layers.length)
    throw new ShapeMismatchError(`${name} hx`, [layers.length, xs[0]!.shape[0]!, hx.shape.at(-1)!], hx.shape);
  const rows = xs.map((x) => x.shape[0]!);
  if (rows[0] !== hx.shape[1] || rows.some((n, t) => t > 0 && n > rows[t - 1]!))
    throw new InvalidArgumentError(
      `${name} xs`,
      `steps of at most ${hx.shape[1]} sequences, the first of all, none of more than the one before`,
      rows.join(', '),
    );
  const directions = bidirectional ? 2 : 1;
  const starts = states.map((state) => tf.unstack(state));
  const ends: tf.Tensor[][] = [];

  const runLayer = (index: number, inputs: readonly tf.Tensor[]): tf.Tensor[] => {
    const { ws, bs } = layers[index]!;
    const half = ws.length / 2;
    const side = (list: readonly tf.Tensor[], from: number) => tf.concat(list.slice(from, from + half), 0);
    const [ofInput, ofState] = [side(ws, 0), side(ws, half)] as tf.Tensor2D[];
    const [inputBias, stateBias] = [side(bs, 0), side(bs, half)];
    // The inputs of all steps in one product.
    const product = tf.add(
      tf.matMul(tf.concat([...inputs]) as tf.Tensor2D, ofInput!, false, true),
      inputBias!,
    );
    const steps = tf.split(product, rows, 0);
    const recur = (h: tf.Tensor) => tf.add(tf.matMul(h as tf.Tensor2D, ofState!, false, true), stateBias!);
    let state = starts.map((list) => list[index]!);
    const ys: tf.Tensor[] = new Array(rows.length);
    const isBackward = index % directions === 1;
    for (let k = 0; k < rows.length; k++) {
      const t = isBackward ? rows.length - 1 - k : k;
      const before = state.map((each) => first(each, rows[t]!));
      const after = cell(steps[t]!, before, recur);
      ys[t] = after[0]!;
      // Sequences that have ended, or have not begun, keep theirs.
      state = state.map((each, i) => completed(after[i]!, each));
    }
    ends.push(state);
    return ys;
  };

  let h: readonly tf.Tensor[] = xs;
  for (let index = 0; index < layers.length; index += directions) {
    const inputs = index === 0 || ratio === 0 ? h : h.map((each) => dropout(each, ratio));
    const ways = Array.from({ length: directions }, (_, way) => runLayer(index + way, inputs));
    h = ways.length === 1 ? ways[0]! : ways[0]!.map((y, t) => tf.concat([y, ways[1]![t]!], 1));
  }
  return { states: states.map((_, i) => tf.stack(ends.map((end) => end[i]!))), ys: [...h] };
}

/**
 * Several layers of LSTM over sequences (`chainer.functions.n_step_lstm`, with `bidirectional` `n_step_bilstm`).
 *
 * @param hx (layers, N, units): where h starts; with `bidirectional` (2 layers, N, units).
 * @param cx where c starts, of the same shape.
 * @param layers of each layer (and direction) eight weights, W0..W3 (units, in) for i, f, a, o of x, W4..W7 (units, units) of h, and eight
 *   biases.
 * @param xs one tensor a step, (number of sequences that reach it, in), the longest sequences first: see `transposeSequence`.
 * @returns [hy, cy, ys], ys as xs.
 */
export function nStepLSTM(
  hx: tf.Tensor3D,
  cx: tf.Tensor3D,
  layers: readonly LayerWeights[],
  xs: readonly tf.Tensor[],
  options: NStepOptions = {},
): [hy: tf.Tensor, cy: tf.Tensor, ys: tf.Tensor[]] {
  const made = tf.tidy(() => nStep('nStepLSTM', cells.lstm, [hx, cx], layers, xs, options));
  return [made.states[0]!, made.states[1]!, made.ys];
}

/**
 * Several layers of GRU over sequences (Cho et al., 2014; `chainer.functions.n_step_gru`, with `bidirectional` `n_step_bigru`): as
 * `nStepLSTM`, with six weights, W0..W2 for r, z, h of x, W3..W5 of h.
 *
 * @returns [hy, ys].
 */
export function nStepGRU(
  hx: tf.Tensor3D,
  layers: readonly LayerWeights[],
  xs: readonly tf.Tensor[],
  options: NStepOptions = {},
): [hy: tf.Tensor, ys: tf.Tensor[]] {
  const made = tf.tidy(() => nStep('nStepGRU', cells.gru, [hx], layers, xs, options));
  return [made.states[0]!, made.ys];
}

/**
 * Several layers of a plain recurrent network over sequences (`chainer.functions.n_step_rnn`, with `bidirectional` `n_step_birnn`): as
 * `nStepLSTM`, with two weights, W0 of x and W1 of h.
 *
 * @param options activation: 'tanh' (default) or 'relu'.
 * @returns [hy, ys].
 */
export function nStepRNN(
  hx: tf.Tensor3D,
  layers: readonly LayerWeights[],
  xs: readonly tf.Tensor[],
  options: NStepOptions & { activation?: 'tanh' | 'relu' } = {},
): [hy: tf.Tensor, ys: tf.Tensor[]] {
  const { activation = 'tanh', ...rest } = checkOptions('nStepRNN', options, {
    ...kinds,
    activation: ['tanh', 'relu'],
  });
  const made = tf.tidy(() => nStep('nStepRNN', cells[activation], [hx], layers, xs, rest));
  return [made.states[0]!, made.ys];
}
