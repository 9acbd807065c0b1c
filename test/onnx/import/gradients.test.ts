import { usingConfig } from '@chaingrad/core';
import type { OnnxChain, OnnxOutput } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, useTestBackend } from '../../support/backends.ts';
import { generator } from '../../weights/fuzz/mutate.ts';
import { openPeerTest, peerIsThere, peerTests } from './peer.ts';

/**
 * Tests whose inputs lie where the operator has steps or kinks (of the ninety thousand windows of one some have two near maxima), or
 * whose numbers are too large for differences.
 */
const atKinks =
  /gridsample|hardmax|round|sign$|large_number|test_pow|cast_|floor|ceil|constant_pad|bfloat|_BFLOAT|test_max_|test_min_|maxpool_3d/i;

/** Operators that have no gradient, or none by their first input: choices, counts, integers, what is computed on the host. */
const without =
  /expanded|example|_random|seq|str|quant|dropout|bernoulli|precomputed|integer|qlinear|det_|melweight|onehot|range|unique|nonzero|nonmax|shape|size|arg|is(nan|inf)|window|eyelike|constantofshape|compress|training|adagrad|adam|momentum|dft|optional|if|loop|scan/;

const randomOf = (shape: readonly number[], seed: number) => {
  const random = generator(seed);
  return tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, () => random() - 0.5),
    [...shape],
  );
};

/** What a step along a direction adds to a weighted sum of the first output: by the tape, and by differences. */
async function slopes(model: OnnxChain<OnnxOutput>, inputs: tf.Tensor[]): Promise<[number, number] | null> {
  const first = (x: tf.Tensor): tf.Tensor => {
    const y = usingConfig('train', false, () => model.call(x, ...inputs.slice(1)));
    return y instanceof tf.Tensor ? y : Object.values(y)[0]!;
  };
  const [x] = inputs;
  const probe = tf.tidy(() => first(x!));
  const { dtype, shape, size } = probe;
  probe.dispose();
  if (dtype !== 'float32' || size === 0) return null;
  const weights = randomOf(shape, 11);
  const direction = randomOf(x!.shape, 12);
  const loss = (input: tf.Tensor) => tf.sum(tf.mul(first(input), weights));
  const byTape = tf.tidy(() => tf.sum(tf.mul(tf.grad(loss)(x!), direction)));
  const at = async (step: number) => {
    const value = tf.tidy(() => loss(tf.add(x!, tf.mul(direction, step))));
    const [number] = await value.data();
    value.dispose();
    return number!;
  };
  const step = 1e-3;
  const result: [number, number] = [
    (await byTape.data())[0]!,
    ((await at(step)) - (await at(-step))) / (2 * step),
  ];
  tf.dispose([weights, direction, byTape]);
  return result;
}

describeBackends("gradients of ONNX' operators", () => {
  before(async function () {
    await useTestBackend('cpu');
    if (!peerIsThere) this.skip();
  });

  it('are what differences give, by the first input of each test', async () => {
    const wrong: string[] = [];
    let checked = 0;
    for (const test of peerTests('node').filter((name) => !atKinks.test(name) && !without.test(name))) {
      const count = tf.memory().numTensors;
      let opened: Awaited<ReturnType<typeof openPeerTest>>;
      try {
        opened = await openPeerTest('node', test);
      } catch {
        // What cannot be imported is listed and counted elsewhere.
        continue;
      }
      const { model, inputs } = opened;
      if (inputs[0]?.dtype === 'float32' && inputs[0].size > 0) {
        try {
          const found = await slopes(model, inputs);
          if (found !== null) {
            checked++;
            const [tape, difference] = found;
            const close = Math.abs(tape - difference) <= 0.02 + 0.03 * Math.abs(difference);
            if (!close) wrong.push(`${test}: ${tape} by the tape, ${difference} by differences`);
          }
        } catch (error) {
          wrong.push(`${test}: ${(error as Error).message}`);
        }
      }
      model.dispose();
      tf.dispose(inputs);
      if (tf.memory().numTensors !== count) wrong.push(`${test}: tensors are left`);
    }
    expect(wrong).to.deep.equal([]);
    expect(checked, 'tests with a gradient').to.be.greaterThan(200);
  });
}, ['cpu']);
