/** The smallest ONNX file: a network that gives what it takes, made negative. */
import '@tensorflow/tfjs-backend-cpu';
import { Chain, useBackend } from '@chaingrad/core';
import { exportOnnx } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';

class Nothing extends Chain {
  override forward(x: tf.Tensor): tf.Tensor {
    return tf.neg(x);
  }
}

export async function nothing(): Promise<Uint8Array> {
  await useBackend('cpu');
  return exportOnnx(new Nothing(), [[1, 1]]);
}
