import * as tf from '@tensorflow/tfjs-core';
import type { SSD } from './ssd.ts';
import type { SSDTrainExample } from './ssd-transform.ts';

/**
 * A converter for `StandardUpdater`: the arguments of `MultiboxTrainChain` from examples of `ssdTransform`.
 * @returns (B, insize, insize, 3) images, (B, K, 4) offsets and (B, K) int32 labels.
 */
export const ssdBatch =
  (model: SSD) =>
  (examples: readonly SSDTrainExample[]): [imgs: tf.Tensor4D, mbLocs: tf.Tensor3D, mbLabels: tf.Tensor2D] => {
    const { insize } = model;
    const count = model.coder.length;
    const batch = examples.length;
    const img = new Float32Array(batch * insize * insize * 3);
    const loc = new Float32Array(batch * count * 4);
    const label = new Int32Array(batch * count);
    examples.forEach((example, i) => {
      img.set(example.img, i * insize * insize * 3);
      loc.set(example.mbLoc, i * count * 4);
      label.set(example.mbLabel, i * count);
    });
    return [
      tf.tensor4d(img, [batch, insize, insize, 3]),
      tf.tensor3d(loc, [batch, count, 4]),
      tf.tensor2d(label, [batch, count], 'int32'),
    ];
  };
