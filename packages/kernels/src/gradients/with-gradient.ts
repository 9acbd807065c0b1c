import * as tf from '@tensorflow/tfjs-core';
import { SecondGradientError } from '../errors.ts';
import { isRecorded, observe, withStandIns } from '../tape.ts';

/** A value, and what its gradient needs. */
export interface WithSaved<T extends tf.Tensor, S extends readonly tf.Tensor[]> {
  readonly value: T;
  readonly save: S;
}

/**
 * Computes a function whose gradient is given by hand: what happens inside is not recorded on the tape, so comparisons and
 * other steps without a gradient are allowed.
 *
 * Its gradient can be differentiated again, any number of times, where `gradient` is made of operations that can and looks at
 * nothing but dy and what was saved: inputs, the value, tensors from outside, or values made in `forward`. While a higher gradient
 * is recorded, the last are made anew by `forward`, on the tape.
 *
 * @param x one tensor or a list of them: the arguments of `forward`.
 * @param forward gives the value, and what the gradient needs.
 * @param gradient gives the gradient of x, or of each of them as a list, from that of the value and the saved tensors.
 * @param name what a SecondGradientError calls the function.
 * @throws SecondGradientError where its gradient is differentiated and values cannot be made anew: `forward` reads tensors that
 *   are gone, say.
 */
export function withGradient<T extends tf.Tensor, const S extends readonly tf.Tensor[]>(
  x: tf.Tensor,
  forward: (x: tf.Tensor) => WithSaved<T, S>,
  gradient: (dy: T, saved: S) => tf.Tensor,
  name?: string,
): T;
export function withGradient<
  T extends tf.Tensor,
  const S extends readonly tf.Tensor[],
  const X extends readonly tf.Tensor[],
>(
  xs: X,
  forward: (...xs: X) => WithSaved<T, S>,
  gradient: (dy: T, saved: S) => readonly tf.Tensor[],
  name?: string,
): T;
export function withGradient<T extends tf.Tensor, const S extends readonly tf.Tensor[]>(
  x: tf.Tensor | readonly tf.Tensor[],
  forward: (...xs: tf.Tensor[]) => WithSaved<T, S>,
  gradient: (dy: T, saved: S) => tf.Tensor | readonly tf.Tensor[],
  name: string | null = null,
): T {
  const fn = tf.customGrad<T>((...args) => {
    const inputs = args.slice(0, -1) as tf.Tensor[];
    const keep = args.at(-1) as tf.GradSaveFunc;
    const { result, isMade, outside } = observe(() => forward(...inputs));
    const { value, save } = result;
    const made = save.map((tensor) => tensor !== value && isMade(tensor));
    const taken = made.includes(true) ? [...new Set([...inputs, ...outside])] : [];
    keep([...save, ...taken]);
    return {
      value,
      gradFunc: (dy, kept) => {
        let saved = kept.slice(0, save.length);
        if (made.includes(true) && isRecorded()) {
          const standIns = new Map(taken.map((tensor, i) => [tensor.id, kept[save.length + i]!]));
          const again = makeAnew(forward, inputs, standIns, name);
          saved = saved.map((tensor, i) => (made[i] ? again[i]! : tensor));
        }
        return gradient(dy, saved as unknown as S) as tf.Tensor;
      },
    };
  });
  return fn(...(x instanceof tf.Tensor ? [x] : x));
}

function makeAnew(
  forward: (...xs: tf.Tensor[]) => WithSaved<tf.Tensor, readonly tf.Tensor[]>,
  inputs: readonly tf.Tensor[],
  standIns: ReadonlyMap<number, tf.Tensor>,
  name: string | null,
): readonly tf.Tensor[] {
  try {
    return withStandIns(standIns, () => forward(...inputs.map((input) => standIns.get(input.id)!))).save;
  } catch (cause) {
    const reason = `the values that it saved could not be made anew, because forward failed: ${String(cause)}`;
    throw new SecondGradientError(name, reason, { cause });
  }
}
