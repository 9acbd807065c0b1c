/** LSTM, GRU and RNN, step by step. Weights are (directions, gates * hidden, in), as the file has them. */
import { ChaingradError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { transposed, Value } from '../values/value.ts';
import type { Call, Rule, RuleTable } from './rule.ts';
import { elu, hardSigmoid } from './special.ts';

type Activation = (x: tf.Tensor) => tf.Tensor;

function activationOf(name: string, alpha: number | undefined, beta: number | undefined): Activation {
  switch (name.toLowerCase()) {
    case 'sigmoid':
      return tf.sigmoid;
    case 'tanh':
      return tf.tanh;
    case 'relu':
      return tf.relu;
    case 'elu':
      return (x) => elu(x, alpha ?? 1);
    case 'leakyrelu':
      return (x) => tf.leakyRelu(x, alpha ?? 0.01);
    case 'hardsigmoid':
      return (x) => hardSigmoid(x, alpha ?? 0.2, beta ?? 0.5);
    case 'softsign':
      return (x) => tf.div(x, tf.add(tf.abs(x), 1));
    case 'softplus':
      return tf.softplus;
    case 'affine':
      return (x) => tf.add(tf.mul(x, alpha ?? 1), beta ?? 0);
    default:
      throw new ChaingradError(`expected a known activation, got '${name}'.`);
  }
}

/** One direction's weights. */
interface Weights {
  readonly w: tf.Tensor2D;
  readonly r: tf.Tensor2D;
  /** Biases of the input and of the state. */
  readonly wb: tf.Tensor;
  readonly rb: tf.Tensor;
  readonly peephole: tf.Tensor | null;
  readonly activations: Activation[];
}

/** One step: from x (N, in) and the states to the new states, the first of which is the output. */
type Step = (x: tf.Tensor, states: tf.Tensor[], weights: Weights, call: Call) => tf.Tensor[];

/** (N, gates * hidden) in parts of hidden. */
const gates = (x: tf.Tensor, count: number) => tf.split(x, count, 1);
const byMatrix = (x: tf.Tensor, w: tf.Tensor) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D, false, true);

const rnnStep: Step = (x, [h], { w, r, wb, rb, activations: [f] }) => [
  f!(tf.addN([byMatrix(x, w), byMatrix(h!, r), tf.add(wb, tf.zerosLike(h!)), tf.add(rb, tf.zerosLike(h!))])),
];

const gruStep: Step = (x, [h], { w, r, wb, rb, activations: [f, g] }, call) => {
  const [xz, xr, xh] = gates(tf.add(byMatrix(x, w), wb), 3) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const [rz, rr, rh] = tf.split(r, 3, 0) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const [bz, br, bh] = tf.split(rb, 3) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const z = f!(tf.add(tf.add(xz, byMatrix(h!, rz)), bz));
  const reset = f!(tf.add(tf.add(xr, byMatrix(h!, rr)), br));
  const inner =
    call.int('linear_before_reset', 0) !== 0
      ? tf.mul(reset, tf.add(byMatrix(h!, rh), bh))
      : tf.add(byMatrix(tf.mul(reset, h!), rh), bh);
  const candidate = g!(tf.add(xh, inner));
  return [tf.add(tf.mul(tf.sub(1, z), candidate), tf.mul(z, h!))];
};

const lstmStep: Step = (x, [h, c], { w, r, wb, rb, peephole, activations: [f, g, out] }, call) => {
  const sum = tf.add(tf.add(byMatrix(x, w), byMatrix(h!, r)), tf.add(wb, rb));
  const [xi, xo, xf, xc] = gates(sum, 4) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const [pi, po, pf] = peephole === null ? [] : tf.split(peephole, 3);
  const peep = (gate: tf.Tensor, p: tf.Tensor | undefined, cell: tf.Tensor) =>
    p === undefined ? gate : tf.add(gate, tf.mul(p, cell));
  const i = f!(peep(xi, pi, c!));
  const forget = call.int('input_forget', 0) !== 0 ? tf.sub(1, i) : f!(peep(xf, pf, c!));
  const cell = tf.add(tf.mul(forget, c!), tf.mul(i, g!(xc)));
  const o = f!(peep(xo, po, cell));
  return [tf.mul(o, out!(cell)), cell];
};

