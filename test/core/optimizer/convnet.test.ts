/** Ten training steps of a convolutional network with batch normalization, beside the real Chainer. */
import { MomentumSGD, softmaxCrossEntropy, usingConfig } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { channelsLast, generate, readJson, readNpz } from '../../support/goldens.ts';
import { ConvNet } from '../../support/models.ts';

const golden = readJson<{
  convnet: {
    losses: number[];
    params: { path: string; shape: number[]; key: string; scale: number; offset: number }[];
  };
}>('goldens/training.json').convnet;
const arrays = readNpz('goldens/training.npz');
const goldenArray = (name: string) => arrays.get(`convnet/${name}`)!;

describeBackends('training a convolutional network', () => {
  it('follows Chainer for ten steps: losses, parameters, running statistics, predictions', async () => {
    const before = tf.memory().numTensors;
    const model = new ConvNet();
    const x = tf.tidy(() => {
      const { data, shape } = goldenArray('x');
      const [n, c, h, w] = shape as [number, number, number, number];
      return tf.tensor4d(channelsLast(data as Float32Array, shape), [n, h, w, c]);
    });
    const t = tf.tensor1d(goldenArray('t').data as Int32Array, 'int32');
    for (const row of golden.params) {
      const param = new Map(model.namedparams()).get(row.path)!;
      tf.tidy(() =>
        param.assign(
          tf.tensor(
            generate(
              row,
              row.shape.reduce((a, b) => a * b),
            ),
            row.shape,
          ),
        ),
      );
    }
    const optimizer = new MomentumSGD({ lr: 0.02, momentum: 0.9 }).setup(model);
    const lossOf = () => softmaxCrossEntropy(model.call(x), t);

    const tensors: number[] = [];
    for (const [step, want] of golden.losses.entries()) {
      const loss = optimizer.update(lossOf);
      expectClose(await loss.data(), [want], 2e-5, `loss ${step + 1}`);
      if (step === 0) {
        for (const [path, param] of model.namedparams()) {
          // The bias of a convolution before batch normalization has gradient 0, but for rounding.
          if (path === '/conv1/b') continue;
          expectClose(
            await param.grad!.data(),
            goldenArray(`grad0${path}`).data,
            1e-4,
            `gradient of ${path}`,
          );
        }
      }
      tensors.push(tf.memory().numTensors);
    }
    expect(tensors.slice(1)).to.deep.equal(Array(9).fill(tensors[0]));

    for (const [path, param] of model.namedparams())
      expectClose(await param.tensor.data(), goldenArray(`after10${path}`).data, 2e-4, path);
    for (const name of ['avg_mean', 'avg_var'] as const)
      expectClose(await model.bn[name].value!.data(), goldenArray(`after10/bn/${name}`).data, 2e-4, name);
    const y = usingConfig('train', false, () => model.call(x));
    expectClose(await y.data(), goldenArray('y_test_after10').data, 2e-4, 'prediction');
    for (const disposable of [x, t, y, optimizer, model]) disposable.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });
});
