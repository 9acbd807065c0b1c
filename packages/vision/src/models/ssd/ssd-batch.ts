import * as tf from '@tensorflow/tfjs-core';
import { stack } from '../batch.ts';
import type { SSDTrainExample } from './ssd-transform.ts';

/**
 * A converter for `StandardUpdater`: the arguments of `MultiboxTrainChain` from examples of `ssdTransform`.
 * @returns (B, insize, insize, 3) images, (B, K, 4) offsets and (B, K) int32 labels.
 */
export function ssdBatch(
  examples: readonly SSDTrainExample[],
): [imgs: tf.Tensor4D, mbLocs: tf.Tensor3D, mbLabels: tf.Tensor2D] {
  const batch = examples.length;
  const count = examples[0]!.mbLabel.length;
  const loc = new Float32Array(batch * count * 4);
  const label = new Int32Array(batch * count);
  examples.forEach(({ mbLoc, mbLabel }, i) => {
    loc.set(mbLoc, i * count * 4);
    label.set(mbLabel, i * count);
  });
  return [
    stack(examples.map(({ img }) => img)),
    tf.tensor3d(loc, [batch, count, 4]),
    tf.tensor2d(label, [batch, count], 'int32'),
  ];
}
