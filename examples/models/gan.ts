/**
 * A Wasserstein GAN with gradient penalty (Gulrajani et al., 2017) that draws sneakers of Fashion-MNIST: two models, two optimizers,
 * and a gradient of a gradient.
 *
 *     npx tsx --conditions=chaingrad-source examples/models/gan.ts [--steps 300]
 */
import {
  Adam,
  add,
  BatchNormalization,
  Chain,
  Convolution2D,
  Deconvolution2D,
  dispose,
  grad,
  Linear,
  leakyRelu,
  mean,
  mul,
  neg,
  type Rank,
  randomNormal,
  randomUniform,
  relu,
  report,
  reshape,
  setSeed,
  sigmoid,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  tidy,
  useBackend,
} from '@chaingrad/core';
import {
  LogReport,
  PrintReport,
  type ReportScope,
  SerialIterator,
  StandardUpdater,
  Trainer,
} from '@chaingrad/training';
import { batch, fashion, stepsOf, whole } from './data.ts';

// #region model
class Generator extends Chain {
  readonly fc = new Linear(16, 7 * 7 * 32);
  readonly bn = new BatchNormalization(32);
  readonly up1 = new Deconvolution2D(32, 16, 4, { stride: 2, pad: 1 });
  readonly up2 = new Deconvolution2D(16, 1, 4, { stride: 2, pad: 1 });

  override forward(z: Tensor2D): Tensor4D {
    let h: Tensor4D = reshape(this.fc.call(z), [-1, 7, 7, 32]);
    h = relu(this.bn.call(h));
    h = relu(this.up1.call(h));
    return sigmoid(this.up2.call(h));
  }
}

class Critic extends Chain {
  readonly conv1 = new Convolution2D(1, 16, 4, { stride: 2, pad: 1 });
  readonly conv2 = new Convolution2D(16, 32, 4, { stride: 2, pad: 1 });
  readonly fc = new Linear(7 * 7 * 32, 1);

  override forward(x: Tensor4D): Tensor {
    const h = leakyRelu(this.conv1.call(x));
    return this.fc.call(leakyRelu(this.conv2.call(h)));
  }
}

function penalty(critic: Critic, real: Tensor4D, fake: Tensor4D): Tensor {
  const share = randomUniform([real.shape[0], 1, 1, 1]);
  const between = add(mul(real, share), mul(fake, sub(1, share)));
  const slope = grad((x) => sum(critic.call(x as Tensor4D)))(between);
  const length = sqrt(add(sum(square(slope), [1, 2, 3]), 1e-12));
  return mean(square(sub(length, 1)));
}
// #endregion model

const steps = stepsOf(300);
setSeed(0);
await useBackend('auto');
const sneakers = await fashion('train', 6000, [7]);

// #region training
class Updater extends StandardUpdater<number> {
  protected override async updateCore(scope: ReportScope): Promise<void> {
    const [gen, critic] = [this.getOptimizer('gen'), this.getOptimizer('critic')];
    const generator = gen.target as Generator;
    const judge = critic.target as Critic;

    for (let i = 0; i < 3; i++) {
      const { value: indices } = await this.getIterator('main').next();
      const { x: real, t } = batch(sneakers, indices!);
      const fake = tidy(() => generator.call(randomNormal([32, 16])));
      scope(() =>
        critic.update(() => {
          const distance = sub(mean(judge.call(real)), mean(judge.call(fake)));
          report({ distance }, judge);
          return add(neg(distance), mul(10, penalty(judge, real, fake)));
        }),
      );
      dispose([real, t, fake]);
    }

    const z = randomNormal<Rank.R2>([32, 16]);
    gen.update(() => neg(mean(judge.call(generator.call(z)))));
    z.dispose();
  }
}

const generator = new Generator();
const critic = new Critic().initialize([1, 28, 28, 1]);
const settings = { alpha: 1e-3, beta1: 0.5, beta2: 0.9 };
const optimizers = {
  gen: new Adam(settings).setup(generator),
  critic: new Adam(settings).setup(critic),
};
const updater = new Updater(new SerialIterator([...sneakers.labels.keys()], 32), optimizers);
const trainer = new Trainer(updater, [steps, 'iteration'], { out: 'result/gan' });
trainer.extend(new LogReport({ trigger: [Math.ceil(steps / 10), 'iteration'] }));
trainer.extend(new PrintReport(['iteration', 'critic/distance', 'elapsed_time']));
// #endregion training

/** How far the mean of drawn pictures is from that of the real ones, in shades of 0..1. */
const { x, t } = whole(await fashion('test', 1000, [7]));
async function error(): Promise<number> {
  const difference = generator.evaluating(() => {
    const drawn = generator.call(randomNormal([500, 16]));
    return mean(sqrt(square(sub(mean(drawn, 0), mean(x, 0)))));
  });
  const value = (await difference.data())[0]!;
  difference.dispose();
  return value;
}
console.log(`before: the mean picture is off by ${(await error()).toFixed(3)}`);
await trainer.run();
console.log(`after: the mean picture is off by ${(await error()).toFixed(3)}`);
dispose([x, t]);
console.log(`${generator.countParams() + critic.countParams()} parameters`);
