/** The models of chaingrad among the graphs, with the parameters that all sides have. */
import { Chain, Convolution2D, Linear, type Link } from '@chaingrad/core';
import { SSD300, SSD512, SSDMobileNetV2, VGG16 } from '@chaingrad/vision';
import { load, MemoryWeights } from '@chaingrad/weights';
import type * as tf from '@tensorflow/tfjs-core';
import type { Graph } from '../models/graph.ts';
import { drawParam } from '../models/weights.ts';

/** The network of `small`. */
export class Small extends Chain {
  readonly conv1 = new Convolution2D(3, 32, 3, { pad: 1 });
  readonly conv2 = new Convolution2D(32, 64, 3, { pad: 1, stride: 2 });
  readonly conv3 = new Convolution2D(64, 64, 3, { pad: 1 });
  readonly conv4 = new Convolution2D(64, 128, 3, { pad: 1, stride: 2 });
  readonly conv5 = new Convolution2D(128, 128, 3, { pad: 1 });
  readonly fc = new Linear(8 * 8 * 128, 10);

  override forward(x: tf.Tensor4D): tf.Tensor2D {
    let h = x;
    for (const conv of [this.conv1, this.conv2, this.conv3, this.conv4, this.conv5]) h = conv.call(h, 'relu');
    return this.fc.call(h);
  }
}

const makers: Readonly<Record<string, () => Link>> = {
  ssd300: () => new SSD300({ nFgClass: 20 }),
  ssd512: () => new SSD512({ nFgClass: 20 }),
  vgg16: () => new VGG16(),
  'ssd-mobilenet-v2': () => new SSDMobileNetV2({ nFgClass: 23 }),
  small: () => new Small(),
};

/** The model that a graph is the picture of, without values; null where it is none. */
export const modelOf = (graph: Graph): Link | null => makers[graph.name]?.() ?? null;

/** Gives a model the parameters that are drawn for its graph. */
export async function loadDrawn(model: Link, graph: Graph): Promise<void> {
  const arrays = new Map(
    [...graph.params].map(([name, shape]) => [
      name,
      { shape, dtype: 'float32' as const, data: drawParam(graph, name) },
    ]),
  );
  await load(model, new MemoryWeights(graph.name, 'npz', arrays));
}