/** @param bias the input of B, @param firstState that of the first initial state. */
function recurrent(step: Step, states: 1 | 2, defaults: readonly string[]): Rule {
  return {
    opsets: [1, 25],
    reads: [4],
    weights: { 1: 'weight', 2: 'recurrent_weight', 3: 'bias' },
    run(call) {
      // layout 1 has the batch first.
      const batchFirst = call.int('layout', 0) !== 0;
      const x = batchFirst ? transposed(call.input(0), [1, 0, 2]).tensor() : call.input(0).tensor();
      const [time, batch] = x.shape as [number, number];
      const direction = call.string('direction', 'forward');
      const directions = direction === 'bidirectional' ? 2 : 1;
      const hidden = call.int('hidden_size', call.input(2).shape[2]!);
      const clip = call.has('clip') ? call.float('clip', 0) : null;
      if (clip !== null) call.unsupported('a recurrent network that clips.');
      const lengths = call.optional(4)?.hostArray ?? null;
      const names = call.node.attributes.get('activations');
      const [alphas, betas] = [
        call.floatsOf('activation_alpha') ?? [],
        call.floatsOf('activation_beta') ?? [],
      ];
      const inputs = tf.unstack(x);
      const results = Array.from({ length: directions }, (_, d) => {
        const part = (index: number) => tf.squeeze(tf.slice(call.input(index).tensor(), [d], [1]), [0]);
        const w = part(1) as tf.Tensor2D;
        const size = w.shape[0];
        const both = call.optional(3) === null ? tf.zeros([2 * size]) : part(3);
        const [wb, rb] = tf.split(both, 2) as [tf.Tensor, tf.Tensor];
        const activations = defaults.map((name, i) => {
          const at = d * defaults.length + i;
          const given = names?.kind === 'strings' ? names.value[at] : undefined;
          return activationOf(given ?? name, alphas[at], betas[at]);
        });
        const peephole = states === 2 && call.optional(7) !== null ? part(7) : null;
        const weights: Weights = { w, r: part(2) as tf.Tensor2D, wb, rb, peephole, activations };
        const initial = (index: number) => {
          const given = call.optional(index);
          if (given === null) return tf.zeros([batch, hidden]);
          const whole = batchFirst ? transposed(given, [1, 0, 2]).tensor() : given.tensor();
          return tf.squeeze(tf.slice(whole, [d], [1]), [0]);
        };
        let current: tf.Tensor[] = [initial(5), ...(states === 2 ? [initial(6)] : [])];
        const outputs = new Array<tf.Tensor>(time);
        const backwards = direction === 'reverse' || d === 1;
        for (let t = 0; t < time; t++) {
          const at = backwards ? time - 1 - t : t;
          const next = step(inputs[at]!, current, weights, call);
          if (lengths === null) {
            current = next;
            outputs[at] = next[0]!;
            continue;
          }
          // Sequences that have ended keep their state and give zeros.
          const on = tf.tensor2d(
            Array.from(lengths.data, (n) => (at < n ? 1 : 0)),
            [batch, 1],
          );
          current = next.map((now, i) => tf.add(tf.mul(now, on), tf.mul(current[i]!, tf.sub(1, on))));
          outputs[at] = tf.mul(next[0]!, on);
        }
        return { sequence: tf.stack(outputs), current };
      });
      const { dtype } = call.input(0);
      // (time, directions, batch, hidden), and the last states (directions, batch, hidden).
      const y = Value.device(
        tf.stack(
          results.map(({ sequence }) => sequence),
          1,
        ),
        dtype,
      );
      const last = Array.from({ length: states }, (_, i) =>
        Value.device(tf.stack(results.map(({ current }) => current[i]!)), dtype),
      );
      if (!batchFirst) return [y, ...last];
      return [transposed(y, [2, 0, 1, 3]), ...last.map((state) => transposed(state, [1, 0, 2]))];
    },
  };
}

export const recurrentRules: RuleTable = {
  RNN: recurrent(rnnStep, 1, ['Tanh']),
  GRU: recurrent(gruStep, 1, ['Sigmoid', 'Tanh']),
  LSTM: recurrent(lstmStep, 2, ['Sigmoid', 'Tanh', 'Tanh']),
};
