import { InvalidArgumentError, Random, report, UnknownNameError } from '@chaingrad/core';
import { type Extension, makeExtension, priorities, Trainer, TrainerStateError } from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../support/backends.ts';
import { rejection, thrown } from '../support/errors.ts';
import { buildTraining, captured, type Training } from './support.ts';

const nothing = () => {};

describe('Trainer', () => {
  let training: Training;
  let trainer: Trainer;
  let tensors: number;

  before(() => useTestBackend('cpu'));
  beforeEach(() => {
    tensors = tf.memory().numTensors;
    training = buildTraining({ stop: [5, 'iteration'] });
    trainer = training.trainer;
  });
  afterEach(() => {
    training[Symbol.dispose]();
    expect(tf.memory().numTensors, 'tensors left').to.equal(tensors);
  });

  /** An extension that writes into `calls` whenever something of it is called. */
  const recorder = (name: string, calls: string[], more: Partial<Extension> = {}): Extension => ({
    name,
    call: () => void calls.push(`${name}.call`),
    initialize: () => void calls.push(`${name}.initialize`),
    finalize: () => void calls.push(`${name}.finalize`),
    onError: (_, error) => void calls.push(`${name}.onError ${(error as Error).message}`),
    onAbort: () => void calls.push(`${name}.onAbort`),
    ...more,
  });

  it('runs updates until the stop trigger fires', async () => {
    await trainer.run();
    expect(training.updater.iteration).to.equal(5);
    expect(training.optimizer.t).to.equal(5);
  });

  it('runs once', async () => {
    await trainer.run();
    await rejection(trainer.run(), TrainerStateError);
    expect(training.updater.iteration).to.equal(5);
    thrown(() => trainer.extend(nothing), TrainerStateError);
  });

  it('calls extensions by descending priority, then in order of registration', async () => {
    const calls: string[] = [];
    const add = (name: string, priority?: number) =>
      trainer.extend(() => void calls.push(name), { name, priority });
    add('reader1');
    add('snapshot', priorities.snapshot);
    add('editor', priorities.editor);
    add('reader2', 100);
    add('writer', priorities.writer);
    training.trainer.extend(
      makeExtension(() => void calls.push('own'), { priority: priorities.writer, defaultName: 'own' }),
    );
    await trainer.run();
    const round = ['writer', 'own', 'editor', 'reader1', 'reader2', 'snapshot'];
    expect(calls).to.deep.equal(Array.from({ length: 5 }, () => round).flat());
    expect(trainer.extensions().map(({ name }) => name)).to.deep.equal(round);
  });

  it('names extensions and suffixes what is taken', () => {
    function tick() {}
    trainer.extend(tick).extend(tick).extend(tick);
    trainer.extend({ defaultName: 'tick', call: nothing }, { name: 'other' });
    trainer.extend({ name: 'fixed', defaultName: 'tick', call: nothing });
    trainer.extend(() => {});
    expect(trainer.extensions().map(({ name }) => name)).to.deep.equal([
      'tick',
      'tick_1',
      'tick_2',
      'other',
      'fixed',
      'extension',
    ]);
    expect(trainer.getExtension('tick_1').name).to.equal('tick_1');
    const error = thrown(() => trainer.getExtension('tack'), UnknownNameError);
    expect(error.known).to.include('tick_2');
  });

  it("refuses the name 'training' and what is no extension", () => {
    thrown(() => trainer.extend(nothing, { name: 'training' }), InvalidArgumentError);
    thrown(() => trainer.extend(function training() {}), InvalidArgumentError);
    thrown(() => trainer.extend({} as Extension), InvalidArgumentError);
    const random = { default: new Random(1) };
    thrown(() => new Trainer(training.updater, null, { random }), InvalidArgumentError);
  });

  it('initializes before the first update and finalizes at the end, each in order', async () => {
    const calls: string[] = [];
    trainer.extend(recorder('low', calls, { trigger: null, priority: 1 }));
    trainer.extend(recorder('high', calls, { trigger: [4, 'iteration'], priority: 2 }));
    await trainer.run();
    expect(calls).to.deep.equal([
      'high.initialize',
      'low.initialize',
      'high.call',
      'high.finalize',
      'low.finalize',
    ]);
  });

  it('leaves an extension uninitialized whose trigger is finished', async () => {
    const calls: string[] = [];
    trainer.extend(recorder('done', calls), { trigger: { fires: () => false, finished: true } });
    await trainer.run();
    expect(calls).to.deep.equal(['done.finalize']);
  });

  it('calls before training what asks for it', async () => {
    const calls: string[] = [];
    const seen = (name: string) => (t: Trainer) => void calls.push(`${name} ${t.updater.iteration}`);
    trainer.extend(seen('a'), { trigger: [3, 'iteration'], callBeforeTraining: true });
    trainer.extend(seen('b'), { trigger: [3, 'iteration'] });
    await trainer.run();
    expect(calls).to.deep.equal(['a 0', 'a 3', 'b 3']);
  });

  it('tells extensions of an error, finalizes all and throws it on', async () => {
    const calls: string[] = [];
    trainer.extend(recorder('a', calls, { trigger: null }));
    trainer.extend(
      recorder('b', calls, {
        trigger: null,
        onError: () => {
          throw new Error('handler');
        },
        finalize: () => {
          throw new Error('finalizer');
        },
      }),
    );
    trainer.extend(recorder('c', calls, { trigger: null }));
    trainer.extend(() => {
      if (training.updater.iteration === 2) throw new RangeError('boom');
    });
    let error: unknown;
    const printed = await captured('error', async () => {
      error = await rejection(trainer.run(), RangeError);
    });
    expect((error as Error).message).to.equal('boom');
    expect(printed.join('\n')).to.include('handler').and.include('finalizer');
    expect(calls.filter((call) => !call.endsWith('initialize'))).to.deep.equal([
      'a.onError boom',
      'c.onError boom',
      'a.finalize',
      'c.finalize',
    ]);
  });

  it('throws what only finalize throws', async () => {
    trainer.extend({
      name: 'bad',
      call: nothing,
      finalize: () => {
        throw new RangeError('late');
      },
    });
    await captured('error', () => rejection(trainer.run(), RangeError));
  });

  it('throws the errors of an update', async () => {
    training.model.predictor.l1.W.dispose();
    await rejection(trainer.run(), Error);
    expect(training.updater.iteration).to.equal(0);
  });

  it('registers the model, its links and what extensions report', async () => {
    const keys: string[][] = [];
    trainer.extend(
      async (t) => {
        report({ early: 1 });
        await null;
        tf.tidy(() => t.report({ late: tf.scalar(2) }));
      },
      { name: 'writer', priority: priorities.writer },
    );
    trainer.extend(({ observation }) => void keys.push([...observation.keys()]));
    const scalars: tf.Tensor[] = [];
    trainer.extend(({ observation }) => {
      const late = observation.get('late') as tf.Tensor;
      scalars.push(late);
      expect(late.dataSync()[0]).to.equal(2);
    });
    await trainer.run();
    expect(keys[4]).to.deep.equal(['main/loss', 'main/accuracy', 'early', 'late']);
    expect(scalars.every((scalar) => scalar.isDisposed)).to.equal(true);
  });

  it('lets timers run between iterations', async () => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 0);
    const waits: number[] = [];
    trainer.extend(() => {
      waits.push(ticks);
      const end = performance.now() + 5;
      while (performance.now() < end);
    });
    await trainer.run();
    clearInterval(timer);
    expect(waits.at(-1)).to.be.greaterThan(waits[0]!);
  });

  it('ends at an aborted signal between two iterations, without onError', async () => {
    const calls: string[] = [];
    const controller = new AbortController();
    trainer.extend(recorder('a', calls, { trigger: null }));
    trainer.extend(() => {
      if (training.updater.iteration === 3) controller.abort(new RangeError('enough'));
    });
    expect((await rejection(trainer.run({ signal: controller.signal }), RangeError)).message).to.equal(
      'enough',
    );
    expect(training.updater.iteration).to.equal(3);
    expect(calls).to.deep.equal(['a.initialize', 'a.onAbort', 'a.finalize']);
  });

  it('does nothing when the signal was aborted before', async () => {
    const signal = AbortSignal.abort();
    const error = await rejection(trainer.run({ signal }), DOMException);
    expect(error.name).to.equal('AbortError');
    expect(training.updater.iteration).to.equal(0);
  });

  it('counts the time of training only', async () => {
    expect(trainer.elapsedTime).to.equal(0);
    await trainer.run();
    const { elapsedTime } = trainer;
    expect(elapsedTime).to.be.greaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(trainer.elapsedTime).to.equal(elapsedTime);
  });
});
