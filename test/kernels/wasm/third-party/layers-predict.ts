/** A program with tfjs-layers that recognizes. Prints JSON. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs';
import { createModel } from './layers-model.ts';

await tf.setBackend('wasm');
const model = createModel(64, 2);
const images = tf.randomUniform([4, 64, 64, 3], -1, 1, 'float32', 7);
const classes = model.predict(images) as tf.Tensor;
const features = tf.model({ inputs: model.inputs, outputs: model.layers.at(-4)!.output });
const values = features.predict(images) as tf.Tensor;
const labels = tf.argMax(classes, 1).dataSync();
console.log(
  JSON.stringify({
    values: { classes: Array.from(classes.dataSync()), features: Array.from(values.dataSync()) },
    found: Array.from(labels),
  }),
);
