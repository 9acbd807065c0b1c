import { InvalidArgumentError, UnknownNameError } from '@chaingrad/core';
import { RateSchedule, type Trainer } from '@chaingrad/training';
import { expect } from 'chai';

/** As much of a trainer as the schedule looks at. */
function trainerAt(
  iteration: number,
  hyperparam: Record<string, number> = { lr: 1 },
  named = 'main',
): Trainer {
  const getOptimizer = (name: string) => {
    if (name !== named) throw new UnknownNameError('getOptimizer', name, [named]);
    return { hyperparam };
  };
  return { updater: { iteration, getOptimizer } } as unknown as Trainer;
}

describe('RateSchedule', () => {
  const progress = (trainer: Trainer) => trainer.updater.iteration / 100;

  it('rises, then falls along a cosine', () => {
    const schedule = new RateSchedule({ peak: 2, warmup: 9, end: 0.1, progress });
    expect(schedule.rate(trainerAt(0))).to.be.closeTo(0.2, 1e-9);
    expect(schedule.rate(trainerAt(50))).to.be.closeTo(2 * (0.1 + 0.9 * 0.5), 1e-9);
    expect(schedule.rate(trainerAt(100))).to.be.closeTo(0.2, 1e-9);
    expect(schedule.rate(trainerAt(500))).to.be.closeTo(0.2, 1e-9);
  });

  it('sets the hyperparameter, and refuses one that is not there', () => {
    const hyperparam = { alpha: 1 };
    new RateSchedule({ attr: 'alpha', peak: 2, progress }).initialize(trainerAt(0, hyperparam));
    expect(hyperparam.alpha).to.equal(2);
    expect(() => new RateSchedule({ peak: 2, progress }).call(trainerAt(0, hyperparam))).to.throw(
      UnknownNameError,
    );
    expect(() => new RateSchedule({ peak: 0, progress })).to.throw(InvalidArgumentError);
  });

  it("sets that of another optimizer than 'main' by its name", () => {
    const hyperparam = { lr: 1 };
    const trainer = trainerAt(0, hyperparam, 'gen');
    new RateSchedule({ optimizerName: 'gen', peak: 3, progress }).initialize(trainer);
    expect(hyperparam.lr).to.equal(3);
    expect(() => new RateSchedule({ peak: 2, progress }).call(trainer)).to.throw(UnknownNameError, "'main'");
  });
});
