/** Steps and copies are done as a whole or not at all, wherever memory ends. */
import {
  Adam,
  Chain,
  GradientClipping,
  Linear,
  MomentumSGD,
  type NamedArray,
  type Optimizer,
  Persistent,
  type Serializable,
  transferParams,
  WeightDecay,
} from '@chaingrad/core';
import { MemoryWeights, openWeights, serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { readArray } from '../../packages/core/src/arrays/read-array.ts';
import { describeBackends } from '../support/backends.ts';
import { failsAt } from '../support/memory-end.ts';
import { valuesOf } from '../support/serializable.ts';

class Net extends Chain {
  readonly body = new Linear(3, 4, { initialW: 0.5 });
  readonly lazy = new Linear(null, 2, { initialW: 0.25 });
  readonly head: Linear;
  readonly mean: Persistent<tf.Tensor | null>;
  readonly seen: Persistent<number>;
  constructor(nClass: number, fill: number) {
    super();
    this.head = new Linear(4, nClass + 1, { initialW: fill, initialBias: fill });
    this.mean = new Persistent<tf.Tensor | null>(fill === 1 ? null : tf.tidy(() => tf.fill([3], fill)));
    this.seen = new Persistent(fill);
  }
}

/** tfjs' own kernels leave data behind when they fail in the middle, so that only tensors can be counted. */
const counts = () => tf.memory().numTensors;
const gradsOf = (net: Chain) =>
  Promise.all([...net.params()].map(async ({ grad }) => (grad === null ? null : [...(await grad.data())])));

/** Does `work` with memory that ends at every step in turn. @returns how many steps there were. */
async function atEveryStep(state: () => Promise<unknown>, work: () => unknown): Promise<number> {
  const before = await state();
  for (let n = 0; ; n++) {
    if (!(await failsAt(n, work))) return n;
    expect(await state(), `step ${n}`).to.deep.equal(before);
  }
}

const optimizers: Record<string, () => Optimizer> = {
  MomentumSGD: () => new MomentumSGD({ lr: 0.1 }),
  Adam: () => new Adam({ amsgrad: true }),
};

describeBackends('when memory ends at the n-th step, for every n', (backend) => {
  for (const [name, make] of Object.entries(optimizers)) {
    it(`an update of ${name} changes everything or nothing: values, state, gradients and counts`, async () => {
      const build = () => {
        const net = new Net(2, 1);
        net.lazy.W.initialize([2, 2]);
        const optimizer = make().setup(net);
        optimizer.addHook(new WeightDecay(0.01)).addHook(new GradientClipping(1));
        net.head.W.updateRule!.addHook(new WeightDecay(0.1));
        return { net, optimizer };
      };
      const setGrads = (net: Net) =>
        tf.tidy(() => {
          for (const param of net.params()) param.grad = tf.fill(param.shape, 0.25);
        });
      const [tried, plain] = [build(), build()];
      for (const round of ['without state', 'with state']) {
        for (const { net } of [tried, plain]) setGrads(net);
        const state = async () => [
          await valuesOf(tried.net),
          await valuesOf(tried.optimizer),
          await gradsOf(tried.net),
          counts(),
        ];
        const steps = await atEveryStep(state, () => tried.optimizer.update());
        expect(steps, round).to.be.above(20);
        plain.optimizer.update();
        expect(await valuesOf(tried.net)).to.deep.equal(await valuesOf(plain.net));
        expect(await valuesOf(tried.optimizer)).to.deep.equal(await valuesOf(plain.optimizer));
        expect(await gradsOf(tried.net)).to.deep.equal(await gradsOf(plain.net));
      }
      for (const { net, optimizer } of [tried, plain]) {
        optimizer.dispose();
        net.dispose();
      }
    });
  }

  const classes = { src: ['cat', 'dog', 'cow'], dst: ['dog', 'fox'] };

  it('transferParams by class copies everything or nothing, from a model and from a file', async () => {
    const src = new Net(3, 7);
    src.lazy.W.initialize([2, 2]);
    const file = await openWeights(await serialize(src));
    const map = new Map<string, NamedArray>();
    for (const key of file.keys()) map.set(key, await readArray(file, key));
    for (const source of [src, new MemoryWeights('memory', 'npz', map)]) {
      const dst = new Net(2, 1);
      const state = async () => [await valuesOf(dst), counts()];
      const steps = await atEveryStep(state, () =>
        transferParams(source as Serializable, dst, { byClass: classes }),
      );
      expect(steps).to.be.above(5);
      expect(dst.seen.value).to.equal(7);
      expect([...(await dst.head.b!.tensor.data())]).to.deep.equal([7, 7, 1]);
      expect(dst.lazy.W.shape).to.deep.equal([2, 2]);
      dst.dispose();
    }
    src.dispose();
  });

  if (backend !== 'cpu') return;
  it('when an entry refuses its value, those before it are put back', async () => {
    const src = new Net(2, 7);
    src.lazy.W.initialize([2, 2]);
    const { length } = [...src.serialEntries()];
    for (let refused = 0; refused < length; refused++) {
      const dst = new Net(2, 1);
      const strict: Serializable = {
        serialEntries: () =>
          [...dst.serialEntries()].map((entry, i) => {
            // One of those that can neither adopt nor save, and is put back by being written again.
            const { adopt: _adopt, save: _save, ...plain } = entry;
            if (i !== refused) return entry.read() === null || i % 2 === 0 ? entry : plain;
            let written = 0;
            const write: typeof entry.write = (value) => {
              if (written++ === 0) throw new RangeError('refused');
              entry.write(value);
            };
            return { ...plain, write };
          }),
      };
      const before = [await valuesOf(dst), counts()];
      expect(() => transferParams(src, strict)).to.throw(RangeError, 'refused');
      expect([await valuesOf(dst), counts()]).to.deep.equal(before);
      dst.dispose();
    }
    src.dispose();
  });
});
