import { InvalidArgumentError } from '@chaingrad/core';
import { FailOnNonNumber, LogReport, NonNumberError, ParameterStatistics } from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose, useTestBackend } from '../../support/backends.ts';
import { rejection, thrown } from '../../support/errors.ts';
import { buildTraining } from '../support.ts';

describeBackends('FailOnNonNumber', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    it(`ends training where a parameter is ${bad}, and names it`, async () => {
      const before = tf.memory().numTensors;
      {
        using training = buildTraining({ stop: [5, 'iteration'] });
        const { trainer, model } = training;
        trainer.extend(() => {
          if (training.updater.iteration !== 3) return;
          // The largest number is one.
          model.predictor.l1.b!.array = tf.fill([16], 3.4e38);
          const values = new Float32Array(3);
          values[1] = bad;
          model.predictor.l2.b!.array = tf.tensor1d(values);
        });
        trainer.extend(new FailOnNonNumber());
        const error = await rejection(trainer.run(), NonNumberError);
        expect(error).to.include({ optimizer: 'main', iteration: 3 });
        expect(error.paths).to.deep.equal(['/predictor/l2/b']);
      }
      // The two tensors that this test has made.
      expect(tf.memory().numTensors).to.equal(before + 2);
    });
  }

  it('lets a sound training be', async () => {
    using training = buildTraining({ stop: [3, 'iteration'] });
    training.trainer.extend(new FailOnNonNumber());
    await training.trainer.run();
    expect(training.updater.iteration).to.equal(3);
  });
});

describe('ParameterStatistics', () => {
  before(() => useTestBackend('cpu'));

  it('reports statistics of values and gradients', async () => {
    const before = tf.memory().numTensors;
    {
      using training = buildTraining({ stop: [2, 'iteration'] });
      const { trainer, model } = training;
      const log = new LogReport({ trigger: [1, 'iteration'], filename: null });
      trainer.extend(new ParameterStatistics(model.predictor), { trigger: [2, 'iteration'] });
      trainer.extend(
        new ParameterStatistics(model, {
          prefix: 'p',
          reportGrads: false,
          statistics: { n: (x) => tf.scalar(x.size) },
        }),
        {
          trigger: [2, 'iteration'],
        },
      );
      trainer.extend(log);
      await trainer.run();
      const entry = log.log[1]!;
      const values = [...(await model.predictor.l1.W.tensor.data())];
      const mean = values.reduce((a, b) => a + b) / 64;
      const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / 64);
      const key = (name: string) => entry[`/l1/W/data/${name}`]!;
      expectClose([key('mean'), key('std')], [mean, std]);
      expect([key('min'), key('max'), key('zeros')]).to.deep.equal([
        Math.min(...values),
        Math.max(...values),
        0,
      ]);
      expect(entry['/l2/b/grad/std']).to.be.greaterThan(0);
      expect(entry['p//predictor/l1/W/data/n']).to.equal(64);
      expect(entry).to.not.have.property('p//predictor/l1/W/grad/n');
      thrown(
        () => new ParameterStatistics(model, { reportParams: false, reportGrads: false }),
        InvalidArgumentError,
      );
    }
    expect(tf.memory().numTensors).to.equal(before);
  });
});
