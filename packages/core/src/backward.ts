import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError, NothingToDoError } from './errors.ts';
import { Link } from './link.ts';
import type { Parameter } from './parameter.ts';
import { gradientsOf } from './tfjs-internals.ts';

/**
 * Runs `lossFn` on the tape and adds its gradients to `param.grad` (null counts as nothing, not as zero).
 * Frozen parameters are left out of the tape, so that they cost no backward time. Parameters that find their shape
 * during `lossFn` take part.
 *
 * @param lossFn synchronous; returns a scalar.
 * @param params a link, or the parameters to differentiate by.
 * @returns the loss, a scalar that the caller owns.
 * @throws NothingToDoError when every parameter is frozen or the loss depends on none of them.
 */
export function backward(lossFn: () => tf.Tensor, params: Link | Iterable<Parameter>): tf.Scalar {
  const all = [...new Set(params instanceof Link ? params.params() : params)];
  const live = all.filter((param) => !param.frozen);
  if (live.length === 0) {
    throw new NothingToDoError(
      all.length === 0
        ? 'backward: there are no parameters to differentiate by.'
        : `backward: all ${all.length} parameters are frozen. Unfreeze some: model.enableUpdate().`,
    );
  }
  return tf.tidy(() => {
    // `xs` is read after the forward pass: by then every lazy parameter has its tensor.
    const xs: tf.Tensor[] = [tf.scalar(0)];
    const forward = () => {
      const loss = lossFn();
      if (!(loss instanceof tf.Tensor) || loss.size !== 1) {
        const got = loss instanceof tf.Tensor ? `a tensor of shape (${loss.shape.join(', ')})` : typeof loss;
        throw new InvalidArgumentError('backward', 'a lossFn that returns one number (a scalar tensor)', got);
      }
      const tensors = live.flatMap((param) => param.array ?? []);
      xs.splice(0, xs.length, ...new Set(tensors));
      return tf.reshape(loss, []) as tf.Scalar;
    };
    const { value, grads } = gradientsOf(forward, xs);
    if (grads.every((grad) => !grad)) {
      throw new NothingToDoError(
        `backward: the loss depends on none of the ${live.length} parameters. Is the model used inside lossFn?`,
      );
    }
    const gradOf = new Map(xs.map((x, i) => [x, grads[i]]));
    for (const param of live) {
      const grad = param.array === null ? null : gradOf.get(param.array);
      if (grad) param.grad = param.grad === null ? grad : tf.add(param.grad, grad);
      // Share-copies hold one tensor: its gradient belongs to the first of them in the list.
      if (param.array !== null) gradOf.delete(param.array);
    }
    return value as tf.Scalar;
  });
}
