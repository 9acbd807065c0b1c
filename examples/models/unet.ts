/**
 * A U-Net that marks discs in noise, pixel by pixel.
 *
 *     npx tsx --conditions=chaingrad-source examples/models/unet.ts [--steps 300]
 */
import {
  Adam,
  BatchNormalization,
  Chain,
  Convolution2D,
  concat,
  Deconvolution2D,
  maxPooling2D,
  relu,
  setSeed,
  sigmoidCrossEntropy,
  type Tensor4D,
  tensor4d,
  useBackend,
} from '@chaingrad/core';
import { rng, stepsOf } from './data.ts';

// #region model
class Double extends Chain {
  readonly conv1: Convolution2D;
  readonly bn1: BatchNormalization;
  readonly conv2: Convolution2D;
  readonly bn2: BatchNormalization;

  constructor(from: number, to: number) {
    super();
    this.conv1 = new Convolution2D(from, to, 3, { pad: 1 });
    this.bn1 = new BatchNormalization(to);
    this.conv2 = new Convolution2D(to, to, 3, { pad: 1 });
    this.bn2 = new BatchNormalization(to);
  }

  override forward(x: Tensor4D): Tensor4D {
    const h = relu(this.bn1.call(this.conv1.call(x)));
    return relu(this.bn2.call(this.conv2.call(h)));
  }
}

class UNet extends Chain {
  readonly down1 = new Double(1, 8);
  readonly down2 = new Double(8, 16);
  readonly bottom = new Double(16, 32);
  readonly up2 = new Deconvolution2D(32, 16, 2, { stride: 2 });
  readonly left2 = new Double(32, 16);
  readonly up1 = new Deconvolution2D(16, 8, 2, { stride: 2 });
  readonly left1 = new Double(16, 8);
  readonly out = new Convolution2D(8, 1, 1);

  override forward(x: Tensor4D): Tensor4D {
    const c1 = this.down1.call(x);
    const c2 = this.down2.call(maxPooling2D(c1, { ksize: 2 }));
    let h = this.bottom.call(maxPooling2D(c2, { ksize: 2 }));
    h = this.left2.call(concat([this.up2.call(h), c2], 3)); // channels are last
    h = this.left1.call(concat([this.up1.call(h), c1], 3));
    return this.out.call(h);
  }
}
// #endregion model

/** Pictures of a disc in noise, and where the disc is. */
function draw(count: number): { x: Tensor4D; t: Tensor4D } {
  const x = new Float32Array(count * 32 * 32);
  const t = new Int32Array(x.length);
  for (let i = 0; i < count; i++) {
    const [row, column, radius] = [rng.uniform(8, 24), rng.uniform(8, 24), rng.uniform(4, 8)];
    for (let p = 0; p < 1024; p++) {
      const inside = Math.hypot(Math.floor(p / 32) - row, (p % 32) - column) < radius;
      t[i * 1024 + p] = Number(inside);
      x[i * 1024 + p] = Number(inside) + rng.normal();
    }
  }
  const shape: [number, number, number, number] = [count, 32, 32, 1];
  return { x: tensor4d(x, shape), t: tensor4d(t, shape, 'int32') };
}

const steps = stepsOf(300);
setSeed(0);
await useBackend('auto');

// #region training
const model = new UNet();
const optimizer = new Adam({ alpha: 3e-3 }).setup(model);

for (let step = 1; step <= steps; step++) {
  const { x, t } = draw(16);
  const loss = optimizer.update(() => sigmoidCrossEntropy(model.call(x), t));
  if (step % 10 === 0) console.log(`step ${step}: loss ${(await loss.data())[0]!.toFixed(3)}`);
  x.dispose();
  t.dispose();
}

const { x, t } = draw(64);
const found = await model.evaluating(() => model.call(x)).data();
const wanted = await t.data();
let [both, either] = [0, 0];
for (let p = 0; p < wanted.length; p++) {
  both += Number(found[p]! > 0 && wanted[p] === 1);
  either += Number(found[p]! > 0 || wanted[p] === 1);
}
console.log(`intersection over union ${(both / either).toFixed(3)}`);
// #endregion training
console.log(`${model.countParams()} parameters`);
