/** tfjs-layers, the Keras of tfjs, on tfjs-backend-wasm: for the classifier, which it is made for. */
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import type { Runner, Side } from './side.ts';
import { forwardTfjs, tfjsParams } from './tfjs-graph.ts';
import { startTfjsWasm } from './tfjs-wasm.ts';

export const tfjsLayers: Side = {
  async open(graph, options): Promise<Runner> {
    const about = await startTfjsWasm(options);
    const params = await tfjsParams(graph, options);
    const model = layers.sequential();
    // Zeros: the values come next.
    const common = { kernelInitializer: 'zeros', biasInitializer: 'zeros' } as const;
    let shape: { inputShape?: number[] } = { inputShape: [...graph.input] };
    let flat = false;
    for (const node of graph.nodes) {
      if (node.op === 'conv') {
        const { ksize, stride, act } = node;
        const activation = act === null ? 'linear' : 'relu';
        const conv = { filters: node.shape[2], kernelSize: ksize, strides: stride, padding: 'same' } as const;
        model.add(layers.layers.conv2d({ ...common, ...shape, ...conv, activation }));
      } else if (node.op === 'maxpool')
        model.add(
          layers.layers.maxPooling2d({ poolSize: node.ksize, strides: node.stride, padding: 'same' }),
        );
      else if (node.op === 'dense') {
        if (!flat) model.add(layers.layers.flatten());
        flat = true;
        const activation = node.act === null ? 'linear' : 'relu';
        model.add(layers.layers.dense({ ...common, units: node.shape[2], activation }));
      } else if (node.op === 'softmax') model.add(layers.layers.softmax());
      else throw new Error(`tfjs-layers has nothing for '${node.op}'`);
      shape = {};
    }
    const values = graph.nodes.flatMap((node) =>
      node.op === 'conv' || node.op === 'dense' ? [params.get(node.W)!, params.get(node.b)!] : [],
    );
    const tensors = values.map(({ shape, data }) => tf.tensor(data, [...shape]));
    model.setWeights(tensors);
    tf.dispose(tensors);
    let input = new Float32Array(0);
    const batchShape: [number, number, number, number] = [options.batch, ...graph.input];
    return {
      ...about,
      input(x) {
        input = x;
      },
      forward: () => forwardTfjs(() => [model.predict(tf.tensor4d(input, batchShape))].flat()),
    };
  },
};
