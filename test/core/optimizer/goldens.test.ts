/** Every optimizer and hook of the goldens: five steps of the real Chainer, with losses, values and state. */
import {
  AdaBound,
  AdaDelta,
  AdaGrad,
  Adam,
  AdamW,
  AMSGrad,
  CorrectedMomentumSGD,
  GradientClipping,
  GradientHardClipping,
  GradientScaling,
  Lasso,
  MomentumSGD,
  NesterovAG,
  type Optimizer,
  RMSprop,
  RMSpropGraves,
  SGD,
  SMORMS3,
  WeightDecay,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { batch, golden, goldenArray, goldenMLP, lossOf, type MLP } from './mlp.ts';

interface SetUp {
  make(): Optimizer;
  /** Hooks and freezing, after `setup`. */
  arrange?(optimizer: Optimizer, model: MLP): void;
}

const sgd = (lr: number, arrange?: SetUp['arrange']): SetUp => ({ make: () => new SGD({ lr }), arrange });

const setUps: Record<string, SetUp> = {
  SGD: sgd(0.1),
  MomentumSGD: { make: () => new MomentumSGD({ lr: 0.05 }) },
  NesterovAG: { make: () => new NesterovAG({ lr: 0.05 }) },
  CorrectedMomentumSGD: { make: () => new CorrectedMomentumSGD({ lr: 0.05 }) },
  Adam: { make: () => new Adam({ alpha: 0.01 }) },
  AdamW: { make: () => new AdamW({ alpha: 0.01, eta: 0.5, weightDecayRate: 0.1 }) },
  AMSGrad: { make: () => new AMSGrad({ alpha: 0.01 }) },
  AdaBound: { make: () => new AdaBound({ alpha: 0.01, finalLr: 0.1 }) },
  AdaGrad: { make: () => new AdaGrad({ lr: 0.05 }) },
  AdaDelta: { make: () => new AdaDelta({ rho: 0.95, eps: 1e-6 }) },
  RMSprop: { make: () => new RMSprop({ lr: 0.01, alpha: 0.99, eps: 1e-8 }) },
  RMSpropGraves: { make: () => new RMSpropGraves({ lr: 0.01 }) },
  SMORMS3: { make: () => new SMORMS3({ lr: 0.01 }) },
  'SGD+WeightDecay': sgd(0.1, (optimizer) => optimizer.addHook(new WeightDecay(0.1))),
  'SGD+Lasso': sgd(0.1, (optimizer) => optimizer.addHook(new Lasso(0.05))),
  'SGD+GradientClipping': sgd(0.5, (optimizer) => optimizer.addHook(new GradientClipping(0.2))),
  'SGD+GradientHardClipping': sgd(0.5, (optimizer) =>
    optimizer.addHook(new GradientHardClipping(-0.05, 0.04)),
  ),
  'Adam+WeightDecay': {
    make: () => new Adam({ alpha: 0.01 }),
    arrange: (optimizer) => optimizer.addHook(new WeightDecay(0.1)),
  },
  'SGD+GradientScaling': sgd(0.1, (optimizer) => optimizer.addHook(new GradientScaling(3))),
  'MomentumSGD+ssd_hooks': {
    make: () => new MomentumSGD({ lr: 0.05 }),
    arrange: (_, model) => {
      for (const param of model.params())
        param.updateRule!.addHook(param.name === 'b' ? new GradientScaling(2) : new WeightDecay(0.0005));
    },
  },
  'SGD+two_hooks_in_order': sgd(0.1, (optimizer, model) => {
    for (const param of model.params())
      param.updateRule!.addHook(new GradientScaling(2)).addHook(new WeightDecay(0.1));
    optimizer.addHook(new GradientHardClipping(-0.05, 0.05));
  }),
  'SGD+l1_disabled': sgd(0.1, (_, model) => model.l1.disableUpdate()),
};

const camelCase = (name: string) => name.replace(/_(.)/g, (_, c: string) => c.toUpperCase());

describe('optimizers of the goldens', () => {
  it('are all set up here, and have the hyperparameters and state keys of Chainer', () => {
    expect(Object.keys(setUps)).to.have.members(Object.keys(golden.optimizers));
    for (const [name, { hyperparams, state_keys }] of Object.entries(golden.optimizers)) {
      const optimizer = setUps[name]!.make();
      for (const [key, value] of Object.entries(hyperparams))
        expect(optimizer.hyperparam[camelCase(key)], `${name}.${key}`).to.equal(value);
      expect([...optimizer.createUpdateRule().stateKeys], name).to.have.members(state_keys);
    }
  });
});

describeBackends('optimizers, five steps', () => {
  // Some rules divide by small differences, so the backends' last bits grow.
  const tolerance = 5e-5;
  for (const [name, { make, arrange }] of Object.entries(setUps)) {
    it(`${name} gives Chainer's losses, values and state, and keeps no tensor more from step 2 on`, async () => {
      const before = tf.memory().numTensors;
      const want = golden.optimizers[name]!;
      const model = goldenMLP();
      const optimizer = make().setup(model);
      arrange?.(optimizer, model);
      const { x, t } = batch();
      const tensors: number[] = [];
      for (let step = 1; step <= 5; step++) {
        const loss = optimizer.update(lossOf, model, x, t);
        expectClose(await loss.data(), [want.losses[step - 1]!], 1e-5, `loss ${step}`);
        for (const [path, param] of model.namedparams()) {
          const expected = goldenArray(`opt/${name}/step${step}${path}`);
          expectClose(await param.tensor.data(), expected, tolerance, `${path} after step ${step}`);
        }
        tensors.push(tf.memory().numTensors);
      }
      expect(tensors.slice(1), 'tensors after each step').to.deep.equal(Array(4).fill(tensors[0]));
      expect(optimizer.t).to.equal(want.t);
      for (const key of want.state_keys) {
        const state = model.l1.W.updateRule!.state.get(key)!;
        expectClose(await state.data(), goldenArray(`opt/${name}/state/l1/W/${key}`), tolerance, key);
      }
      optimizer.dispose();
      model.dispose();
      tf.dispose([x, t]);
      expect(tf.memory().numTensors, 'tensors left').to.equal(before);
    });
  }
});
