import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { KernelArgumentError } from '../../../packages/kernels/src/errors.ts';
import { fusedUpdate } from '../../../packages/kernels/src/ops/fused-update.ts';
import { floats, generator, useFastWasm, worst } from './support.ts';

const sizes = [1, 2, 3, 4, 5, 31, 1000, 70001];

type Arrays = readonly Float64Array[];

/** Chainer's formulas in float64: the new parameter, then the new state. */
const references = {
  sgd: ([p, g]: Arrays) => [p!.map((v, i) => v - 0.1 * (g![i]! + 0.01 * v))],
  momentum: ([p, g, v]: Arrays) => {
    const next = v!.map((u, i) => 0.9 * u - 0.1 * (g![i]! + 0.01 * p![i]!));
    return [p!.map((u, i) => u + next[i]!), next];
  },
  adam: ([p, g, m, v, max]: Arrays) => {
    const decayed = g!.map((u, i) => u + 0.01 * p![i]!);
    const nextM = m!.map((u, i) => u + 0.1 * (decayed[i]! - u));
    const nextV = v!.map((u, i) => u + 0.001 * (decayed[i]! ** 2 - u));
    const top = max?.map((u, i) => Math.max(u, nextV[i]!));
    const next = p!.map(
      (u, i) => u - 0.5 * ((0.03 * nextM[i]!) / (Math.sqrt((top ?? nextV)[i]!) + 1e-3) + 0.2 * u),
    );
    return [next, nextM, nextV, ...(top === undefined ? [] : [top])];
  },
};

const hypers = {
  sgd: { lr: 0.1, weightDecay: 0.01 },
  momentum: { lr: 0.1, momentum: 0.9, weightDecay: 0.01 },
  adam: {
    rate: 0.03,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-3,
    eta: 0.5,
    weightDecay: 0.01,
    weightDecayRate: 0.2,
  },
};

const rows = [
  ['sgd', 0],
  ['momentum', 1],
  ['adam', 2],
  ['adam', 3],
] as const;

for (const backend of ['wasm', 'cpu'])
  describe(`fusedUpdate on ${backend}`, () => {
    before(async () => {
      await useFastWasm();
      await tf.setBackend(backend);
    });
    after(() => tf.setBackend('wasm'));

    for (const [kind, states] of rows)
      it(`${kind} with ${states} states`, () => {
        const random = generator(31);
        for (const n of sizes) {
          // second moments are not negative
          const arrays = Array.from({ length: 2 + states }, (_, i) =>
            i < 3 ? floats(random, n) : floats(random, n).map(Math.abs),
          );
          const expected = references[kind](arrays.map((a) => Float64Array.from(a)));
          const before = tf.memory().numTensors;
          const tensors = arrays.map((a) => tf.tensor1d(a));
          const [p, g, ...state] = tensors as [tf.Tensor, tf.Tensor, ...tf.Tensor[]];
          const got = fusedUpdate(kind, p, g, state, hypers[kind]);
          expect(got.length).to.equal(1 + states);
          for (const [i, tensor] of got.entries())
            expect(worst(tensor.dataSync(), expected[i]!), `${n}, ${i}`).to.be.below(1e-5);
          // the old values are untouched
          for (const [i, tensor] of tensors.entries())
            expect([...tensor.dataSync()]).to.deep.equal([...arrays[i]!]);
          tf.dispose([tensors, got]);
          expect(tf.memory().numTensors).to.equal(before);
        }
      });

    it('rejects shapes and states that do not fit', () => {
      const [a, b] = [tf.zeros([3]), tf.zeros([4])];
      expect(() => fusedUpdate('sgd', a, b, [], { lr: 1 })).to.throw(KernelArgumentError, 'grad');
      expect(() => fusedUpdate('momentum', a, a, [], { lr: 1, momentum: 0 })).to.throw(
        KernelArgumentError,
        'state of momentum',
      );
      tf.dispose([a, b]);
    });
  });
