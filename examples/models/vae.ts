/**
 * A variational autoencoder of Fashion-MNIST.
 *
 *     npx tsx --conditions=chaingrad-source examples/models/vae.ts [--steps 600]
 */
import {
  Adam,
  add,
  bernoulliNLL,
  Chain,
  div,
  gaussian,
  gaussianKLDivergence,
  Linear,
  randomNormal,
  relu,
  reshape,
  setSeed,
  sigmoid,
  type Tensor,
  type Tensor2D,
  useBackend,
} from '@chaingrad/core';
import { draw, fashion, stepsOf } from './data.ts';

// #region model
class VAE extends Chain {
  readonly encoder = new Linear(784, 200);
  readonly mean = new Linear(200, 8);
  readonly lnVar = new Linear(200, 8);
  readonly decoder1 = new Linear(8, 200);
  readonly decoder2 = new Linear(200, 784);

  encode(x: Tensor2D): [mean: Tensor2D, lnVar: Tensor2D] {
    const h = relu(this.encoder.call(x));
    return [this.mean.call(h), this.lnVar.call(h)];
  }

  decode(z: Tensor2D): Tensor2D {
    return this.decoder2.call(relu(this.decoder1.call(z)));
  }

  /** The loss of a picture: what decoding loses, and how far codes are from N(0, 1). */
  override forward(x: Tensor2D): Tensor {
    const [mean, lnVar] = this.encode(x);
    const z = gaussian(mean, lnVar);
    const lost = bernoulliNLL(x, this.decode(z));
    const far = gaussianKLDivergence(mean, lnVar);
    return div(add(lost, far), x.shape[0]);
  }
}
// #endregion model

const steps = stepsOf(600);
setSeed(0);
await useBackend('auto');
const train = await fashion('train', 60000);

// #region training
const model = new VAE();
const optimizer = new Adam({ alpha: 1e-3 }).setup(model);

for (let step = 1; step <= steps; step++) {
  const { x, t } = draw(train, 64);
  const flat: Tensor2D = reshape(x, [64, 784]);
  const loss = optimizer.update(model, flat);
  if (step % 10 === 0) console.log(`step ${step}: loss ${(await loss.data())[0]!.toFixed(1)}`);
  for (const tensor of [x, t, flat]) tensor.dispose();
}

const drawn = model.evaluating(() => sigmoid(model.decode(randomNormal([3, 8]))));
const pixels = await drawn.data();
for (let row = 0; row < 28; row += 2) {
  const line = Array.from({ length: 3 * 28 }, (_, i) => {
    const shade = pixels[Math.floor(i / 28) * 784 + row * 28 + (i % 28)]!;
    return ' .:-=+*#%@'[Math.min(9, Math.floor(10 * shade))];
  });
  console.log(line.join(''));
}
// #endregion training
console.log(`${model.countParams()} parameters`);
