/** All that this package takes from inside of tfjs 4.22. */
import * as tf from '@tensorflow/tfjs-core';

/** Runs a kernel of the active backend by its name. */
export const runKernel = (
  name: string,
  inputs: Readonly<Record<string, tf.Tensor>> | readonly tf.Tensor[],
  attrs: object,
): tf.Tensor | tf.Tensor[] =>
  tf.engine().runKernel(name, inputs as tf.NamedTensorMap, attrs as tf.NamedAttrMap);
