/** A model as programs write it with tfjs-layers, of all kinds of convolution and pooling. */
import * as tf from '@tensorflow/tfjs';

let seed = 1;
/** Its own generator of random numbers, so that each process draws the same. */
const kernelInitializer = () => tf.initializers.heNormal({ seed: seed++ });

/** @param dilationRate of one convolution; tfjs trains none above 1. */
export function createModel(size: number, dilationRate: number): tf.LayersModel {
  const { layers } = tf;
  const conv = (filters: number, kernelSize: number, more: object = {}) =>
    layers.conv2d({
      ...{ filters, kernelSize, padding: 'same', activation: 'relu', kernelInitializer: kernelInitializer() },
      ...more,
    });
  const input = tf.input({ shape: [size, size, 3] });
  let h = conv(16, 5, { strides: 2 }).apply(input);
  h = layers.batchNormalization().apply(h);
  h = conv(32, 3).apply(h);
  const shortcut = h;
  h = conv(32, 3).apply(h);
  h = conv(32, 3, { dilationRate }).apply(h);
  h = layers.add().apply([h, shortcut] as tf.SymbolicTensor[]);
  h = layers.maxPooling2d({ poolSize: 2, strides: 2 }).apply(h);
  h = layers
    .depthwiseConv2d({ kernelSize: 3, padding: 'same', depthwiseInitializer: kernelInitializer() })
    .apply(h);
  h = conv(64, 1).apply(h);
  h = layers.averagePooling2d({ poolSize: 2, strides: 2 }).apply(h);
  h = layers.flatten().apply(h);
  h = layers
    .dense({ units: 32, activation: 'relu', kernelInitializer: tf.initializers.glorotUniform({ seed: 90 }) })
    .apply(h);
  h = layers
    .dense({
      units: 5,
      activation: 'softmax',
      kernelInitializer: tf.initializers.glorotUniform({ seed: 91 }),
    })
    .apply(h);
  return tf.model({ inputs: input, outputs: h as tf.SymbolicTensor });
}
