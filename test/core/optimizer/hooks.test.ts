import {
  GradientClipping,
  GradientHardClipping,
  GradientLARS,
  GradientNoise,
  GradientScaling,
  Lasso,
  Link,
  type OptimizerHook,
  Parameter,
  Random,
  SGD,
  WeightDecay,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';

class Two extends Link {
  readonly a = new Parameter([3, -4, 0]);
  readonly b = new Parameter([0.001]);
}

/** The gradients (1, -2, 2) and (4) after the hook, and with `frozen` those of a model whose `b` is frozen. */
async function after(hook: OptimizerHook, frozen = false): Promise<[a: number[], b: number[]]> {
  const model = new Two();
  model.b.frozen = frozen;
  const optimizer = new SGD().setup(model).addHook(hook);
  tf.tidy(() => {
    model.a.grad = tf.tensor1d([1, -2, 2]);
    model.b.grad = tf.tensor1d([4]);
  });
  const before = tf.memory().numTensors;
  optimizer.callHooks('post');
  expect([...(await model.a.grad!.data())], 'hooks run before the update').to.deep.equal([1, -2, 2]);
  optimizer.callHooks('pre');
  expect(tf.memory().numTensors, 'tensors').to.equal(before);
  const result: [number[], number[]] = [[...(await model.a.grad!.data())], [...(await model.b.grad!.data())]];
  model.dispose();
  return result;
}

const rows: { hook: () => OptimizerHook; a: number[]; b: number[]; aIfFrozen?: number[] }[] = [
  { hook: () => new WeightDecay(0.1), a: [1.3, -2.4, 2], b: [4.0001] },
  { hook: () => new Lasso(0.1), a: [1.1, -2.1, 2], b: [4.1] },
  { hook: () => new GradientScaling(3), a: [3, -6, 6], b: [12] },
  { hook: () => new GradientHardClipping(-1.5, 1.75), a: [1, -1.5, 1.75], b: [1.75] },
  // The global norm is 5; that of `a` alone 3.
  { hook: () => new GradientClipping(2.5), a: [0.5, -1, 1], b: [2], aIfFrozen: [2.5 / 3, -5 / 3, 5 / 3] },
  { hook: () => new GradientClipping(5.5), a: [1, -2, 2], b: [4] },
  // |a| = 5, |grad a| = 3, so the rate is 5 / (3 + 0.1 * 5); |b| is below the threshold.
  {
    hook: () => new GradientLARS({ weightDecay: 0.1 }),
    a: [1.3, -2.4, 2].map((g) => (g * 5) / 3.5),
    b: [4.0001],
  },
];

describeBackends('optimizer hooks', () => {
  for (const { hook, a, b, aIfFrozen } of rows) {
    it(`${hook().name} changes the gradients by its formula, not those of a frozen parameter`, async () => {
      const [gotA, gotB] = await after(hook());
      expectClose(gotA, a, 1e-5);
      expectClose(gotB, b, 1e-5);
      const [withFrozen, untouched] = await after(hook(), true);
      expectClose(withFrozen, aIfFrozen ?? a, 1e-5);
      expect(untouched).to.deep.equal([4]);
    });
  }

  it('WeightDecay waits for the step where no hook comes after it, and no longer', async () => {
    const updated = async (arrange: (optimizer: SGD, model: Two) => void) => {
      const model = new Two();
      const optimizer = new SGD({ lr: 1 }).setup(model);
      arrange(optimizer, model);
      tf.tidy(() => {
        model.a.grad = tf.tensor1d([1, -2, 2]);
      });
      const before = [...(await model.a.tensor.data())];
      optimizer.update();
      const after = await model.a.tensor.data();
      const grad = [...(await model.a.grad!.data())];
      const moved = before.map((value, i) => value - after[i]!);
      optimizer.dispose();
      model.dispose();
      return { moved, grad };
    };
    const decayed = [1.3, -2.4, 2];
    // Of the optimizer, of the rule, of both: the step adds it, the gradient stays.
    for (const [arrange, expected] of [
      [(optimizer: SGD) => optimizer.addHook(new WeightDecay(0.1)), decayed],
      [(_: SGD, model: Two) => model.a.updateRule!.addHook(new WeightDecay(0.1)), decayed],
      [
        (optimizer: SGD, model: Two) => {
          optimizer.addHook(new WeightDecay(0.06));
          model.a.updateRule!.addHook(new WeightDecay(0.04));
        },
        decayed,
      ],
    ] as const) {
      const { moved, grad } = await updated(arrange);
      expectClose(moved, expected, 1e-5);
      expect(grad).to.deep.equal([1, -2, 2]);
    }
    // A hook that comes later sees it.
    for (const { moved, grad } of [
      await updated((optimizer) => optimizer.addHook(new WeightDecay(0.1)).addHook(new GradientScaling(3))),
      await updated((optimizer, model) => {
        optimizer.addHook(new WeightDecay(0.1));
        model.a.updateRule!.addHook(new GradientScaling(3));
      }),
    ]) {
      const tripled = decayed.map((g) => 3 * g);
      expectClose(moved, tripled, 1e-5);
      expectClose(grad, tripled, 1e-5);
    }
    // A rule that is switched off has it in its gradient, and does not keep it for later.
    const off = await updated((optimizer, model) => {
      optimizer.addHook(new WeightDecay(0.1));
      model.a.updateRule!.enabled = false;
    });
    expectClose(off.moved, [0, 0, 0], 0);
    expectClose(off.grad, decayed, 1e-5);
  });

  it('GradientClipping leaves gradients of norm 0 as they are', async () => {
    const model = new Two();
    const optimizer = new SGD().setup(model).addHook(new GradientClipping(1));
    optimizer.callHooks('pre');
    expectClose(await model.a.grad!.data(), [0, 0, 0], 0);
    model.dispose();
  });

  it('GradientNoise adds seeded noise whose variance falls with the updates', async () => {
    class Big extends Link {
      readonly p = new Parameter(0, [20000]);
    }
    const deviation = async (updates: number, seed: number) => {
      const model = new Big();
      const optimizer = new SGD().setup(model).addHook(new GradientNoise(0.3, new Random(seed)));
      model.p.updateRule!.t = updates;
      optimizer.callHooks('pre');
      const noise = [...(await model.p.grad!.data())];
      model.dispose();
      return { first: noise[0]!, std: Math.sqrt(noise.reduce((sum, n) => sum + n * n, 0) / noise.length) };
    };
    const early = await deviation(0, 1);
    expect(early.std).to.be.closeTo(Math.sqrt(0.3), 0.02);
    expect((await deviation(99, 1)).std).to.be.closeTo(Math.sqrt(0.3 / 100 ** 0.55), 0.01);
    expect((await deviation(0, 1)).first).to.equal(early.first);
    expect((await deviation(0, 2)).first).not.to.equal(early.first);
  });
});
