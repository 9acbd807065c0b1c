/**
 * Functions with gradients of one's own: a sign that lets gradients through, so that a network of nothing but yes and no can learn,
 * and Swish computed again in the backward pass instead of kept.
 *
 *     npx tsx --conditions=chaingrad-source examples/models/functions.ts [--steps 300]
 */
import {
  Adam,
  abs,
  accuracy,
  add,
  Chain,
  cast,
  grad,
  Linear,
  lessEqual,
  linear,
  mul,
  Parameter,
  setSeed,
  sigmoid,
  sign,
  softmaxCrossEntropy,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  tensor1d,
  useBackend,
  withGradient,
} from '@chaingrad/core';
import { draw, fashion, stepsOf, whole } from './data.ts';

// #region model
/** -1 or 1; its gradient is that of clipping to -1..1 (a straight-through estimator). */
const binarize = (x: Tensor): Tensor =>
  withGradient(
    x,
    (x) => ({ value: sign(x), save: [x] }),
    (dy, [x]) => mul(dy, cast(lessEqual(abs(x!), 1), 'float32')),
  );

/** x sigmoid(x), of which only x is kept. */
const swish = (x: Tensor): Tensor =>
  withGradient(
    x,
    (x) => ({ value: mul(x, sigmoid(x)), save: [x] }),
    (dy, [x]) => {
      const s = sigmoid(x!);
      return mul(dy, add(s, mul(x!, mul(s, sub(1, s)))));
    },
  );

/** A layer whose weights are -1 or 1, times a scale. */
class BinaryLinear extends Chain {
  readonly fc: Linear;
  readonly scale: Parameter;

  constructor(from: number, to: number) {
    super();
    this.fc = new Linear(from, to, { nobias: true });
    this.scale = new Parameter(from ** -0.5, [1]);
  }

  override forward(x: Tensor): Tensor {
    return mul(linear(x, binarize(this.fc.W.tensor) as Tensor2D), this.scale.tensor);
  }
}
// #endregion model

class Net extends Chain {
  readonly l1 = new BinaryLinear(784, 128);
  readonly l2 = new BinaryLinear(128, 128);
  readonly l3 = new Linear(128, 10);

  override forward(x: Tensor): Tensor {
    const h = swish(this.l1.call(x));
    return this.l3.call(binarize(this.l2.call(h)));
  }
}

/** How far a gradient is from differences of its function, at most. */
function furthest(f: (x: Tensor) => Tensor, at: number[], eps = 1e-2): number {
  const derived = grad((x) => sum(f(x)))(tensor1d(at)).dataSync();
  const far = tensor1d(at.map((x) => x + eps));
  const near = tensor1d(at.map((x) => x - eps));
  const differences = sub(f(far), f(near)).dataSync();
  return Math.max(...at.map((_, i) => Math.abs(derived[i]! - differences[i]! / (2 * eps))));
}

const steps = stepsOf(300);
setSeed(0);
await useBackend('auto');
const train = await fashion('train', 60000);
const test = whole(await fashion('test', 1000));

// #region training
console.log(`swish: within ${furthest(swish, [-3, -1, 0, 0.5, 2]).toExponential(0)} of differences`);

const model = new Net();
const optimizer = new Adam({ alpha: 1e-3 }).setup(model);
for (let step = 1; step <= steps; step++) {
  const { x, t } = draw(train, 64);
  const loss = optimizer.update(() => softmaxCrossEntropy(model.call(x), t));
  if (step % 10 === 0) console.log(`step ${step}: loss ${(await loss.data())[0]!.toFixed(3)}`);
  x.dispose();
  t.dispose();
}

const right = model.evaluating(() => accuracy(model.call(test.x), test.t));
console.log(`${(100 * (await right.data())[0]!).toFixed(1)} % of the test pictures right`);
// #endregion training
console.log(`${model.countParams()} parameters`);
