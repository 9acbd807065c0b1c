import {
  Adam,
  Chain,
  DuplicateNameError,
  GradientClipping,
  GradientScaling,
  gradientMethod,
  InvalidArgumentError,
  Link,
  MomentumSGD,
  NothingToDoError,
  type Optimizer,
  OptimizerNotSetUpError,
  Parameter,
  SGD,
  type Step,
  UnknownNameError,
  UpdateRule,
  WeightDecay,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { batch, Dense, golden, goldenMLP, lossOf } from './mlp.ts';

const values = async (param: Parameter) => [...(await param.tensor.data())];

/** Runs `fn`, and returns what it warned. */
function warningsOf(fn: () => void): string[] {
  const original = console.warn;
  const seen: string[] = [];
  console.warn = (...args: unknown[]) => {
    seen.push(args.join(' '));
  };
  try {
    fn();
  } finally {
    console.warn = original;
  }
  return seen;
}

/** Two numbers, p at 1 and q at 2. */
class Pair extends Link {
  readonly p = new Parameter([1]);
  readonly q = new Parameter([2]);

  /** 3 p + 10 q */
  override forward(): tf.Tensor {
    return tf.add(tf.mul(tf.sum(this.p.tensor), 3), tf.mul(tf.sum(this.q.tensor), 10));
  }
}

function setGrad(param: Parameter, ...grad: number[]): void {
  tf.tidy(() => {
    param.grad = tf.tensor1d(grad);
  });
}

describeBackends('Optimizer', () => {
  let tensors = 0;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, 'tensors left').to.equal(tensors);
  });

  describe('setup', () => {
    it('returns the optimizer, gives every parameter a rule, and starts anew when called again', () => {
      const model = new Pair();
      const optimizer = new MomentumSGD();
      expect(optimizer.target).to.equal(null);
      expect(optimizer.setup(model)).to.equal(optimizer);
      expect(optimizer.target).to.equal(model);
      optimizer.addHook(new WeightDecay(0.1));
      optimizer.update(() => model.call());
      optimizer.newEpoch();
      const rule = model.p.updateRule!;
      expect(rule.state.size).to.equal(1);
      optimizer.setup(model);
      expect([optimizer.t, optimizer.epoch]).to.deep.equal([0, 0]);
      expect(rule.state.size, 'old state').to.equal(0);
      expect(model.p.updateRule).not.to.equal(rule);
      optimizer.addHook(new WeightDecay(0.1));
      optimizer.dispose();
      model.dispose();
    });

    it('must come first, and wants a link', () => {
      const optimizer = new SGD();
      expect(() => optimizer.update()).to.throw(OptimizerNotSetUpError, /SGD\.update.*setup/);
      expect(() => optimizer.addHook(new WeightDecay(1))).to.throw(OptimizerNotSetUpError, /addHook/);
      expect(() => optimizer.callHooks('pre')).to.throw(OptimizerNotSetUpError);
      expect(() => [...optimizer.serialEntries()]).to.throw(OptimizerNotSetUpError);
      expect(() => optimizer.setup({} as Link)).to.throw(InvalidArgumentError, 'a Link');
    });

    it('by another optimizer takes the parameters over', () => {
      const model = new Pair();
      const first = new MomentumSGD().setup(model);
      first.update(() => model.call());
      const second = new Adam().setup(model);
      second.update(() => model.call());
      first.dispose();
      expect([...model.p.updateRule!.state.keys()]).to.have.members(['m', 'v']);
      second.dispose();
      expect(model.p.updateRule).to.equal(null);
      model.dispose();
    });

    it('counts uninitialized parameters in', async () => {
      const model = goldenMLP(true);
      const optimizer = new SGD().setup(model);
      const { x, t } = batch();
      const warnings = warningsOf(() => {
        optimizer.update();
        optimizer.update(lossOf, model, x, t);
      });
      expect(warnings).to.deep.equal([]);
      expect(model.l1.W.updateRule!.t, 'not counted before it had values').to.equal(1);
      expect((await values(model.l1.W)).some((w) => w !== 0.5)).to.equal(true);
      optimizer.dispose();
      model.dispose();
      tf.dispose([x, t]);
    });
  });

  describe('update', () => {
    it('with a loss equals clearing, backward and update by hand', async () => {
      const model = new Pair();
      setGrad(model.p, 99);
      const optimizer = new SGD({ lr: 0.5 }).setup(model);
      const loss = optimizer.update((scale: number) => tf.mul(model.call(), scale), 2);
      expect((await loss.data())[0]).to.equal(46);
      expect(optimizer.t).to.equal(1);
      expect(await values(model.p)).to.deep.equal([-2]);
      expect(await values(model.q)).to.deep.equal([-8]);
      optimizer.dispose();
      model.dispose();
    });

    it('clears the old gradients after the forward pass', () => {
      const model = new Pair();
      const optimizer = new SGD().setup(model);
      const seen: boolean[] = [];
      for (let i = 0; i < 2; i++)
        optimizer.update(() => {
          seen.push(model.p.grad !== null);
          return model.call();
        });
      expect(seen).to.deep.equal([false, true]);
      optimizer.dispose();
      model.dispose();
    });

    it('keeps the old gradients when the forward pass fails', () => {
      const model = new Pair();
      const optimizer = new SGD().setup(model);
      setGrad(model.p, 7);
      const fail = () => {
        throw new RangeError('no');
      };
      expect(() => optimizer.update(fail)).to.throw(RangeError);
      expect(model.p.grad).not.to.equal(null);
      expect(optimizer.t).to.equal(0);
      model.dispose();
    });

    it('takes a link that returns the loss', async () => {
      const model = new Pair();
      const optimizer = new SGD({ lr: 1 }).setup(model);
      const loss = optimizer.update(model);
      expect((await loss.data())[0]).to.equal(23);
      expect(await values(model.p)).to.deep.equal([-2]);
      optimizer.dispose();
      model.dispose();
    });

    it('owns the loss until the next update or its end', () => {
      const model = new Pair();
      const optimizer = new SGD().setup(model);
      const first = optimizer.update(() => model.call());
      expect(first.isDisposed).to.equal(false);
      const second = optimizer.update(() => model.call());
      expect(first.isDisposed).to.equal(true);
      expect(optimizer.update()).to.equal(null);
      expect(second.isDisposed).to.equal(true);
      const last = optimizer.update(() => model.call());
      optimizer.dispose();
      optimizer.dispose();
      expect(last.isDisposed).to.equal(true);
      model.dispose();
    });

    it('keeps state and loss when it runs in a tidy', async () => {
      const model = new Pair();
      const optimizer = new MomentumSGD({ lr: 1, momentum: 1 }).setup(model);
      for (let i = 0; i < 2; i++) tf.tidy(() => void optimizer.update(() => model.call()));
      expect(await values(model.p)).to.deep.equal([1 - 3 - 6]);
      const loss = tf.tidy(() => optimizer.update(() => model.call()));
      expect((await loss.data())[0]).to.equal(3 * -8 + 10 * -28);
      optimizer.dispose();
      model.dispose();
    });

    it('without a loss uses the gradients that are there, and counts a missing one as zero', async () => {
      const model = new Pair();
      const optimizer = new MomentumSGD({ lr: 1, momentum: 0.5 }).setup(model);
      setGrad(model.p, 1);
      optimizer.update();
      expect(await values(model.p)).to.deep.equal([0]);
      expect(await values(model.q)).to.deep.equal([2]);
      expect([optimizer.t, model.p.updateRule!.t, model.q.updateRule!.t]).to.deep.equal([1, 1, 1]);
      model.cleargrads();
      optimizer.update();
      expect(await values(model.p), 'momentum goes on').to.deep.equal([-0.5]);
      optimizer.dispose();
      model.dispose();
    });
  });

  describe('freezing', () => {
    for (const when of ['before', 'after'] as const) {
      it(`${when} setup leaves value, gradient, t and state alone, weight decay included`, async () => {
        const model = goldenMLP();
        const { x, t } = batch();
        if (when === 'before') model.l1.disableUpdate();
        const optimizer = new MomentumSGD({ lr: 0.1 }).setup(model);
        if (when === 'after') model.l1.disableUpdate();
        optimizer.addHook(new WeightDecay(0.1)).addHook(new GradientClipping(0.1));
        const [before, trained] = [await values(model.l1.W), await values(model.l2.W)];
        for (let i = 0; i < 2; i++) optimizer.update(lossOf, model, x, t);
        expect(await values(model.l1.W)).to.deep.equal(before);
        expect(await values(model.l2.W)).not.to.deep.equal(trained);
        const { updateRule, grad } = model.l1.W;
        expect([updateRule!.t, updateRule!.state.size, grad]).to.deep.equal([0, 0, null]);
        expect(model.l2.W.updateRule!.t).to.equal(2);
        model.l1.enableUpdate();
        optimizer.update(lossOf, model, x, t);
        expect(updateRule!.t).to.equal(1);
        expect(await values(model.l1.W)).not.to.deep.equal(before);
        optimizer.dispose();
        model.dispose();
        tf.dispose([x, t]);
      });
    }

    it('in the middle stops the momentum, and keeps its state', async () => {
      const model = new Pair();
      const optimizer = new MomentumSGD({ lr: 1, momentum: 1 }).setup(model);
      optimizer.update(() => model.call());
      model.p.frozen = true;
      optimizer.update(() => model.call());
      expect(await values(model.p)).to.deep.equal([-2]);
      expect([...(await model.p.updateRule!.state.get('v')!.data())]).to.deep.equal([-3]);
      optimizer.dispose();
      model.dispose();
    });

    it('everything leaves nothing to do, which is told', () => {
      const model = new Pair().disableUpdate();
      const optimizer = new SGD().setup(model);
      expect(() => optimizer.update(() => model.call())).to.throw(
        NothingToDoError,
        'all 2 parameters are frozen',
      );
      model.dispose();
    });

    it('a rule alone is possible: enabled = false', async () => {
      const model = new Pair();
      const optimizer = new SGD({ lr: 1 }).setup(model);
      model.p.updateRule!.enabled = false;
      optimizer.update(() => model.call());
      expect(await values(model.p)).to.deep.equal([1]);
      expect(model.p.updateRule!.t).to.equal(0);
      expect(await values(model.q)).to.deep.equal([-8]);
      optimizer.dispose();
      model.dispose();
    });
  });

  describe('hooks', () => {
    it("run in order of addition: the optimizer's, then the rules', around the update", async () => {
      const model = new Pair();
      const optimizer = new SGD({ lr: 1 }).setup(model);
      model.q.frozen = true;
      const log: string[] = [];
      const note = (name: string, param: Parameter) =>
        log.push(`${name} ${param.name} ${param.updateRule!.t}`);
      const each = (name: string, timing?: 'pre' | 'post') => ({
        name,
        timing,
        forEachParam: (_: UpdateRule, param: Parameter) => void note(name, param),
      });
      model.p.updateRule!.addHook(each('rule')).addHook(each('rule after', 'post'));
      optimizer
        .addHook(each('second after', 'post'))
        .addHook({ name: 'once', forOptimizer: (o: Optimizer) => void log.push(`once ${o.t}`) })
        .addHook(each('first'))
        .addHook(each('first'), { name: 'again', timing: 'post' });
      optimizer.update(() => model.call());
      expect(log).to.deep.equal([
        'once 0',
        'first p 0',
        'rule p 1',
        'rule after p 1',
        'second after p 1',
        'first p 1',
      ]);
      optimizer.dispose();
      model.dispose();
    });

    it('have names that differ, a method, and a timing', () => {
      const model = new Pair();
      const optimizer = new SGD().setup(model).addHook(new WeightDecay(0.1));
      const error = (act: () => void) => expect(act).to.throw(DuplicateNameError, "'WeightDecay'");
      error(() => optimizer.addHook(new WeightDecay(0.2)));
      error(() => optimizer.addHook(new WeightDecay(0.2), { timing: 'post' }));
      optimizer.addHook(new WeightDecay(0.2), { name: 'another' });
      const rule = model.p.updateRule!.addHook(new WeightDecay(0.1));
      error(() => rule.addHook(new WeightDecay(0.2)));
      const invalid = (act: () => void, text: string) => expect(act).to.throw(InvalidArgumentError, text);
      invalid(() => optimizer.addHook(new WeightDecay(0.2), { name: '' }), 'name');
      invalid(() => optimizer.addHook({ name: 'empty' }), 'forEachParam');
      invalid(
        () => optimizer.addHook(new WeightDecay(0.2), { name: 'x', timing: 'late' as 'post' }),
        "'pre' | 'post'",
      );
      invalid(() => rule.addHook(new GradientClipping(1)), 'optimizer.addHook');
      model.dispose();
    });

    it('can be removed by name', async () => {
      const model = new Pair();
      const optimizer = new SGD({ lr: 1 }).setup(model).addHook(new GradientScaling(2));
      const rule = model.p.updateRule!.addHook(new GradientScaling(5));
      optimizer.removeHook('GradientScaling');
      rule.removeHook('GradientScaling');
      optimizer.update(() => model.call());
      expect(await values(model.p)).to.deep.equal([-2]);
      expect(() => optimizer.removeHook('GradientScaling')).to.throw(UnknownNameError);
      expect(() => rule.removeHook('GradientScaling')).to.throw(UnknownNameError);
      optimizer.dispose();
      model.dispose();
    });
  });

  describe('hyperparameters', () => {
    it('have the defaults of Chainer', () => {
      const { returns } = golden.optimizer_semantics.find((c) => c.case === 'default hyperparameters')!;
      const wanted = returns as { MomentumSGD: object; Adam: Record<string, unknown> };
      expect({ ...new MomentumSGD().hyperparam }).to.deep.equal(wanted.MomentumSGD);
      const { final_lr, weight_decay_rate, ...same } = wanted.Adam;
      expect({ ...new Adam().hyperparam }).to.deep.equal({
        ...same,
        finalLr: final_lr,
        weightDecayRate: weight_decay_rate,
      });
    });

    it('of a rule follow the optimizer until they are set on the rule', async () => {
      const model = new Pair();
      const optimizer = new SGD({ lr: 0.1 }).setup(model);
      optimizer.lr = 1;
      const { hyperparam } = model.p.updateRule!;
      expect(hyperparam.lr).to.equal(1);
      hyperparam.lr = 0.5;
      optimizer.lr = 2;
      expect([hyperparam.lr, model.q.updateRule!.hyperparam.lr, optimizer.hyperparam.lr]).to.deep.equal([
        0.5, 2, 2,
      ]);
      optimizer.update(() => model.call());
      expect(await values(model.p)).to.deep.equal([1 - 0.5 * 3]);
      expect(await values(model.q)).to.deep.equal([2 - 2 * 10]);
      (hyperparam as Record<string, number | undefined>).lr = undefined;
      expect(hyperparam.lr, 'the fallback is back').to.equal(2);
      optimizer.dispose();
      model.dispose();
    });

    it('that do not exist are refused', () => {
      const wrong = { learningRate: 1 } as unknown as { lr: number };
      expect(() => new SGD(wrong)).to.throw(InvalidArgumentError, "got 'learningRate'. Did you mean 'lr'?");
      expect(() => new Adam(0.1 as unknown as object)).to.throw(InvalidArgumentError, 'alpha, beta1');
      const model = new Pair();
      const optimizer = new SGD().setup(model);
      const { hyperparam } = model.p.updateRule!;
      expect(() => Object.assign(hyperparam, { momentum: 1 })).to.throw(TypeError, 'momentum');
      expect(() => Object.assign(optimizer.hyperparam, { momentum: 1 })).to.throw(TypeError, 'momentum');
      model.dispose();
    });

    it('are shown', () => {
      expect(String(new MomentumSGD({ lr: 0.5 }))).to.equal('MomentumSGD(lr=0.5, momentum=0.9)');
    });
  });

  describe('shared parameters', () => {
    it('held under two names are updated once, and counted once', async () => {
      class Tied extends Chain {
        readonly a = new Dense(1, 1);
        readonly b = this.a;
      }
      const model = new Tied();
      const optimizer = new SGD({ lr: 0.1 }).setup(model);
      optimizer.addHook(new GradientScaling(2));
      expect([...model.namedparams()].map(([path]) => path)).to.deep.equal(['/a/W', '/a/b', '/b/W', '/b/b']);
      optimizer.update(() => tf.sum(model.a.W.tensor));
      expectClose(await values(model.a.W), [0.5 - 0.1 * 2], 1e-6);
      expect(model.a.W.updateRule!.t).to.equal(1);
      optimizer.dispose();
      model.dispose();
    });

    it('held by share-copies are updated once, by the sum of their gradients', async () => {
      class Tied extends Chain {
        readonly a = new Dense(1, 1);
        readonly b = this.a.copy('share');
      }
      const model = new Tied();
      const optimizer = new MomentumSGD({ lr: 0.1, momentum: 0.9 }).setup(model);
      const loss = () => tf.add(tf.sum(model.a.W.tensor), tf.mul(tf.sum(model.b.W.tensor), 3));
      optimizer.update(loss);
      expectClose(await values(model.a.W), [0.5 - 0.4], 1e-6);
      expectClose(await values(model.b.W), [0.5 - 0.4], 1e-6);
      model.cleargrads();
      tf.tidy(() => {
        model.a.W.grad = tf.ones([1, 1]);
        model.b.W.grad = tf.fill([1, 1], 2);
      });
      optimizer.update();
      // v = 0.9 * -0.4 - 0.1 * (1 + 2)
      expectClose(await values(model.b.W), [0.1 - 0.66], 1e-5);
      expect([model.a.W.updateRule!.t, model.b.W.updateRule!.t]).to.deep.equal([2, 0]);
      optimizer.dispose();
      model.dispose();
    });
  });

  describe('parameters added after setup', () => {
    it('are warned of once, by their path', async () => {
      class Growing extends Chain {
        readonly old = new Pair();
        more?: Pair;
      }
      const model = new Growing();
      const optimizer = new SGD({ lr: 1 }).setup(model);
      model.more = new Pair();
      model.more.q.frozen = true;
      const loss = () => tf.add(model.old.call(), model.more!.call());
      const warnings = warningsOf(() => {
        for (let i = 0; i < 2; i++) optimizer.update(loss);
      });
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.match(/'\/more\/p' is not updated.*setup/);
      expect(await values(model.more.p)).to.deep.equal([1]);
      expect(await values(model.old.p)).to.deep.equal([-5]);
      optimizer.setup(model);
      expect(warningsOf(() => void optimizer.update(loss))).to.deep.equal([]);
      expect(await values(model.more.p)).to.deep.equal([-2]);
      optimizer.dispose();
      model.dispose();
    });
  });

  describe('newEpoch', () => {
    it('counts, by hand or by an updater but not by both', () => {
      const optimizer = new SGD();
      optimizer.newEpoch();
      expect(() => optimizer.newEpoch(true)).to.throw(InvalidArgumentError, 'useAutoNewEpoch = true');
      optimizer.useAutoNewEpoch = true;
      expect(() => optimizer.newEpoch()).to.throw(InvalidArgumentError, 'Leave the call out');
      optimizer.newEpoch(true);
      expect(optimizer.epoch).to.equal(2);
    });
  });

  describe("a rule of one's own", () => {
    class SignRule extends UpdateRule<{ lr: number }> {
      readonly stateKeys = [];
      protected step(p: tf.Tensor, g: tf.Tensor): Step {
        return { param: tf.sub(p, tf.mul(tf.sign(g), this.hyperparam.lr)) };
      }
    }
    class SignSGD extends gradientMethod({ lr: 0.25 }, SignRule) {}

    it('makes an optimizer', async () => {
      using model = new Pair();
      using optimizer = new SignSGD().setup(model);
      optimizer.update(() => model.call());
      expect(await values(model.p)).to.deep.equal([0.75]);
      expect(optimizer.lr).to.equal(0.25);
    });

    it('may take the place of the one from setup', async () => {
      using model = new Pair();
      using optimizer = new SGD({ lr: 1 }).setup(model);
      model.q.updateRule = new SignRule({ lr: 0.5 });
      optimizer.update(() => model.call());
      expect([await values(model.p), await values(model.q)]).to.deep.equal([[-2], [1.5]]);
    });
  });
}, ['cpu']);
