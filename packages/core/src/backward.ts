import * as tf from '@tensorflow/tfjs-core';
import { config } from './configuration.ts';
import { InvalidArgumentError, NothingToDoError } from './errors.ts';
import { Link } from './link.ts';
import { valueText } from './options.ts';
import type { Parameter } from './parameter.ts';
import { dependenciesOf, gradientsOf } from './tfjs-internals.ts';

/**
 * Runs `lossFn` on the tape and adds its gradients to `param.grad` (null counts as nothing, not as zero).
 * Frozen parameters are left out of the tape, so that they cost no backward time. Parameters that find their shape
 * during `lossFn` take part.
 *
 * @param lossFn synchronous; returns a scalar.
 * @param params a link, or the parameters to differentiate by.
 * @returns the loss, a scalar that the caller owns.
 * @throws NothingToDoError when every parameter is frozen or no gradient reaches one of them; InvalidArgumentError when lossFn
 *   returns no scalar. With `config.debug` parameters that no gradient reaches are warned of.
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
        throw notALoss(loss);
      }
      const tensors = live.flatMap((param) => param.array ?? []);
      xs.splice(0, xs.length, ...new Set(tensors));
      checkReached(loss, live);
      return tf.reshape(loss, []) as tf.Scalar;
    };
    const { value, grads } = gradientsOf(forward, xs);
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

function notALoss(loss: unknown): InvalidArgumentError {
  const expected = 'a lossFn that returns one number (a scalar tensor)';
  if (loss instanceof Promise) {
    loss.catch(() => {});
    const advice = 'lossFn must be synchronous: await what it needs before.';
    return new InvalidArgumentError('backward', expected, 'a promise (async lossFn)', advice);
  }
  if (!(loss instanceof tf.Tensor)) return new InvalidArgumentError('backward', expected, valueText(loss));
  const got = `a tensor of shape (${loss.shape.join(', ')})`;
  return new InvalidArgumentError('backward', expected, got, 'Take its mean or its sum.');
}

/** Throws where no gradient can reach a parameter, which would never learn; runs while the tape records. */
function checkReached(loss: tf.Tensor, params: readonly Parameter[]): void {
  const present = params.filter((param) => param.array !== null);
  const { reached, flat } = dependenciesOf(
    loss,
    present.map((param) => param.tensor),
  );
  if (reached.size === 0) {
    const through =
      flat.size === 0 ? '' : ` It was computed by ${[...flat].join(', ')}, through which no gradient goes.`;
    throw new NothingToDoError(
      `backward: no gradient of the loss reaches any of the ${params.length} parameters.${through} ` +
        'Is the model called inside lossFn, and the loss a smooth function of its output?',
    );
  }
  if (!config.debug || reached.size === present.length) return;
  const missed = present.filter((param) => !reached.has(param.tensor)).map(({ path }) => path);
  if (missed.length === 0) return;
  const names = missed.length <= 8 ? missed : [...missed.slice(0, 8), `${missed.length - 8} more`];
  console.warn(`backward: no gradient of the loss reaches ${names.join(', ')}.`);
}
