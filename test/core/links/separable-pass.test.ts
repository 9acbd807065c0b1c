/** A depthwise link and a pointwise one in one pass, and when they are called one after the other instead. */
import {
  Convolution2D,
  callNormalized,
  type ForwardInfo,
  relu,
  relu6,
  SeparableConv2DBNActiv,
  ShapeMismatchError,
  tanh,
  withLinkHook,
} from '@chaingrad/core';
import { SEPARABLE_CONV_2D } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useFastWasm } from '../../kernels/wasm/support.ts';
import { describeBackends } from '../../support/backends.ts';
import { distinct } from '../functions/numeric.ts';

const image = () => distinct('x', [2, 9, 11, 6]) as tf.Tensor4D;

const make = (options: ConstructorParameters<typeof SeparableConv2DBNActiv>[3] = {}) =>
  new SeparableConv2DBNActiv(6, 9, 3, { stride: 2, pad: 1, dwActiv: relu6, ...options });

/** Whether one pass was taken, and the values. */
async function observed(run: () => tf.Tensor): Promise<[isOnePass: boolean, bits: Buffer]> {
  const { result, kernelNames } = await tf.profile(run);
  const y = result as tf.Tensor;
  const bits = Buffer.from((await y.data()).buffer as ArrayBuffer);
  y.dispose();
  return [kernelNames.includes(SEPARABLE_CONV_2D), bits];
}

describeBackends('separablePass', (backend) => {
  before(async () => {
    if (backend === 'wasm') await useFastWasm();
  });

  const hook = { name: 'watch', forwardPreprocess: (_: ForwardInfo) => {} };

  it('gives the bits of the links one after the other, which hooks see', async () => {
    using link = make();
    const x = image();
    const [isOnePass, bits] = await observed(() => link.evaluating(() => link.call(x)));
    const calls: string[] = [];
    const seen = {
      ...hook,
      forwardPreprocess: ({ link: called }: ForwardInfo) => void calls.push(called.path),
    };
    const [isInTurn, expected] = await observed(() =>
      link.evaluating(() => {
        const h = callNormalized(link.depthwise, link.dw_bn, link.dwActiv, x);
        return callNormalized(link.pointwise, link.pw_bn, link.pwActiv, h);
      }),
    );
    expect([isOnePass, isInTurn]).to.deep.equal([backend === 'wasm', false]);
    expect(bits.equals(expected)).to.equal(true);
    const [isWatchedOnePass] = await observed(() =>
      withLinkHook(seen, () => link.evaluating(() => link.call(x))),
    );
    expect(isWatchedOnePass).to.equal(false);
    expect(calls).to.deep.equal(['', '/depthwise', '/dw_bn', '/pointwise', '/pw_bn']);
    x.dispose();
  });

  const inTurn: Record<string, () => [SeparableConv2DBNActiv, (run: () => tf.Tensor) => tf.Tensor]> = {
    'a hook of a child': () => {
      const link = make();
      link.pointwise.addHook(hook);
      return [link, (run) => link.evaluating(run)];
    },
    'an activation that the kernel has not': () => {
      const link = make({ dwActiv: tanh });
      return [link, (run) => link.evaluating(run)];
    },
    'a forward of its own': () => {
      class Twice extends Convolution2D {
        override forward(x: tf.Tensor4D): tf.Tensor4D {
          return tf.mul(super.forward(x), 2);
        }
      }
      const link = make();
      link.replaceChild('pointwise', new Twice(6, 9, 1)).dispose();
      return [link, (run) => link.evaluating(run)];
    },
    'batches that are normalized by themselves': () => [make(), (run) => run()],
    'gradients that are recorded': () => {
      const link = make();
      return [link, (run) => link.evaluating(() => tf.grad((x) => tf.mul(run(), tf.sum(x)))(tf.scalar(1)))];
    },
  };
  for (const [name, of] of Object.entries(inTurn))
    it(`calls the links for ${name}`, async () => {
      const [link, mode] = of();
      const x = image();
      const [isOnePass] = await observed(() => tf.tidy(() => mode(() => link.call(x))));
      expect(isOnePass).to.equal(false);
      tf.dispose(x);
      link.dispose();
    });

  it('refuses other channels with the whole path of W', () => {
    using link = make({ pwActiv: relu });
    const x = tf.zeros([1, 9, 9, 5]) as tf.Tensor4D;
    expect(() => link.evaluating(() => link.call(x)))
      .to.throw(ShapeMismatchError, /The input has 5 channels .*the filter takes 6/)
      .that.includes({ path: '/depthwise/W' });
    x.dispose();
  });

  it('leaves no tensors behind', () => {
    using link = make();
    const x = image();
    const run = () => link.evaluating(() => link.call(x)).dispose();
    run();
    const before = tf.memory().numTensors;
    run();
    expect(tf.memory().numTensors).to.equal(before);
    x.dispose();
  });
});
