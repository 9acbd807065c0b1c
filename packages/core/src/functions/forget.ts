import { isRecorded, SecondGradientError } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { config, usingConfig } from '../configuration.ts';
import type { Link } from '../link.ts';
import { defaultRandom, type RandomState } from '../random.ts';
import { gradientsOf, withoutTape } from '../tfjs-internals.ts';
import { checkTensor } from './arguments.ts';

/**
 * Calls a link and forgets what it has computed on the way; the backward pass computes it again (gradient checkpointing, Chen et
 * al., 2016; Chainer's `forget`). A deep network so needs the memory of one block at a time, for one more forward pass.
 *
 * Gradients, also those of the link's parameters, are bit for bit those of `link.call(...xs)`: the second time dropout draws the
 * same numbers (from the default generator), and running statistics do not move again. Hooks and reports come twice.
 *
 * ```ts
 * const h = forget(this.block1, x);
 * ```
 *
 * @param link whose `forward` takes tensors and returns one. Its lazy parameters are initialized by the call.
 * @param xs the arguments.
 * @throws SecondGradientError when the gradient is differentiated again.
 */
export function forget<T extends tf.Tensor, A extends tf.Tensor[]>(
  link: Link & { forward(...args: A): T },
  ...xs: A
): T {
  for (const [i, x] of xs.entries()) checkTensor(`forget x[${i}]`, x);
  const call = (args: readonly tf.Tensor[]) => link.call(...(args as A)) as T;
  if (!isRecorded()) return call(xs);
  // Lazy parameters must be there before the tape is told of them, and be drawn once.
  if ([...link.params()].some((param) => !param.isInitialized))
    link.initialize(...xs.map(({ shape }) => shape));
  const drawn = defaultRandom().state;
  const { train } = config;
  const live = [...new Set(link.params())].filter((param) => !param.frozen && param.isInitialized);
  const inputs = [...xs, ...live.map((param) => param.tensor)];
  const run = tf.customGrad((...args: unknown[]) => {
    const save = args.at(-1) as (tensors: tf.Tensor[]) => void;
    save([...xs]);
    return { value: call(xs), gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => again(dy, saved) };
  });
  const again = (dy: tf.Tensor, saved: readonly tf.Tensor[]) => {
    const all = [dy, ...saved, ...live.map((param) => param.tensor)];
    const grads = recomputed(link, drawn, train, () => {
      const tensors = [...saved, ...live.map((param) => param.tensor)];
      const { value, grads } = gradientsOf(() => call(saved), tensors, dy);
      value.dispose();
      return grads.map((grad, i) => grad ?? tf.zerosLike(tensors[i]!));
    });
    return isRecorded() ? grads.map((grad) => undifferentiable(grad, all)) : grads;
  };
  return (run as unknown as (...tensors: tf.Tensor[]) => T)(...inputs);
}

/** A gradient that was computed of `of` out of the tape's sight, and so is refused to be differentiated. */
function undifferentiable(grad: tf.Tensor, of: readonly tf.Tensor[]): tf.Tensor {
  const made = tf.customGrad(() => ({
    value: tf.clone(grad),
    gradFunc: (): tf.Tensor => {
      throw new SecondGradientError('forget', 'it is computed out of sight. Call the link itself there.');
    },
  }));
  return made(...of);
}

/** Runs `fn` with the random numbers that were drawn then, and leaves generator, persistents and tape as they are. */
function recomputed<R>(link: Link, drawn: RandomState, train: boolean, fn: () => R): R {
  const rng = defaultRandom();
  const now = rng.state;
  const saved = [...link.namedpersistents()].map(([, persistent]) => persistent.save());
  rng.state = drawn;
  try {
    return usingConfig('train', train, () => withoutTape(fn));
  } finally {
    rng.state = now;
    for (const each of saved) each.restore();
  }
}
