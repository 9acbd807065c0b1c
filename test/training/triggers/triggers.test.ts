import { InvalidArgumentError, type Observation, type SerialValue, UnknownNameError } from '@chaingrad/core';
import {
  EarlyStoppingTrigger,
  getTrigger,
  IntervalTrigger,
  ManualScheduleTrigger,
  MaxValueTrigger,
  MinValueTrigger,
  OnceTrigger,
  TimeTrigger,
  type Trainer,
  type Trigger,
} from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../../support/backends.ts';
import { rejection, thrown } from '../../support/errors.ts';
import { captured } from '../support.ts';

/** A trainer as triggers see it: four iterations an epoch. */
function at(iteration: number, observation: Observation = new Map(), elapsedTime = iteration): Trainer {
  const epochDetail = iteration / 4;
  const updater = { iteration, epochDetail, previousEpochDetail: Math.max(0, epochDetail - 0.25) };
  return { updater, observation, elapsedTime } as unknown as Trainer;
}

/** The iterations at which a trigger fires. */
async function firing(trigger: Trigger, iterations: Iterable<number>): Promise<number[]> {
  const fired: number[] = [];
  for (const i of iterations) if (await trigger.fires(at(i))) fired.push(i);
  return fired;
}

const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_, i) => from + i);

async function saved(trigger: Trigger): Promise<Map<string, SerialValue>> {
  await trigger.settle?.();
  return new Map([...trigger.serialEntries!('')].map((entry) => [entry.key, entry.read()]));
}

function load(trigger: Trigger, values: Map<string, SerialValue>): void {
  for (const entry of trigger.serialEntries!('')) {
    expect([...values.keys()]).to.include(entry.key);
    entry.write(values.get(entry.key)!);
  }
}

describe('getTrigger', () => {
  it('takes intervals, functions, triggers and null', async () => {
    expect(await firing(getTrigger([3, 'iteration']), upTo(9))).to.deep.equal([3, 6, 9]);
    expect(
      await firing(
        getTrigger(({ updater }) => updater.iteration > 2),
        upTo(4),
      ),
    ).to.deep.equal([3, 4]);
    expect(await firing(getTrigger(null), upTo(4))).to.deep.equal([]);
    const once = new OnceTrigger();
    expect(getTrigger(once)).to.equal(once);
    thrown(() => getTrigger(3 as never), InvalidArgumentError);
    thrown(() => getTrigger({} as never), InvalidArgumentError);
  });
});

describe('IntervalTrigger', () => {
  it('fires every so many iterations or epochs, which may be fractions', async () => {
    expect(await firing(new IntervalTrigger(2, 'epoch'), upTo(20))).to.deep.equal([8, 16]);
    expect(await firing(new IntervalTrigger(0.5, 'epoch'), upTo(8))).to.deep.equal([2, 4, 6, 8]);
    expect(await firing(new IntervalTrigger(1.5, 'epoch'), upTo(12))).to.deep.equal([6, 12]);
  });

  it('fires for what it was not asked about', async () => {
    expect(await firing(new IntervalTrigger(3, 'iteration'), [2, 7, 8, 9])).to.deep.equal([7, 9]);
  });

  it('remembers the last time', async () => {
    const first = new IntervalTrigger(4, 'iteration');
    await firing(first, upTo(3));
    const second = new IntervalTrigger(4, 'iteration');
    load(second, await saved(first));
    // A new one would fire for the time before it, too.
    expect(await firing(second, [3, 4])).to.deep.equal([4]);
    expect([...(await saved(second)).entries()]).to.deep.equal([
      ['previous_iteration', 4],
      ['previous_epoch_detail', 1],
    ]);
  });

  it('refuses other units and periods', () => {
    thrown(() => new IntervalTrigger(1, 'epochs' as never), InvalidArgumentError);
    thrown(() => new IntervalTrigger(0, 'epoch'), InvalidArgumentError);
    thrown(() => new IntervalTrigger(1.5, 'iteration'), InvalidArgumentError);
    thrown(() => new IntervalTrigger(Number.POSITIVE_INFINITY, 'epoch'), InvalidArgumentError);
  });

  it('says in words when it fires', () => {
    expect(String(new IntervalTrigger(2, 'epoch'))).to.equal('every 2 epochs');
    expect(String(new IntervalTrigger(1, 'iteration'))).to.equal('every 1 iteration');
  });
});

