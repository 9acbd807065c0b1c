import { InvalidArgumentError } from '@chaingrad/core';
import { BatchError, concatExamples } from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../support/backends.ts';
import { rejection } from '../support/errors.ts';

/** Shape, type and values of everything, and the tensors are freed. */
async function contents(promise: ReturnType<typeof concatExamples>): Promise<unknown> {
  const result = await promise;
  const one = (tensor: tf.Tensor) => {
    const { shape, dtype } = tensor;
    const values = [...tensor.dataSync()];
    tensor.dispose();
    return { shape, dtype, values };
  };
  if (result instanceof tf.Tensor) return one(result);
  if (Array.isArray(result)) return result.map(one);
  return Object.fromEntries(Object.entries(result).map(([key, tensor]) => [key, one(tensor)]));
}

describe('concatExamples', () => {
  let tensors: number;
  before(() => useTestBackend('cpu'));
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => expect(tf.memory().numTensors, 'tensors left').to.equal(tensors));

  it('makes a tensor of each part of a tuple', async () => {
    const batch = [
      [Float32Array.of(1, 2), 3, true],
      [Float32Array.of(4, 5), 6, false],
    ];
    expect(await contents(concatExamples(batch))).to.deep.equal([
      { shape: [2, 2], dtype: 'float32', values: [1, 2, 4, 5] },
      { shape: [2], dtype: 'int32', values: [3, 6] },
      { shape: [2], dtype: 'bool', values: [1, 0] },
    ]);
  });

  it('makes a record of records', async () => {
    const batch = [
      { img: { data: Uint8Array.of(9, 8), shape: [1, 2] }, label: 1 },
      { img: { data: Uint8Array.of(7, 6), shape: [1, 2] }, label: 0.5 },
    ];
    expect(await contents(concatExamples(batch))).to.deep.equal({
      img: { shape: [2, 1, 2], dtype: 'int32', values: [9, 8, 7, 6] },
      label: { shape: [2], dtype: 'float32', values: [1, 0.5] },
    });
  });

  it('makes one tensor of anything else', async () => {
    expect(await contents(concatExamples([1, 2, 3]))).to.deep.include({ dtype: 'int32', shape: [3] });
    expect(await contents(concatExamples([1, 2.5]))).to.deep.include({ dtype: 'float32', values: [1, 2.5] });
    expect(await contents(concatExamples([Float64Array.of(1), Float64Array.of(2)]))).to.deep.include({
      dtype: 'float32',
      shape: [2, 1],
    });
    const shaped = [{ data: [1, 2, 3, 4], shape: [2, 2] }];
    expect(await contents(concatExamples(shaped))).to.deep.equal({
      shape: [1, 2, 2],
      dtype: 'float32',
      values: [1, 2, 3, 4],
    });
  });

  it('takes nested arrays of numbers and tensors as parts, and leaves the tensors alone', async () => {
    const a = tf.tensor2d([[1, 2]]);
    const b = tf.tensor2d([[3, 4]]);
    const batch = [
      [
        [
          [1, 2],
          [3, 4],
        ],
        a,
      ],
      [
        [
          [5, 6],
          [7, 8],
        ],
        b,
      ],
    ];
    expect(await contents(concatExamples(batch))).to.deep.equal([
      { shape: [2, 2, 2], dtype: 'float32', values: [1, 2, 3, 4, 5, 6, 7, 8] },
      { shape: [2, 1, 2], dtype: 'float32', values: [1, 2, 3, 4] },
    ]);
    tf.dispose([a, b]);
  });

  it('pads where it is told to', async () => {
    const batch = [
      [Int32Array.of(1, 2), { data: Float32Array.of(1, 2), shape: [2, 1] }],
      [Int32Array.of(3), { data: Float32Array.of(3, 4, 5), shape: [1, 3] }],
      [new Int32Array(0), { data: new Float32Array(0), shape: [0, 0] }],
    ];
    expect(await contents(concatExamples(batch, [-1, 0]))).to.deep.equal([
      { shape: [3, 2], dtype: 'int32', values: [1, 2, 3, -1, -1, -1] },
      {
        shape: [3, 2, 3],
        dtype: 'float32',
        values: [1, 0, 0, 2, 0, 0, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      },
    ]);
    const records = batch.map(([ids]) => ({ ids }));
    expect(await contents(concatExamples(records, { ids: 9 }))).to.deep.equal({
      ids: { shape: [3, 2], dtype: 'int32', values: [1, 2, 3, 9, 9, 9] },
    });
    expect(
      await contents(
        concatExamples(
          batch.map(([ids]) => ids),
          7,
        ),
      ),
    ).to.deep.include({ shape: [3, 2] });
  });

  it('refuses examples that are not alike, and tells where', async () => {
    const cases: [unknown[], string, string][] = [
      [[[Float32Array.of(1)], [Float32Array.of(1, 2)]], '[0]', '(2)'],
      [[[1, 2], [1]], '', 'an array of 1'],
      [[[1], 2], '', '2'],
      [[{ a: 1 }, { b: 1 }], '', 'a record of b'],
      [[{ a: 1 }, { a: 1, b: 2 }], '', 'a record of a, b'],
      [[{ x: 1 }, { x: true }], "'x'", 'int32 and bool'],
      [[Float32Array.of(1), Int32Array.of(1)], '', 'float32 and int32'],
      [['text', 'text'], '', 'text'],
      [[[[1, [2]]]], '[0]', 'others'],
      [[{ data: [1, 2, 3], shape: [2, 2] }], '', '3'],
      [[[Float32Array.of(1), BigInt64Array.of(1n)]], '[1]', 'BigInt64Array'],
    ];
    for (const [batch, where, got] of cases) {
      const error = await rejection(concatExamples(batch), BatchError);
      expect([error.where, error.got], error.message).to.deep.equal([where, got]);
    }
    await rejection(concatExamples([Float32Array.of(1), { data: [1], shape: [1, 1] }], 0), BatchError);
    await rejection(concatExamples([]), InvalidArgumentError);
  });
});
