/** A program with tfjs-layers that trains, on the backend it is told. Prints JSON. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs';
import { createModel } from './layers-model.ts';

await tf.setBackend(process.argv[2]!);
const model = createModel(16, 1);
model.compile({ optimizer: tf.train.momentum(0.01, 0.9), loss: 'categoricalCrossentropy' });
const images = tf.randomUniform([4, 16, 16, 3], -1, 1, 'float32', 7);
const labels = tf.oneHot(tf.tensor1d([0, 1, 2, 4], 'int32'), 5);
const { history } = await model.fit(images, labels, { batchSize: 2, epochs: 2, shuffle: false, verbose: 0 });
const weights = model.getWeights().map((tensor) => Array.from(tensor.dataSync()));
console.log(JSON.stringify({ values: { loss: history['loss'], ...weights }, found: [] }));
