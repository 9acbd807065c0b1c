/** Three steps of every rule against its formula in float64, with gradients that shrink, grow and change sign. */
import {
  AdaBound,
  AdaDelta,
  AdaGrad,
  Adam,
  AdamW,
  AMSBound,
  AMSGrad,
  CorrectedMomentumSGD,
  Link,
  MomentumSGD,
  NesterovAG,
  type Optimizer,
  Parameter,
  RMSprop,
  RMSpropGraves,
  SGD,
  SMORMS3,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';

/** One step of one number: state `s` is changed, the new value returned. */
type Formula = (p: number, g: number, s: Record<string, number>, t: number) => number;

const adam =
  (h: {
    alpha: number;
    eta?: number;
    decay?: number;
    max?: boolean;
    bounds?: { final: number; gamma: number };
  }): Formula =>
  (p, g, s, t) => {
    s.m = 0.9 * (s.m ?? 0) + 0.1 * g;
    s.v = 0.99 * (s.v ?? 0) + 0.01 * g * g;
    s.vhat = Math.max(s.vhat ?? 0, s.v);
    const rate = (h.alpha * Math.sqrt(1 - 0.99 ** t)) / (1 - 0.9 ** t);
    let size = rate / (Math.sqrt(h.max ? s.vhat : s.v) + 1e-8);
    if (h.bounds) {
      const { final, gamma } = h.bounds;
      size = Math.max(final * (1 - 1 / (gamma * t + 1)), Math.min(final * (1 + 1 / (gamma * t)), size));
    }
    return p - (h.eta ?? 1) * (size * s.m + (h.decay ?? 0) * p);
  };

const rows: { name: string; optimizer: () => Optimizer; formula: Formula }[] = [
  { name: 'SGD', optimizer: () => new SGD({ lr: 0.1 }), formula: (p, g) => p - 0.1 * g },
  {
    name: 'MomentumSGD',
    optimizer: () => new MomentumSGD({ lr: 0.1, momentum: 0.8 }),
    formula: (p, g, s) => {
      s.v = 0.8 * (s.v ?? 0) - 0.1 * g;
      return p + s.v;
    },
  },
  {
    name: 'NesterovAG',
    optimizer: () => new NesterovAG({ lr: 0.1, momentum: 0.8 }),
    formula: (p, g, s) => {
      s.v = 0.8 * (s.v ?? 0) - 0.1 * g;
      return p + 0.64 * s.v - 1.8 * 0.1 * g;
    },
  },
  {
    name: 'CorrectedMomentumSGD',
    optimizer: () => new CorrectedMomentumSGD({ lr: 0.1, momentum: 0.8 }),
    formula: (p, g, s) => {
      s.v = 0.8 * (s.v ?? 0) - g;
      return p + 0.1 * s.v;
    },
  },
  {
    name: 'Adam',
    optimizer: () => new Adam({ alpha: 0.01, beta2: 0.99 }),
    formula: adam({ alpha: 0.01 }),
  },
  {
    name: 'AdamW',
    optimizer: () => new AdamW({ alpha: 0.01, beta2: 0.99, eta: 0.5, weightDecayRate: 0.1 }),
    formula: adam({ alpha: 0.01, eta: 0.5, decay: 0.1 }),
  },
  {
    name: 'AMSGrad',
    optimizer: () => new AMSGrad({ alpha: 0.01, beta2: 0.99 }),
    formula: adam({ alpha: 0.01, max: true }),
  },
  {
    name: 'AdaBound',
    optimizer: () => new AdaBound({ alpha: 0.01, beta2: 0.99, finalLr: 0.02, gamma: 1 }),
    formula: adam({ alpha: 0.01, bounds: { final: 0.02, gamma: 1 } }),
  },
  {
    name: 'AMSBound',
    optimizer: () => new AMSBound({ alpha: 0.01, beta2: 0.99, finalLr: 0.02, gamma: 1 }),
    formula: adam({ alpha: 0.01, max: true, bounds: { final: 0.02, gamma: 1 } }),
  },
  {
    name: 'AdaGrad',
    optimizer: () => new AdaGrad({ lr: 0.1 }),
    formula: (p, g, s) => {
      s.h = (s.h ?? 0) + g * g;
      return p - (0.1 * g) / (Math.sqrt(s.h) + 1e-8);
    },
  },
  {
    name: 'AdaDelta',
    optimizer: () => new AdaDelta({ rho: 0.9, eps: 1e-3 }),
    formula: (p, g, s) => {
      s.msg = 0.9 * (s.msg ?? 0) + 0.1 * g * g;
      const dx = Math.sqrt(((s.msdx ?? 0) + 1e-3) / (s.msg + 1e-3)) * g;
      s.msdx = 0.9 * (s.msdx ?? 0) + 0.1 * dx * dx;
      return p - dx;
    },
  },
  {
    name: 'RMSprop',
    optimizer: () => new RMSprop({ lr: 0.1, alpha: 0.9, eps: 0.01 }),
    formula: (p, g, s) => {
      s.ms = 0.9 * (s.ms ?? 0) + 0.1 * g * g;
      return p - (0.1 * g) / (Math.sqrt(s.ms) + 0.01);
    },
  },
  {
    name: 'RMSprop, eps inside the root',
    optimizer: () => new RMSprop({ lr: 0.1, alpha: 0.9, eps: 0.01, epsInsideSqrt: true }),
    formula: (p, g, s) => {
      s.ms = 0.9 * (s.ms ?? 0) + 0.1 * g * g;
      return p - (0.1 * g) / Math.sqrt(s.ms + 0.01);
    },
  },
  {
    name: 'RMSpropGraves',
    optimizer: () => new RMSpropGraves({ lr: 0.01, alpha: 0.9, momentum: 0.8, eps: 0.01 }),
    formula: (p, g, s) => {
      s.n = 0.9 * (s.n ?? 0) + 0.1 * g * g;
      s.g = 0.9 * (s.g ?? 0) + 0.1 * g;
      s.delta = 0.8 * (s.delta ?? 0) - (0.01 * g) / Math.sqrt(s.n - s.g ** 2 + 0.01);
      return p + s.delta;
    },
  },
  {
    name: 'SMORMS3',
    optimizer: () => new SMORMS3({ lr: 0.6, eps: 1e-16 }),
    formula: (p, g, s) => {
      const mem = s.mem ?? 1;
      const r = 1 / (mem + 1);
      s.g = (1 - r) * (s.g ?? 0) + r * g;
      s.g2 = (1 - r) * (s.g2 ?? 0) + r * g * g;
      const x = (s.g * s.g) / (s.g2 + 1e-16);
      s.mem = 1 + mem * (1 - x);
      return p - (g * Math.min(0.6, x)) / (Math.sqrt(s.g2) + 1e-16);
    },
  },
];

class One extends Link {
  readonly p = new Parameter([1, -2, 0.5]);
}

const gradients = [
  [0.5, -1, 2],
  [0.1, -3, -0.25],
  [-0.2, -0.01, 1],
];

describeBackends('update rules, three steps', () => {
  for (const { name, optimizer: make, formula } of rows) {
    it(`${name} follows its formula`, async () => {
      const model = new One();
      const optimizer = make().setup(model);
      const want = [1, -2, 0.5];
      const states: Record<string, number>[] = [{}, {}, {}];
      for (const [step, gradient] of gradients.entries()) {
        tf.tidy(() => {
          model.p.grad = tf.tensor1d(gradient);
          optimizer.update();
        });
        for (const i of want.keys()) want[i] = formula(want[i]!, gradient[i]!, states[i]!, step + 1);
        expectClose(await model.p.tensor.data(), want, 1e-5, `values after step ${step + 1}`);
      }
      for (const [key, tensor] of model.p.updateRule!.state) {
        expectClose(
          await tensor.data(),
          states.map((s) => s[key]!),
          1e-5,
          key,
        );
      }
      optimizer.dispose();
      model.dispose();
    });
  }
});

describeBackends('Adam', () => {
  it('tells the corrected step size', () => {
    const optimizer = new Adam({ alpha: 0.01 });
    optimizer.t = 3;
    const want = (0.01 * Math.sqrt(1 - 0.999 ** 3)) / (1 - 0.9 ** 3);
    expect(optimizer.alphaT).to.be.closeTo(want, 1e-12);
    expect(optimizer.lr).to.equal(optimizer.alphaT);
  });

  it('moves the final rate of AdaBound with alpha', async () => {
    const values = async (alpha: number) => {
      const model = new One();
      const optimizer = new AdaBound({ alpha: 0.01, finalLr: 1e-6, gamma: 1e9 }).setup(model);
      optimizer.alpha = alpha;
      tf.tidy(() => {
        model.p.grad = tf.tensor1d([1, 1, 1]);
        optimizer.update();
      });
      const moved = 1 - (await model.p.tensor.data())[0]!;
      optimizer.dispose();
      model.dispose();
      return moved;
    };
    // The limits have closed: the step is finalLr * alpha / (first alpha) * m, m = 0.1.
    const scale = 1e4;
    expect(await values(0.01 * scale)).to.be.closeTo(1e-6 * scale * 0.1, 1e-6);
  });
}, ['cpu']);
