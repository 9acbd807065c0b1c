/** Einstein sums as matrix products, for wasm, which has none. */
import * as tf from '@tensorflow/tfjs-core';
import { inputTensor, kernel } from '../kernel.ts';

interface Term {
  readonly labels: string;
  readonly tensor: tf.Tensor;
}

const product = (values: readonly number[]) => values.reduce((a, b) => a * b, 1);
const only = (labels: string, keep: (label: string) => boolean) => [...labels].filter(keep).join('');

/** The axes in the order of `labels`, which are those of the term in another order. */
const ordered = ({ labels, tensor }: Term, order: string) =>
  order === labels
    ? tensor
    : tf.transpose(
        tensor,
        [...order].map((label) => labels.indexOf(label)),
      );

/** Sums over the labels that nobody asks for. */
function summed(term: Term, wanted: string): Term {
  const axes = [...term.labels].flatMap((label, axis) => (wanted.includes(label) ? [] : [axis]));
  if (axes.length === 0) return term;
  return { labels: only(term.labels, (l) => wanted.includes(l)), tensor: tf.sum(term.tensor, axes) };
}

/** The product of two terms, with the labels of `wanted` only: one batched matrix product. */
function contracted(aRaw: Term, bRaw: Term, wanted: string): Term {
  const a = summed(aRaw, wanted + bRaw.labels);
  const b = summed(bRaw, wanted + aRaw.labels);
  const batch = only(a.labels, (l) => b.labels.includes(l) && wanted.includes(l));
  const shared = only(a.labels, (l) => b.labels.includes(l) && !wanted.includes(l));
  const rows = only(a.labels, (l) => !b.labels.includes(l));
  const columns = only(b.labels, (l) => !a.labels.includes(l));
  const sizeOf = (labels: string) =>
    [...labels].map((l) => {
      const inA = a.labels.indexOf(l);
      return inA >= 0 ? a.tensor.shape[inA]! : b.tensor.shape[b.labels.indexOf(l)]!;
    });
  const [n, m, k, p] = [batch, rows, shared, columns].map((labels) => product(sizeOf(labels))) as [
    number,
    number,
    number,
    number,
  ];
  const left = tf.reshape(ordered(a, batch + rows + shared), [n, m, k]);
  const right = tf.reshape(ordered(b, batch + shared + columns), [n, k, p]);
  const labels = batch + rows + columns;
  return { labels, tensor: tf.reshape(tf.matMul(left, right), sizeOf(labels)) };
}

/** @throws where a term repeats a label (a diagonal), which tfjs' other backends refuse too. */
export const einsum = kernel<{ equation: string }>((call) =>
  tf.tidy(() => {
    const [left, out] = call.attrs.equation.replaceAll(' ', '').split('->') as [string, string];
    const terms = left.split(',').map((labels, i): Term => {
      if (new Set(labels).size !== labels.length)
        throw new Error(
          `einsum: the term '${labels}' of '${call.attrs.equation}' repeats a label; take the diagonal first.`,
        );
      return { labels, tensor: inputTensor(call, String(i)) };
    });
    const [first, ...rest] = terms as [Term, ...Term[]];
    const result = rest.reduce((a, b, i) => {
      const later = rest.slice(i + 1).map((term) => term.labels);
      return contracted(a, b, out + later.join(''));
    }, first);
    return tf.clone(ordered(summed(result, out), out));
  }),
);
