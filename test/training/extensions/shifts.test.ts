import { Adam, InvalidArgumentError, UnknownNameError } from '@chaingrad/core';
import {
  ExponentialShift,
  type HyperparameterShift,
  InverseShift,
  LinearShift,
  MultistepShift,
  observeLr,
  observeValue,
  PolynomialShift,
  StandardUpdater,
  StepShift,
  Trainer,
  WarmupShift,
} from '@chaingrad/training';
import { expect } from 'chai';
import { useTestBackend } from '../../support/backends.ts';
import { rejection, thrown } from '../../support/errors.ts';
import { buildTraining } from '../support.ts';

/** The learning rate during each of six iterations, and at the end. It is 0.05 before. */
async function course(...shifts: HyperparameterShift[]): Promise<number[]> {
  using training = buildTraining({ stop: [6, 'iteration'] });
  const { trainer, optimizer } = training;
  const seen: number[] = [];
  for (const shift of shifts) trainer.extend(shift);
  trainer.extend(() => void seen.push(optimizer.lr), { name: 'seen', priority: 1000 });
  await trainer.run();
  return [...seen, optimizer.lr].map((lr) => Math.round(lr * 1e9) / 1e9);
}

describe('hyperparameter shifts', () => {
  before(() => useTestBackend('cpu'));

  it('ExponentialShift', async () => {
    expect(await course(new ExponentialShift('lr', 0.5))).to.deep.equal([
      0.05, 0.025, 0.0125, 0.00625, 0.003125, 0.0015625, 0.00078125,
    ]);
    expect(await course(new ExponentialShift('lr', 0.5, { init: 8, target: 1.5 }))).to.deep.equal([
      8, 4, 2, 1.5, 1.5, 1.5, 1.5,
    ]);
    expect(await course(new ExponentialShift('lr', 2, { init: 1, target: 5 }))).to.deep.equal([
      1, 2, 4, 5, 5, 5, 5,
    ]);
    thrown(() => new ExponentialShift('lr', -1), InvalidArgumentError);
  });

  it('InverseShift', async () => {
    expect(await course(new InverseShift('lr', 1, 2, { init: 36, target: 2 }))).to.deep.equal([
      36, 9, 4, 2.25, 2, 2, 2,
    ]);
    thrown(() => new InverseShift('lr', -1, 1), InvalidArgumentError);
    thrown(() => new InverseShift('lr', 1, -1), InvalidArgumentError);
  });

  it('PolynomialShift', async () => {
    expect(await course(new PolynomialShift('lr', 2, 4, { init: 16 }))).to.deep.equal([16, 9, 4, 1, 0, 0, 0]);
    expect(await course(new PolynomialShift('lr', 1, 4, { init: 4, target: 2 }))).to.deep.equal([
      4, 3, 2, 2, 2, 2, 2,
    ]);
    thrown(() => new PolynomialShift('lr', 1, 0), InvalidArgumentError);
  });

  it('LinearShift', async () => {
    expect(await course(new LinearShift('lr', [1, 3], [1, 5]))).to.deep.equal([1, 1, 1.5, 2, 2.5, 3, 3]);
    thrown(() => new LinearShift('lr', [1, 3], [5, 1]), InvalidArgumentError);
  });

  it('MultistepShift', async () => {
    expect(await course(new MultistepShift('lr', 0.1, [2, 5], { init: 1 }))).to.deep.equal([
      1, 1, 0.1, 0.1, 0.1, 0.01, 0.01,
    ]);
    thrown(() => new MultistepShift('lr', 0.1, [5, 2]), InvalidArgumentError);
    thrown(() => new MultistepShift('lr', 0.1, [0]), InvalidArgumentError);
  });

  it('StepShift', async () => {
    expect(await course(new StepShift('lr', 0.5, 2, { init: 8, target: 1.5 }))).to.deep.equal([
      8, 8, 4, 4, 2, 2, 1.5,
    ]);
    thrown(() => new StepShift('lr', 0.5, 0), InvalidArgumentError);
  });

  it('WarmupShift, and a schedule that goes on from there', async () => {
    expect(await course(new WarmupShift('lr', 0, 4, 1))).to.deep.equal([0, 0.25, 0.5, 0.75, 1, 1, 1]);
    const both = [new MultistepShift('lr', 0.1, [5], { init: 1 }), new WarmupShift('lr', 0, 2, 1)];
    expect(await course(...both)).to.deep.equal([0, 0.5, 1, 1, 1, 0.1, 0.1]);
    thrown(() => new WarmupShift('lr', 0, 0, 1), InvalidArgumentError);
  });

  it('follows its trigger, and another optimizer where one is given', async () => {
    using training = buildTraining({ stop: [6, 'iteration'] });
    const adam = new Adam({ alpha: 4 });
    training.trainer.extend(new ExponentialShift('alpha', 0.5, { optimizer: adam }), {
      trigger: [2, 'iteration'],
    });
    await training.trainer.run();
    expect(adam.alpha).to.equal(0.5);
    expect(training.optimizer.lr).to.equal(0.05);
  });

  it('tells which hyperparameters there are', async () => {
    using training = buildTraining();
    training.trainer.extend(new ExponentialShift('alpha', 0.5));
    const error = await rejection(training.trainer.run(), UnknownNameError);
    expect(error.known).to.deep.equal(['lr', 'momentum']);
  });
});

describe('observeLr and observeValue', () => {
  before(() => useTestBackend('cpu'));

  it('report once an epoch', async () => {
    using training = buildTraining({ stop: [8, 'iteration'] });
    const { trainer } = training;
    trainer.extend(observeLr());
    trainer.extend(observeValue('half', ({ updater }) => updater.iteration / 2));
    const seen: unknown[] = [];
    trainer.extend(({ observation }) => {
      if (observation.has('lr')) seen.push([observation.get('lr'), observation.get('half')]);
    });
    await trainer.run();
    expect(seen).to.deep.equal([[0.05, 3.5]]);
    expect(trainer.extensions().map(({ name }) => name)).to.include.members(['observeLr', 'observeValue']);
  });

  it('an Adam shows its corrected step size', async () => {
    using training = buildTraining();
    using adam = new Adam().setup(training.model);
    const trainer = new Trainer(new StandardUpdater(training.iterator, adam), [1, 'iteration']);
    trainer.extend(observeLr(), { trigger: [1, 'iteration'] });
    let lr: unknown;
    trainer.extend(({ observation }) => {
      lr = observation.get('lr');
    });
    await trainer.run();
    expect(lr).to.be.closeTo((0.001 * Math.sqrt(1 - 0.999)) / (1 - 0.9), 1e-12);
  });
});
