/**
 * The convolutions of SSD300 at their real sizes: the fast kernels against the path without them, which is tfjs' own direct
 * convolution, and for the gradients compositions of it.
 */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  CONV_2D,
  CONV_2D_BACKPROP_FILTER,
  CONV_2D_BACKPROP_INPUT,
  type Conv2DAttrs,
} from '../../../packages/kernels/src/attrs.ts';
import { portableKernels } from '../../../packages/kernels/src/portable/index.ts';
import { generator, run, size, useFastWasm, worst } from './support.ts';

type Layer = readonly [map: number, c: number, o: number, k: number, stride: number, dilation: number];

const layers: Readonly<Record<string, Layer>> = {
  conv1_1: [300, 3, 64, 3, 1, 1],
  conv1_2: [300, 64, 64, 3, 1, 1],
  conv2_1: [150, 64, 128, 3, 1, 1],
  conv2_2: [150, 128, 128, 3, 1, 1],
  conv3_1: [75, 128, 256, 3, 1, 1],
  'conv3_2, conv3_3': [75, 256, 256, 3, 1, 1],
  conv4_1: [38, 256, 512, 3, 1, 1],
  'conv4_2, conv4_3': [38, 512, 512, 3, 1, 1],
  'conv5_1 to conv5_3': [19, 512, 512, 3, 1, 1],
  conv6: [19, 512, 1024, 3, 1, 6],
  conv7: [19, 1024, 1024, 1, 1, 1],
  conv8_1: [19, 1024, 256, 1, 1, 1],
  conv8_2: [19, 256, 512, 3, 2, 1],
  conv9_2: [10, 128, 256, 3, 2, 1],
  'multibox/loc/0': [38, 512, 16, 3, 1, 1],
  'multibox/conf/0': [38, 512, 84, 3, 1, 1],
  'multibox/conf/1': [19, 1024, 126, 3, 1, 1],
};

describe('wasm: the layers of SSD300', () => {
  before(useFastWasm);

  for (const [name, [map, c, o, k, stride, dilation]] of Object.entries(layers)) {
    it(`${name}: forward and both gradients as without the fast kernels`, () => {
      const random = generator(map * c + o);
      // Gradients and filters have both signs, maps come from a ReLU.
      const draw = (shape: number[], scale: number, least = -1) =>
        tf.tensor(
          Float32Array.from({ length: size(shape) }, () => scale * Math.max(least, 2 * random() - 1)),
          shape,
        );
      const pad = k === 1 ? 0 : dilation;
      const attrs: Conv2DAttrs = {
        ...{ stride: [stride, stride], pad: [pad, pad, pad, pad], dilation: [dilation, dilation] },
        ...{ groups: 1, activation: 'linear' },
      };
      tf.tidy(() => {
        const x = draw([1, map, map, c], 1, 0);
        const filter = draw([o, c, k, k], Math.sqrt(6 / (c * k * k)));
        const bias = draw([o], 0.1);
        const compare = (kernel: string, inputs: Record<string, tf.Tensor>, extra: object) => {
          const got = run(kernel, inputs, { ...attrs, ...extra });
          const expected = tf.tidy(
            () =>
              portableKernels[kernel]!({
                ...{ inputs, attrs: { ...attrs, ...extra }, backend: tf.backend() },
              } as unknown as Parameters<tf.KernelFunc>[0]) as tf.Tensor,
          );
          expect(got.shape).to.deep.equal(expected.shape);
          expect(worst(got.dataSync(), expected.dataSync()), kernel).to.be.below(1e-4);
          expected.dispose();
          return got;
        };
        const dy = draw(compare(CONV_2D, { x, filter, bias }, {}).shape, 1);
        compare(CONV_2D_BACKPROP_INPUT, { dy, filter }, { inputShape: x.shape });
        compare(CONV_2D_BACKPROP_FILTER, { x, dy }, { filterShape: filter.shape });
      });
    });
  }
});