describe('ManualScheduleTrigger', () => {
  it('fires at the given times and is then finished', async () => {
    const trigger = new ManualScheduleTrigger([5, 2], 'iteration');
    expect(trigger.finished).to.equal(false);
    expect(await firing(trigger, upTo(4))).to.deep.equal([2]);
    expect(trigger.finished).to.equal(false);
    expect(await firing(trigger, upTo(9, 5))).to.deep.equal([5]);
    expect(trigger.finished).to.equal(true);
    expect(await firing(new ManualScheduleTrigger([0.3, 1], 'epoch'), upTo(9))).to.deep.equal([2, 4]);
    expect(await firing(new ManualScheduleTrigger(3, 'iteration'), upTo(9))).to.deep.equal([3]);
    expect(await firing(new ManualScheduleTrigger([3, 4], 'iteration'), [1, 6])).to.deep.equal([6]);
  });

  it('remembers what has fired', async () => {
    const first = new ManualScheduleTrigger([2, 5], 'iteration');
    await firing(first, upTo(5));
    const second = new ManualScheduleTrigger([2, 5], 'iteration');
    load(second, await saved(first));
    expect(second.finished).to.equal(true);
    expect(await firing(second, upTo(9, 5))).to.deep.equal([]);
  });

  it('refuses other points', () => {
    thrown(() => new ManualScheduleTrigger([], 'epoch'), InvalidArgumentError);
    thrown(() => new ManualScheduleTrigger([1.5], 'iteration'), InvalidArgumentError);
    thrown(() => new ManualScheduleTrigger([1], 'hours' as never), InvalidArgumentError);
  });
});

describe('OnceTrigger', () => {
  it('fires once, and once more after a resume where that is asked for', async () => {
    for (const callOnResume of [false, true]) {
      const first = new OnceTrigger(callOnResume);
      expect(first.finished).to.equal(false);
      expect(await firing(first, upTo(4))).to.deep.equal([1]);
      expect(first.finished).to.equal(true);
      const second = new OnceTrigger(callOnResume);
      load(second, await saved(first));
      expect(await firing(second, upTo(8, 5))).to.deep.equal(callOnResume ? [5] : []);
    }
  });
});

describe('TimeTrigger', () => {
  const elapsed = async (trigger: Trigger, times: readonly number[]) => {
    const fired: number[] = [];
    for (const time of times) if (await trigger.fires(at(1, new Map(), time))) fired.push(time);
    return fired;
  };

  it('fires when its seconds have passed', async () => {
    expect(await elapsed(new TimeTrigger(2), [1, 2, 2.1, 3, 4.5, 4.6, 11, 11.5, 12.5])).to.deep.equal([
      2.1, 4.5, 11, 12.5,
    ]);
  });

  it('remembers the next time', async () => {
    const first = new TimeTrigger(2);
    await elapsed(first, [3]);
    const second = new TimeTrigger(2);
    load(second, await saved(first));
    expect(await elapsed(second, [3.5, 4.1])).to.deep.equal([4.1]);
  });

  it('refuses other periods', () => {
    for (const period of [0, -1, Number.NaN]) thrown(() => new TimeTrigger(period), InvalidArgumentError);
  });
});

