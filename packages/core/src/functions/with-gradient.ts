import * as tf from '@tensorflow/tfjs-core';

/**
 * Computes a function of one tensor whose gradient is given by hand: what happens inside is not recorded on the tape, so
 * comparisons and other steps without a gradient are allowed.
 *
 * @param forward gives the value, and what the gradient needs of it: other tensors made here are gone by then.
 * @param gradient gives the gradient of x from that of the value.
 */
export function withGradient<T extends tf.Tensor, const S extends readonly tf.Tensor[]>(
  x: tf.Tensor,
  forward: (x: tf.Tensor) => { readonly value: T; readonly save: S },
  gradient: (dy: T, saved: S) => tf.Tensor,
): T {
  const fn = tf.customGrad<T>((...args) => {
    const [input, keep] = args as [tf.Tensor, (tensors: tf.Tensor[]) => void];
    const { value, save } = forward(input);
    keep([...save]);
    return { value, gradFunc: (dy, saved) => gradient(dy, saved as unknown as S) };
  });
  return fn(x);
}
