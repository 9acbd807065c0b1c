/** tfjs on plain JavaScript: the one tfjs backend of Node and of pages without a GPU that trains convolutions. */
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import type { Runner, Side } from './side.ts';
import { forwardTfjs, runTfjs, tfjsParams } from './tfjs-graph.ts';

const LEARNING_RATE = 0.01;

export const tfjsCpu: Side = {
  async open(graph, options): Promise<Runner> {
    await tf.setBackend('cpu');
    // Its first tensor would print an advertisement.
    (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
    const params = new Map<string, tf.Variable>();
    for (const [name, { shape, data }] of await tfjsParams(graph, options))
      params.set(name, tf.variable(tf.tensor(data, [...shape])));
    const optimizer = new tf.SGDOptimizer(LEARNING_RATE);
    let input = new Float32Array(0);
    const shape: [number, number, number, number] = [options.batch, ...graph.input];
    return {
      info: '1 thread',
      code: 'JavaScript',
      input(x) {
        input = x;
      },
      forward: () => forwardTfjs(() => runTfjs(graph, params, tf.tensor4d(input, shape))),
      async train() {
        const loss = tf.tidy(() => {
          const x = tf.tensor4d(input, shape);
          // Every label is 0.
          const lossOf = () =>
            tf.neg(
              tf.mean(tf.slice(tf.logSoftmax(runTfjs(graph, params, x, false)[0]!), [0, 0], [-1, 1])),
            ) as tf.Scalar;
          return optimizer.minimize(lossOf, true)!;
        });
        const [value] = await loss.data();
        loss.dispose();
        return value!;
      },
    };
  },
};
