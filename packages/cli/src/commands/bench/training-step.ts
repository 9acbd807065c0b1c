/** One step of training on made-up targets: what it costs, not what is learned. */
import { type Link, MomentumSGD, softmaxCrossEntropy } from '@chaingrad/core';
import { MultiboxTrainChain, SSD, ssdUpdateHooks, VGG16 } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';

/** Corners of two objects in an image, as fractions of its sides. */
const BOXES = [0.1, 0.1, 0.5, 0.6, 0.4, 0.3, 0.9, 0.8];

/** A rate that changes hardly anything, so that the numbers stay finite whatever the parameters are. */
const LEARNING_RATE = 1e-6;

/**
 * What the two objects of an image are to an SSD: an offset and a label of each default box.
 *
 * @param model whose boxes they are; it needs no parameters.
 */
export function drawnTargets(model: SSD): { readonly mbLoc: Float32Array; readonly mbLabel: Int32Array } {
  // Default boxes are in pixels of the input, those of TensorFlow's models in fractions of it.
  const unit = model.insize / model.boxScale([model.insize, model.insize])[0];
  return model.coder.encode(
    BOXES.map((v) => v * unit),
    [0, model.nFgClass - 1],
  );
}

/** Takes a batch (B, H, W, 3), gives the loss, which stays the optimizer's. */
export type TrainingStep = (x: tf.Tensor4D) => tf.Scalar;

/**
 * A training step with momentum SGD. An SSD gets two objects an image and its own loss and update rules, a classifier the softmax cross
 * entropy of class 0. The targets live as long as the backend.
 *
 * @param model initialized; `step` changes its parameters.
 * @param batch images of a batch.
 */
export function trainingStep(model: Link, batch: number): TrainingStep {
  const optimizer = new MomentumSGD({ lr: LEARNING_RATE });
  if (model instanceof SSD) {
    const chain = new MultiboxTrainChain(model);
    ssdUpdateHooks(chain, optimizer.setup(chain));
    const { mbLoc, mbLabel } = drawnTargets(model);
    const count = mbLabel.length;
    const locs = tf.tidy(() => tf.tile(tf.tensor3d(mbLoc, [1, count, 4]), [batch, 1, 1]));
    const labels = tf.tidy(() => tf.tile(tf.tensor2d(mbLabel, [1, count], 'int32'), [batch, 1]));
    return (x) => optimizer.update(chain, x, locs, labels);
  }
  optimizer.setup(model);
  const labels = tf.zeros([batch], 'int32');
  const scores = (x: tf.Tensor4D): tf.Tensor => {
    if (!(model instanceof VGG16)) return (model as Link & { call(x: tf.Tensor4D): tf.Tensor }).call(x);
    // The loss wants what comes before the softmax.
    const { pick } = model;
    model.pick = 'fc8';
    try {
      return model.call(x) as tf.Tensor;
    } finally {
      model.pick = pick;
    }
  };
  return (x) => optimizer.update((images: tf.Tensor4D) => softmaxCrossEntropy(scores(images), labels), x);
}
