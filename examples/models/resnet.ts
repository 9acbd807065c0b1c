/**
 * A residual network on Fashion-MNIST.
 *
 *     npx tsx --conditions=chaingrad-source examples/models/resnet.ts [--steps 400]
 */
import {
  accuracy,
  add,
  BatchNormalization,
  Chain,
  Convolution2D,
  globalAveragePooling2D,
  Linear,
  MomentumSGD,
  relu,
  Sequential,
  setSeed,
  softmaxCrossEntropy,
  type Tensor,
  type Tensor4D,
  useBackend,
  WeightDecay,
} from '@chaingrad/core';
import { draw, fashion, stepsOf, whole } from './data.ts';

// #region model
class Block extends Chain {
  readonly conv1: Convolution2D;
  readonly bn1: BatchNormalization;
  readonly conv2: Convolution2D;
  readonly bn2: BatchNormalization;
  readonly shortcut: Convolution2D | null;

  constructor(from: number, to: number, stride = 1) {
    super();
    this.conv1 = new Convolution2D(from, to, 3, { stride, pad: 1, nobias: true });
    this.bn1 = new BatchNormalization(to);
    this.conv2 = new Convolution2D(to, to, 3, { pad: 1, nobias: true });
    this.bn2 = new BatchNormalization(to);
    this.shortcut = from === to ? null : new Convolution2D(from, to, 1, { stride, nobias: true });
  }

  override forward(x: Tensor4D): Tensor4D {
    let h: Tensor4D = relu(this.bn1.call(this.conv1.call(x)));
    h = this.bn2.call(this.conv2.call(h));
    return relu(add(h, this.shortcut === null ? x : this.shortcut.call(x)) as Tensor4D);
  }
}

class ResNet extends Chain {
  readonly conv = new Convolution2D(1, 16, 3, { pad: 1, nobias: true });
  readonly bn = new BatchNormalization(16);
  readonly blocks = new Sequential(new Block(16, 16), new Block(16, 32, 2), new Block(32, 64, 2));
  readonly fc = new Linear(64, 10);

  override forward(x: Tensor4D): Tensor {
    let h = relu(this.bn.call(this.conv.call(x)));
    h = this.blocks.call(h) as Tensor4D;
    return this.fc.call(globalAveragePooling2D(h));
  }
}
// #endregion model

const steps = stepsOf(400);
setSeed(0);
await useBackend('auto');
const train = await fashion('train', 60000);
const test = whole(await fashion('test', 500));

// #region training
const model = new ResNet();
const optimizer = new MomentumSGD({ lr: 0.02, momentum: 0.9 }).setup(model);
optimizer.addHook(new WeightDecay(1e-4));

for (let step = 1; step <= steps; step++) {
  const { x, t } = draw(train, 32);
  const loss = optimizer.update(() => softmaxCrossEntropy(model.call(x), t));
  if (step % 10 === 0) console.log(`step ${step}: loss ${(await loss.data())[0]!.toFixed(3)}`);
  x.dispose();
  t.dispose();
}

const right = model.evaluating(() => accuracy(model.call(test.x), test.t));
console.log(`${(100 * (await right.data())[0]!).toFixed(1)} % of the test pictures right`);
// #endregion training
console.log(`${model.countParams()} parameters`);
