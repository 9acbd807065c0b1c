/** TFLite files as chains: what the model that wrote them gives, names, gradients, and what is refused. */
import {
  averagePooling2D,
  Chain,
  Conv2DBNActiv,
  Convolution2D,
  DepthwiseConvolution2D,
  Linear,
  maxPooling2D,
  SGD,
  usingConfig,
} from '@chaingrad/core';
import { installFastKernels } from '@chaingrad/kernels';
import { exportTflite, importTflite, type OnnxChain, UnsupportedOperatorError } from '@chaingrad/onnx';
import { SSDMobileNetV2 } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, maxError } from '../../support/backends.ts';
import { rejection } from '../../support/errors.ts';
import { floats, Lambda } from '../export/support.ts';
import { operators } from '../tflite/operators.ts';

/** Every kind of layer that TFLite has an operator of its own for. */
class Layers extends Chain {
  conv = new Convolution2D(3, 8, 3, { stride: 2, pad: 1 });
  block = new Conv2DBNActiv(8, 8, 3, { pad: 1 });
  depthwise = new DepthwiseConvolution2D(8, 2, 3, { pad: 1 });
  fc = new Linear(24, 10);

  override forward(x: tf.Tensor4D): Record<string, tf.Tensor> {
    const a = this.conv.call(x);
    const b = tf.relu(tf.add(a, this.block.call(a))) as tf.Tensor4D;
    const c = tf.leakyRelu(this.depthwise.call(b) as tf.Tensor4D, 0.1);
    const pooled = tf.concat(
      [
        maxPooling2D(c, { ksize: 3, stride: 2, pad: 1, coverAll: false }),
        averagePooling2D(b, { ksize: 3, stride: 2, pad: 1 }),
      ],
      3,
    );
    const large = tf.image.resizeBilinear(pooled as tf.Tensor4D, [9, 7], false, true);
    const h = tf.mul(tf.sigmoid(large), tf.tanh(tf.clipByValue(large, -0.5, 0.5)));
    return {
      map: tf.transpose(h, [0, 3, 1, 2]),
      scores: tf.softmax(this.fc.call(tf.mean(h, [1, 2]) as tf.Tensor2D)),
    };
  }
}

type Outputs = Record<string, tf.Tensor>;

/** The largest difference between a chain and what came of its TFLite file. */
async function roundTrip(
  model: { call(x: tf.Tensor): unknown },
  network: OnnxChain<tf.Tensor | Outputs>,
  x: tf.Tensor,
): Promise<number> {
  const flat = (y: unknown): tf.Tensor[] => (y instanceof tf.Tensor ? [y] : Object.values(y as Outputs));
  const [theirs, ours] = usingConfig('train', false, () => [flat(model.call(x)), flat(network.call(x))]);
  expect(ours!.length).to.equal(theirs!.length);
  let worst = 0;
  for (const [i, y] of ours!.entries()) {
    expect(y.shape).to.deep.equal(theirs![i]!.shape);
    worst = Math.max(worst, maxError(await y.data(), await theirs![i]!.data()));
  }
  tf.dispose([theirs!, ours!]);
  return worst;
}

describeBackends('importTflite', () => {
  before(() => installFastKernels('wasm'));

  it('gives what the chain gives whose file it is, and holds no tensor afterwards', async () => {
    const before = tf.memory().numTensors;
    const model = new Layers().initialize([1, 20, 16, 3]);
    const bytes = await exportTflite(model, [[1, 20, 16, 3]], { outputNames: ['map', 'scores'] });
    const network = await importTflite<Outputs>(bytes);
    expect(network.outputs.map(({ name }) => name)).to.deep.equal(['map', 'scores']);
    const paths = Object.fromEntries([...network.namedparams()].map(([path, { shape }]) => [path, shape]));
    // Filters have the shapes and, but for what exporters make of them, the names that they have here.
    expect(Object.values(paths))
      .to.deep.include([8, 3, 3, 3])
      .and.deep.include([16, 1, 3, 3])
      .and.deep.include([10, 24]);
    const x = tf.tensor(floats([1, 20, 16, 3]).data, [1, 20, 16, 3]);
    expect(await roundTrip(model as never, network, x)).to.be.at.most(1e-5);
    tf.dispose([x]);
    network.dispose();
    model.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('SSDMobileNetV2: the file of its package, with half precision weights, gives what the detector gives', async () => {
    using model = await SSDMobileNetV2.fromPretrained();
    using network = await importTflite<Outputs>('ssd-mobilenet-v2-oid');
    const x = tf.tensor(floats([1, 300, 300, 3], 5).data, [1, 300, 300, 3]);
    const ours = usingConfig('train', false, () => network.call(x));
    const [offsets, classes] = usingConfig('train', false, () => model.call(x as tf.Tensor4D));
    const shaped = Object.values(ours);
    const like = (wanted: tf.Tensor) => shaped.find(({ size }) => size === wanted.size)!;
    expect(maxError(await like(offsets).data(), await offsets.data())).to.be.at.most(1e-4);
    expect(maxError(await like(classes).data(), await classes.data())).to.be.at.most(1e-4);
    tf.dispose([x, shaped, offsets, classes]);
  });

  it('learns, and gives values inside of the graph by name', async () => {
    using model = new Layers().initialize([1, 20, 16, 3]);
    const bytes = await exportTflite(model, [[1, 20, 16, 3]], { outputNames: ['map', 'scores'] });
    using network = await importTflite(bytes, { outputs: ['scores'] });
    const x = tf.tensor(floats([1, 20, 16, 3]).data, [1, 20, 16, 3]);
    const optimizer = new SGD({ lr: 0.5 }).setup(network);
    const losses: number[] = [];
    for (let step = 0; step < 5; step++) {
      const loss = optimizer.update(() =>
        tf.neg(tf.log(tf.sum(tf.slice(network.call(x) as tf.Tensor2D, [0, 3], [1, 1])))),
      )!;
      losses.push((await loss.data())[0]!);
      loss.dispose();
    }
    expect(losses.at(-1)).to.be.below(losses[0]!);
    x.dispose();
  });

  for (const [name, make] of Object.entries(operators))
    it(`${name}: out as TFLite, and in again`, async () => {
      using model = make();
      model.initialize([1, 6, 4, 8]);
      using network = await importTflite(await exportTflite(model, [[1, 6, 4, 8]]));
      const x = tf.tensor(floats([1, 6, 4, 8]).data, [1, 6, 4, 8]);
      expect(await roundTrip(model as never, network, x)).to.be.at.most(1e-5);
      x.dispose();
    });

  it('names the operator that it has no translation for', async () => {
    using model = new Lambda(((x: tf.Tensor) => tf.log(tf.sqrt(x))) as never);
    const bytes = await exportTflite(model, [[1, 4]]);
    // The number of the operator, which is in the file twice: as a byte and as an integer.
    const damaged = bytes.map((byte) => (byte === 75 ? 120 : byte));
    const error = await rejection(importTflite(damaged), UnsupportedOperatorError);
    expect(error.message).to.match(/operator 120.*this operator of TFLite is not imported/);
  });
}, ['wasm', 'cpu']);
