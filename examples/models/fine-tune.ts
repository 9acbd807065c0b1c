/**
 * Fine-tuning: what a network has learnt of clothes is loaded from its file into one that is to tell shoes and bags apart, of which there
 * are only sixty pictures.
 *
 *     npx tsx --conditions=chaingrad-source examples/models/fine-tune.ts [--steps 300]
 */
import { mkdir } from 'node:fs/promises';
import {
  Adam,
  accuracy,
  BatchNormalization,
  Chain,
  Convolution2D,
  Linear,
  maxPooling2D,
  relu,
  Sequential,
  setSeed,
  softmaxCrossEntropy,
  type Tensor,
  type Tensor4D,
  useBackend,
} from '@chaingrad/core';
import { load, save } from '@chaingrad/weights';
import { draw, fashion, type Pictures, stepsOf, whole } from './data.ts';

// #region model
class Net extends Chain {
  readonly body = new Sequential(
    new Convolution2D(1, 16, 3, { pad: 1 }),
    new BatchNormalization(16),
    relu,
    (x: Tensor4D) => maxPooling2D(x, { ksize: 2 }),
    new Convolution2D(16, 32, 3, { pad: 1 }),
    new BatchNormalization(32),
    relu,
    (x: Tensor4D) => maxPooling2D(x, { ksize: 2 }),
  );
  readonly head: Linear;

  constructor(classes: number) {
    super();
    this.head = new Linear(32 * 7 * 7, classes);
  }

  override forward(x: Tensor4D): Tensor {
    return this.head.call(this.body.call(x) as Tensor);
  }
}
// #endregion model

/** Counts labels from 0. */
const from5 = ({ images, labels }: Pictures): Pictures => ({
  images,
  labels: labels.map((label) => label - 5),
});

const steps = stepsOf(300);
setSeed(0);
await useBackend('auto');
const clothes = await fashion('train', 30000, [0, 1, 2, 3, 4]);
const others = [5, 6, 7, 8, 9];
const few = from5(await fashion('train', 60, others));
const test = whole(from5(await fashion('test', 1000, others)));

async function train(name: string, optimizer: Adam, pictures: Pictures, count: number): Promise<void> {
  const model = optimizer.target as Net;
  for (let step = 1; step <= count; step++) {
    const { x, t } = draw(pictures, 32);
    const loss = optimizer.update(() => softmaxCrossEntropy(model.call(x), t));
    if (step % 10 === 0) console.log(`${name} step ${step}: loss ${(await loss.data())[0]!.toFixed(3)}`);
    x.dispose();
    t.dispose();
  }
}

async function right(model: Net): Promise<string> {
  const share = model.evaluating(() => accuracy(model.call(test.x), test.t));
  return `${(100 * (await share.data())[0]!).toFixed(1)} % of the test pictures right`;
}

// #region training
const first = new Net(5);
await train('clothes', new Adam({ alpha: 1e-3 }).setup(first), clothes, steps);
await mkdir('result', { recursive: true });
await save('result/clothes.safetensors', first);

const model = new Net(5);
const report = await load(model, 'result/clothes.safetensors', { match: 'common', ignore: /^\/head\// });
console.log(`loaded ${report.copied.length} arrays`);

const optimizer = new Adam({ alpha: 1e-3 }).setup(model);
model.body.at(0).disableUpdate(); // its values stay
optimizer.configure(/^\/body\//, { lrScale: 0.1 });
await train('others', optimizer, few, Math.ceil(steps / 5));
console.log(`fine-tuned: ${await right(model)}`);
// #endregion training

const fresh = new Net(5);
await train('fresh', new Adam({ alpha: 1e-3 }).setup(fresh), few, Math.ceil(steps / 5));
console.log(`from nothing: ${await right(fresh)}`);
console.log(`${model.countParams()} parameters`);