describe('MaxValueTrigger and MinValueTrigger', () => {
  before(() => useTestBackend('cpu'));

  /** Two values an interval; the tensors are the observation's and are freed behind it. */
  async function feed(trigger: Trigger, values: readonly number[], first = 1): Promise<number[]> {
    const fired: number[] = [];
    for (const [i, value] of values.entries()) {
      const tensor = tf.scalar(value);
      if (await trigger.fires(at(first + i, new Map([['x', tensor]])))) fired.push(first + i);
      tensor.dispose();
    }
    return fired;
  }

  it('fire when the mean of an interval is a new best', async () => {
    const before = tf.memory().numTensors;
    const max = new MaxValueTrigger('x', [2, 'iteration']);
    expect(max.bestValue).to.equal(null);
    expect(await feed(max, [1, 3, 9, -6, 2, 4, 3, 3])).to.deep.equal([2, 6]);
    expect(max.bestValue).to.equal(3);
    const min = new MinValueTrigger('x', [2, 'iteration']);
    expect(await feed(min, [1, 3, 9, -6, 2, 4, 1, 1])).to.deep.equal([2, 4, 8]);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('remember the best value and the values of the interval, and free what they hold', async () => {
    const before = tf.memory().numTensors;
    const first = new MaxValueTrigger('x', [2, 'iteration']);
    await feed(first, [1, 3, 4]);
    expect(tf.memory().numTensors).to.equal(before + 1);
    const second = new MaxValueTrigger('x', [2, 'iteration']);
    load(second, await saved(first));
    expect(await feed(second, [2, 2, 3], 4)).to.deep.equal([4]);
    expect(second.bestValue).to.equal(3);
    second.finalize();
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('tell when the value was not reported', async () => {
    const trigger = new MaxValueTrigger('y', [1, 'iteration']);
    const error = await rejection(
      Promise.resolve(trigger.fires(at(1, new Map([['x', 1]])))),
      UnknownNameError,
    );
    expect(error).to.include({ unknown: 'y' });
    expect(error.known).to.deep.equal(['x']);
  });
});

describe('EarlyStoppingTrigger', () => {
  before(() => useTestBackend('cpu'));

  /** The iteration at which it stops; four values an epoch, of which the mean counts. */
  async function stopping(
    trigger: Trigger,
    means: readonly number[],
    key = 'main/loss',
  ): Promise<number | null> {
    for (const [i, mean] of means.flatMap((m) => [m + 1, m - 1, m, m]).entries()) {
      if (await trigger.fires(at(i + 1, new Map([[key, mean]])))) return i + 1;
    }
    return null;
  }

  it('stops after so many checks without a better value', async () => {
    const messages: string[] = [];
    const trigger = new EarlyStoppingTrigger({ patience: 2, log: (message) => messages.push(message) });
    expect(await stopping(trigger, [5, 4, 4.5, 3, 3, 6, 1])).to.equal(24);
    expect([trigger.best, trigger.count]).to.deep.equal([3, 2]);
    expect(messages).to.deep.equal(['Stopped early: main/loss has not been better than 3 for 2 checks.']);
    expect(await stopping(new EarlyStoppingTrigger({ patience: 3 }), [5, 4, 4.5, 3, 3, 6, 1])).to.equal(null);
  });

  it('takes larger values for better where the name is of an accuracy, or it is told to', async () => {
    const monitor = 'validation/main/accuracy';
    const auto = new EarlyStoppingTrigger({ monitor, patience: 1 });
    expect(auto.mode).to.equal('max');
    expect(await stopping(auto, [0.5, 0.6, 0.55], monitor)).to.equal(12);
    expect(new EarlyStoppingTrigger({ mode: 'max' }).mode).to.equal('max');
    expect(new EarlyStoppingTrigger({ monitor, mode: 'min' }).mode).to.equal('min');
  });

  it('stops at the latest in the end', async () => {
    const trigger = new EarlyStoppingTrigger({ maxTrigger: [6, 'iteration'] });
    expect(trigger.trainingLength).to.deep.equal({ length: 6, unit: 'iteration' });
    expect(await stopping(trigger, [5, 4, 3])).to.equal(6);
  });

  it('counts NaN as not better', async () => {
    expect(await stopping(new EarlyStoppingTrigger({ patience: 2 }), [Number.NaN, Number.NaN, 1])).to.equal(
      8,
    );
  });

  it('goes on where a value is not reported, and says so once', async () => {
    const trigger = new EarlyStoppingTrigger({ monitor: 'lost', patience: 1 });
    const warnings = await captured('warn', () => stopping(trigger, [1, 2, 3]));
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.include("'lost' was not reported").and.include('main/loss');
  });

  it('remembers everything', async () => {
    const means = [5, 4, 4.5, 3, 3, 6, 1];
    const values = means.flatMap((m) => [m + 1, m - 1, m, m]);
    const first = new EarlyStoppingTrigger({ patience: 2 });
    const second = new EarlyStoppingTrigger({ patience: 2 });
    for (let i = 0; i < 22; i++) await first.fires(at(i + 1, new Map([['main/loss', values[i]!]])));
    load(second, await saved(first));
    expect([second.best, second.count]).to.deep.equal([3, 1]);
    expect(await second.fires(at(23, new Map([['main/loss', 6]])))).to.equal(false);
    expect(await second.fires(at(24, new Map([['main/loss', 6]])))).to.equal(true);
  });

  it('refuses wrong options', () => {
    thrown(() => new EarlyStoppingTrigger({ patience: 0 }), InvalidArgumentError);
    thrown(() => new EarlyStoppingTrigger({ mode: 'up' as never }), InvalidArgumentError);
    thrown(() => new EarlyStoppingTrigger({ maxTrigger: [0, 'epoch'] }), InvalidArgumentError);
  });
});
