/** Options are checked in everything of the package, as JavaScript passes them. */
import '@tensorflow/tfjs-backend-cpu';
import { Linear } from '@chaingrad/core';
import * as training from '@chaingrad/training';
import { SerialIterator, StandardUpdater, Trainer } from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { describeMistakes, describeOptions, type OptionTable } from '../support/option-tables.ts';
import { buildTraining, type Training } from './support.ts';

const once = () => new SerialIterator([1], 1, { repeat: false });
let link: Linear;
const bytes = new Uint8Array(0);

describe('options of training', () => {
  let built: Training;
  before(async () => {
    await tf.setBackend('cpu');
    link = new Linear(1, 1);
  });
  beforeEach(() => {
    built = buildTraining();
  });
  afterEach(() => built[Symbol.dispose]());

  const takers: OptionTable = {
    sliceDataset: (o) => training.sliceDataset([], o),
    EarlyStoppingTrigger: (o) => new training.EarlyStoppingTrigger(o),
    Evaluator: (o) => new training.Evaluator(once(), link, o),
    ExponentialShift: (o) => new training.ExponentialShift('lr', 0.1, o),
    InverseShift: (o) => new training.InverseShift('lr', 1, 1, o),
    LinearShift: (o) => new training.LinearShift('lr', [1, 0], [0, 1], o),
    ExponentialMovingAverage: (o) => new training.ExponentialMovingAverage(built.model, o),
    LogReport: (o) => new training.LogReport(o),
    MultistepShift: (o) => new training.MultistepShift('lr', 0.1, [1], o),
    ParameterStatistics: (o) => new training.ParameterStatistics(link, o),
    PlotReport: (o) => new training.PlotReport('main/loss', o),
    PolynomialShift: (o) => new training.PolynomialShift('lr', 1, 1, o),
    PrefetchIterator: (o) => new training.PrefetchIterator([1], 1, o),
    PrintReport: (o) => new training.PrintReport(null, o),
    ProgressBar: (o) => new training.ProgressBar(o),
    RateSchedule: (o) => new training.RateSchedule(o),
    SerialIterator: (o) => new SerialIterator([1], 1, o),
    Snapshot: ['snapshot', (o) => new training.Snapshot(o)],
    StandardUpdater: (o) => new StandardUpdater(built.iterator, built.optimizer, o),
    StepShift: (o) => new training.StepShift('lr', 0.1, 1, o),
    StreamIterator: (o) => new training.StreamIterator([1], 1, o),
    TensorBoardReport: (o) => new training.TensorBoardReport(o),
    Trainer: (o) => new Trainer(built.updater, null, o),
    'Trainer.extend': (o) => built.trainer.extend(() => {}, o),
    'Trainer.run': (o) => built.trainer.run(o),
    WarmupShift: (o) => new training.WarmupShift('lr', 0, 1, 1, o),
    loadSnapshot: (o) => training.loadSnapshot(bytes, built.trainer, o),
    makeExtension: (o) => training.makeExtension(() => {}, o),
    observeLr: (o) => training.observeLr(o),
    snapshot: (o) => training.snapshot(o),
    snapshotBest: (o) => training.snapshotBest(link, 'main/loss', o),
    snapshotObject: (o) => training.snapshotObject(link, 'model', o),
  };
  describeOptions('training', takers);

  describeMistakes([
    [() => training.snapshot({ numRetain: 2 } as object), "got 'numRetain'. Did you mean 'nRetains'?"],
    [() => training.snapshot({ autoLoad: true } as object), "Did you mean 'autoload'?"],
    [
      () => training.snapshot({ nRetains: '2' as never }),
      "snapshot nRetains: expected a number or null, got '2'",
    ],
    [() => training.snapshotBest(link, 'x', { mode: 'best' as 'max' }), "expected 'max' | 'min', got 'best'"],
    [
      () => training.loadSnapshot(bytes, built.trainer, { ignoreNames: 'a' } as object),
      "Did you mean 'ignore'?",
    ],
    [() => new training.LogReport({ logName: 'log' } as object), "Did you mean 'filename'?"],
    [() => new training.PlotReport('a', { fileName: 'a.svg' } as object), "Did you mean 'filename'?"],
    [() => new SerialIterator([1], 1, { shuffled: true } as object), "Did you mean 'shuffle'?"],
    [
      () => new SerialIterator([1], 1, { repeat: 'false' as never }),
      'SerialIterator repeat: expected true or false',
    ],
    [() => new training.PrefetchIterator([1], 1, { nProcesses: 2 } as object), "Did you mean 'nWorkers'?"],
    [() => new Trainer(built.updater, null, { output: 'run' } as object), "Did you mean 'out'?"],
    [() => built.trainer.extend(() => {}, { invokeBeforeTraining: true } as object), "'callBeforeTraining'?"],
    [
      () => new StandardUpdater(built.iterator, built.optimizer, { lossFn() {} } as object),
      "Did you mean 'lossFunc'?",
    ],
    [() => new training.ExponentialShift('lr', 0.1, { initial: 1 } as object), "Did you mean 'init'?"],
    [
      () => new training.MultistepShift('lr', 0.1, [1], { target: 1 } as object),
      'an option of init, optimizer,',
    ],
    [() => training.observeLr({ optimizer: 'main' } as object), "Did you mean 'optimizerName'?"],
  ]);
});
