import * as tf from '@tensorflow/tfjs-core';
import { NonNumberError } from '../errors.ts';
import type { Extension } from '../extension.ts';
import type { Trainer } from '../trainer.ts';

/**
 * Ends training with an error when a parameter is NaN or infinite (Chainer's `FailOnNonNumber`). It waits for the device at
 * every call: give it a rarer trigger where that costs too much.
 */
export class FailOnNonNumber implements Extension {
  readonly defaultName = 'FailOnNonNumber';

  /** @throws NonNumberError */
  async call(trainer: Trainer): Promise<void> {
    for (const [name, optimizer] of trainer.updater.getAllOptimizers()) {
      const params = [...optimizer.target!.namedparams(false)];
      if (params.length === 0) continue;
      // Zero times a number is zero, and NaN times an infinity or NaN: no kernel is needed that a backend may lack.
      const marks = tf.tidy(() => tf.stack(params.map(([, { tensor }]) => tf.sum(tf.mul(tensor, 0)))));
      const values = await marks.data();
      marks.dispose();
      const paths = params.filter((_, i) => values[i] !== 0).map(([path]) => path);
      if (paths.length > 0) throw new NonNumberError(name, paths, trainer.updater.iteration);
    }
  }
}
