/** Products of matrices. */
import { ChaingradError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { combine } from '../values/aligned.ts';
import { type HostArray, hostArray, sizeOf } from '../values/host-array.ts';
import { gathered } from '../values/moves.ts';
import { plainOrder, reshaped, transposed, Value } from '../values/value.ts';
import type { Rule, RuleTable } from './rule.ts';

/** A matrix for the product: stored as it is, or turned round where its two last axes lie so already. */
function operand(value: Value): { tensor: tf.Tensor; turned: boolean } {
  const rank = value.rank;
  const swapped = [...plainOrder(rank).slice(0, -2), rank - 1, rank - 2];
  if (rank >= 2 && value.constant === null && value.order.join() === swapped.join())
    return { tensor: value.tensor(swapped), turned: true };
  return { tensor: value.tensor(), turned: false };
}

/** NumPy's product of arrays of any rank. */
export function matMul(a: Value, b: Value): Value {
  if (a.rank === 0 || b.rank === 0) throw new ChaingradError('expected matrices or vectors, got a scalar.');
  if (a.shape.at(-1) !== b.shape.at(-2 - (b.rank === 1 ? -1 : 0)))
    throw new ChaingradError(
      `expected matrices that fit, got (${a.shape.join(', ')}) and (${b.shape.join(', ')}).`,
    );
  const left = a.rank === 1 ? reshaped(a, [1, a.size]) : a;
  const right = b.rank === 1 ? reshaped(b, [b.size, 1]) : b;
  const y = matrices(left, right);
  if (a.rank > 1 && b.rank > 1) return y;
  const shape = [
    ...y.shape.slice(0, -2),
    ...(a.rank > 1 ? [y.shape.at(-2)!] : []),
    ...(b.rank > 1 ? [y.shape.at(-1)!] : []),
  ];
  return reshaped(y, shape);
}

function matrices(a: Value, b: Value): Value {
  const right = operand(b);
  const float = (t: tf.Tensor) => tf.cast(t, 'float32');
  if (b.rank === 2 && a.rank > 2) {
    // One product of tall matrices instead of many.
    const rows = tf.reshape(float(a.tensor()), [a.size / a.shape.at(-1)!, a.shape.at(-1)!]);
    const y = tf.matMul(rows, float(right.tensor), false, right.turned);
    return Value.device(tf.reshape(y, [...a.shape.slice(0, -1), b.shape[1]!]), a.dtype);
  }
  const left = operand(a);
  return Value.device(tf.matMul(float(left.tensor), float(right.tensor), left.turned, right.turned), a.dtype);
}

const gemm: Rule = {
  opsets: [1, 25],
  weights: { 1: 'weight', 2: 'bias' },
  layer: 'plain',
  run(call) {
    const [a, b, c] = [call.input(0), call.input(1), call.optional(2)];
    const [alpha, beta] = [call.float('alpha', 1), call.float('beta', 1)];
    let left = call.int('transA', 0) !== 0 ? transposed(a, [1, 0]) : a;
    const right = call.int('transB', 0) !== 0 ? transposed(b, [1, 0]) : b;
    // Older versions flattened what they took.
    if (left.rank > 2) left = reshaped(left, [left.shape[0]!, left.size / left.shape[0]!]);
    const product = matMul(left, right);
    let y = product.stored;
    if (alpha !== 1) y = tf.mul(y, alpha);
    if (c !== null) y = tf.add(y, beta === 1 ? c.tensor() : tf.mul(c.tensor(), beta));
    return Value.device(y === product.stored ? tf.clone(y) : y, a.dtype);
  },
};

/** Letters that no equation of the file's can use. */
const spare = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

const einsum: Rule = {
  opsets: [12, 25],
  run(call) {
    const values = call.inputs.map((_, i) => call.input(i));
    const equation = call.string('equation', '').replaceAll(' ', '');
    const [left, right] = equation.split('->') as [string, string?];
    const terms = left.split(',');
    if (terms.length !== values.length)
      throw new ChaingradError(`expected ${values.length} terms in '${equation}', got ${terms.length}.`);
    // An ellipsis stands for the axes that the letters leave over.
    const named = terms.map((term, i) => {
      if (!term.includes('...')) return term;
      const rest = values[i]!.rank - term.replace('...', '').length;
      return term.replace('...', spare.slice(spare.length - rest));
    });
    const longest = Math.max(
      0,
      ...terms.map((term, i) => (term.includes('...') ? values[i]!.rank - term.length + 3 : 0)),
    );
    const all = named.join('');
    const once = [...new Set(all)].filter((l) => all.indexOf(l) === all.lastIndexOf(l)).sort();
    const out = (
      right ?? (left.includes('...') ? '...' : '') + once.filter((l) => !spare.includes(l)).join('')
    ).replace('...', spare.slice(spare.length - longest));
    let tensors: tf.Tensor[] = [];
    const cleaned = named.map((term, i) => {
      const { value, letters } = withoutRepeats(values[i]!, term);
      tensors.push(value.tensor());
      return letters;
    });
    // tfjs takes two operands at most.
    let terms2 = cleaned;
    while (tensors.length > 2) {
      const kept = [...new Set(terms2[0]! + terms2[1]!)].filter(
        (l) => out.includes(l) || terms2.slice(2).some((t) => t.includes(l)),
      );
      const both = tf.einsum(`${terms2[0]},${terms2[1]}->${kept.join('')}`, tensors[0]!, tensors[1]!);
      tensors = [both, ...tensors.slice(2)];
      terms2 = [kept.join(''), ...terms2.slice(2)];
    }
    return Value.device(tf.einsum(`${terms2.join(',')}->${out}`, ...tensors), values[0]!.dtype);
  },
};

/** Takes the diagonal where a letter occurs twice in one term. */
function withoutRepeats(value: Value, letters: string): { value: Value; letters: string } {
  const twice = [...letters].findIndex((l, i) => letters.indexOf(l) !== i);
  if (twice < 0) return { value, letters };
  const first = letters.indexOf(letters[twice]!);
  const n = value.shape[first]!;
  const rest = value.shape.map((_, i) => i).filter((i) => i !== first && i !== twice);
  const front = transposed(value, [first, twice, ...rest]);
  const flat = reshaped(front, [n * n, ...rest.map((i) => value.shape[i]!)]);
  const places = Value.host(
    hostArray(
      'int64',
      [n],
      Array.from({ length: n }, (_, i) => i * (n + 1)),
    ),
  );
  const others = rest.map((i) => letters[i]!).join('');
  return withoutRepeats(gathered(flat, places, 0), letters[first]! + others);
}

/** The determinant of each matrix, by elimination on the host. */
function determinants(x: HostArray): HostArray {
  const n = x.shape.at(-1)!;
  const batch = x.shape.slice(0, -2);
  const out = Array.from({ length: sizeOf(batch) }, (_, k) => {
    const m = Array.from({ length: n }, (_, i) =>
      Array.from({ length: n }, (_, j) => x.data[(k * n + i) * n + j]!),
    );
    let det = 1;
    for (let i = 0; i < n; i++) {
      let pivot = i;
      for (let r = i + 1; r < n; r++) if (Math.abs(m[r]![i]!) > Math.abs(m[pivot]![i]!)) pivot = r;
      if (m[pivot]![i] === 0) return 0;
      if (pivot !== i) {
        [m[i], m[pivot]] = [m[pivot]!, m[i]!];
        det = -det;
      }
      det *= m[i]![i]!;
      for (let r = i + 1; r < n; r++) {
        const factor = m[r]![i]! / m[i]![i]!;
        for (let c = i; c < n; c++) m[r]![c]! -= factor * m[i]![c]!;
      }
    }
    return det;
  });
  return hostArray(x.dtype, batch, out);
}

export const linearRules: RuleTable = {
  MatMul: {
    opsets: [1, 25],
    // The third input is the bias of a layer that the file has as a product and a sum.
    weights: { 1: 'weight', 2: 'bias' },
    layer: 'plain',
    run(call) {
      const y = matMul(call.input(0), call.input(1));
      const bias = call.optional(2);
      return bias === null ? y : combine([y, bias], y.dtype, tf.add);
    },
  },
  Gemm: gemm,
  Einsum: einsum,
  Det: { opsets: [11, 25], reads: 'all', run: (call) => Value.host(determinants(call.host(0))) },
};
