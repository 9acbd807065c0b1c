/** Gradients of products of matrices and tensors. */
import * as tf from '@tensorflow/tfjs-core';
import { product, type RuleTable, rule, unbroadcast } from './rule.ts';

interface Transposes {
  transposeA: boolean;
  transposeB: boolean;
}

/** One factor of an einsum: the product of dy with the other factors, summed down to this factor's labels. */
function einsumGradient(dy: tf.Tensor, xs: tf.Tensor[], equation: string, which: number): tf.Tensor {
  const [left, out] = equation.replaceAll(' ', '').split('->') as [string, string];
  const terms = left.split(',');
  const labels = [...terms[which]!];
  const others = terms.filter((_, i) => i !== which);
  // A label found nowhere else was summed by itself: its gradient is the same all along that axis.
  const known = labels.filter((label) => out.includes(label) || others.some((term) => term.includes(label)));
  const factors = [dy, ...xs.filter((_, i) => i !== which)];
  const reduced = tf.einsum(`${[out, ...others].join(',')}->${known.join('')}`, ...factors);
  const shape = xs[which]!.shape;
  const kept = shape.map((size, axis) => (known.includes(labels[axis]!) ? size : 1));
  return tf.broadcastTo(tf.reshape(reduced, kept), shape);
}

export const linearAlgebraRules: RuleTable = {
  BatchMatMul: rule<Transposes>({ inputs: ['a', 'b'] }, (dy, [a, b], { transposeA, transposeB }) => ({
    a: () => {
      const da = transposeA ? tf.matMul(b!, dy, transposeB, true) : tf.matMul(dy, b!, false, !transposeB);
      return unbroadcast(da, a!.shape);
    },
    b: () => {
      const db = transposeB ? tf.matMul(dy, a!, true, transposeA) : tf.matMul(a!, dy, !transposeA, false);
      return unbroadcast(db, b!.shape);
    },
  })),
  Diag: rule({ inputs: ['x'] }, (dy, [x]) => ({
    x: () => {
      const size = product(x!.shape);
      const every = tf.reshape(dy, [size * size]);
      return tf.reshape(tf.stridedSlice(every, [0], [size * size], [size + 1]), x!.shape);
    },
  })),
  Einsum: rule<{ equation: string }>({ inputs: 'all' }, (dy, xs, { equation }) =>
    Object.fromEntries(xs.map((_, i) => [i, () => einsumGradient(dy, xs, equation, i)])),
  ),
};
