/** What an optimizer lists for saving and loading, against the files that Chainer wrote. */
import { Adam, Chain, InvalidArgumentError, Link, MomentumSGD, Parameter, SGD } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { readNpz } from '../../support/goldens.ts';
import { batch, golden, goldenArray, goldenMLP, lossOf } from './mlp.ts';

/** A model with the parameters that `keys` tells of: names and shapes. */
function modelOf(keys: Record<string, [number[], string]>): Chain {
  const root = new Chain();
  for (const [key, [shape]] of Object.entries(keys)) {
    const [child, name, state] = key.split('/');
    if (state === undefined || state === 't' || state === 'm') continue;
    if (!(child! in root)) root.addLink(child!, new Link());
    root.child(child!).addParam(name!, shape, 0);
  }
  return root;
}

const keysOf = (file: string) => golden.npz[file]!.keys;

/** Writes every array of a file into the entries of the same keys, as a loader does. */
function load(optimizer: Adam, arrays: ReturnType<typeof readNpz>): void {
  for (const entry of optimizer.serialEntries()) {
    const array = arrays.get(entry.key)!;
    expect(array.shape, entry.key).to.deep.equal(entry.shape);
    if (array.shape.length === 0) entry.write(array.data[0]!);
    else tf.tidy(() => entry.write(tf.tensor(array.data as Float32Array, array.shape)));
  }
}

describeBackends('Optimizer.serialEntries', () => {
  for (const [file, optimizer] of [
    ['optimizer_momentum.npz', new MomentumSGD()],
    ['optimizer_adam.npz', new Adam()],
  ] as const) {
    it(`lists the keys and shapes of ${file}, before the first update and after it`, () => {
      const keys = keysOf(file);
      const model = modelOf(keys);
      optimizer.setup(model);
      const shapes = () => Object.fromEntries([...optimizer.serialEntries()].map((e) => [e.key, e.shape]));
      const want = Object.fromEntries(Object.entries(keys).map(([key, [shape]]) => [key, shape]));
      expect(shapes()).to.deep.equal(want);
      optimizer.update();
      expect(shapes()).to.deep.equal(want);
      const prefixed = [...optimizer.serialEntries('optimizer:main/')].map((entry) => entry.key);
      expect(prefixed).to.include.members(['optimizer:main/t', 'optimizer:main/epoch']);
      expect(prefixed).to.have.members(Object.keys(want).map((key) => `optimizer:main/${key}`));
      optimizer.dispose();
      model.dispose();
    });
  }

  it('takes the state that Chainer saved, and goes on where Chainer stopped', async () => {
    const before = tf.memory().numTensors;
    const model = goldenMLP();
    const optimizer = new Adam({ alpha: 0.01 }).setup(model);
    load(optimizer, readNpz('goldens/npz/optimizer_adam.npz'));
    expect([optimizer.t, optimizer.epoch, model.l2.b.updateRule!.t]).to.deep.equal([2, 0, 2]);
    for (const [path, param] of model.namedparams())
      tf.tidy(() => param.assign(tf.tensor(goldenArray(`npz/adam_target${path}`), param.shape)));
    const { x, t } = batch();
    for (let step = 3; step <= 5; step++) {
      optimizer.update(lossOf, model, x, t);
      for (const [path, param] of model.namedparams())
        expectClose(await param.tensor.data(), goldenArray(`opt/Adam/step${step}${path}`), 1e-5, path);
    }
    expect(entryOf(optimizer, 'l1/W/t').read()).to.equal(5);
    for (const disposable of [optimizer, model, x, t]) disposable.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('reads null where there is no state yet, and says which entries a file may lack', () => {
    class Lazy extends Link {
      readonly a = new Parameter(0, [2]);
      readonly frozen = new Parameter(0, [2]);
      readonly lazy = new Parameter(0);
    }
    const model = new Lazy();
    model.frozen.frozen = true;
    const optimizer = new MomentumSGD().setup(model);
    const entries = [...optimizer.serialEntries()].map((e) => [
      e.key,
      e.read(),
      e.shape,
      e.optional ?? false,
    ]);
    expect(entries).to.deep.equal([
      ['t', 0, [], false],
      ['epoch', 0, [], false],
      ['a/t', 0, [], false],
      ['a/v', null, [2], false],
      ['frozen/t', 0, [], false],
      ['frozen/v', null, [2], true],
      ['lazy/t', 0, [], false],
      ['lazy/v', null, null, true],
    ]);
    optimizer.dispose();
    model.dispose();
  });

  it('lists a parameter under both of its names', () => {
    class Tied extends Chain {
      readonly a = goldenMLP().l2;
      readonly b = this.a;
    }
    const model = new Tied();
    const optimizer = new SGD().setup(model);
    const keys = [...optimizer.serialEntries()].map((entry) => entry.key);
    expect(keys).to.deep.equal(['t', 'epoch', 'a/W/t', 'a/b/t', 'b/W/t', 'b/b/t']);
    model.dispose();
  });

  it('refuses values that do not fit', () => {
    const model = goldenMLP();
    const optimizer = new MomentumSGD().setup(model);
    const write = (key: string, value: number | string | null | tf.Tensor) =>
      entryOf(optimizer, key).write(value);
    expect(() => write('t', 'two')).to.throw(InvalidArgumentError, 't: expected an integer, got two');
    expect(() => write('l1/W/t', 1.5)).to.throw(InvalidArgumentError, 'l1/W/t');
    expect(() => write('l1/W/v', 1)).to.throw(InvalidArgumentError, 'l1/W/v: expected an array');
    write('l1/W/v', null);
    expect(model.l1.W.updateRule!.state.size, 'null changes nothing').to.equal(0);
    tf.tidy(() => {
      expect(() => write('l1/W/v', tf.zeros([2]))).to.throw('l1/W/v: expected shape (6, 4), got (2)');
    });
    optimizer.dispose();
    model.dispose();
  });

  it('finds a state that does not fit a shape that was not known', () => {
    class Lazy extends Link {
      readonly p = new Parameter(0);
    }
    const model = new Lazy();
    const optimizer = new MomentumSGD().setup(model);
    tf.tidy(() => entryOf(optimizer, 'p/v').write(tf.zeros([2])));
    model.p.initialize([3]);
    expect(() => optimizer.update()).to.throw('/p/v: expected shape (3), got (2)');
    optimizer.dispose();
    model.dispose();
  });
}, ['cpu']);

const entryOf = (optimizer: Adam | MomentumSGD, key: string) =>
  [...optimizer.serialEntries()].find((entry) => entry.key === key)!;
