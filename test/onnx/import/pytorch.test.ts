/** Networks as PyTorch exports them, by both of its exporters (`test/fixtures/onnx-pytorch/make.py`, and `old.py` for other operator sets), beside ONNX Runtime. */
import { readdirSync, readFileSync } from 'node:fs';
import { usingConfig } from '@chaingrad/core';
import { installFastKernels } from '@chaingrad/kernels';
import { exportOnnx, importOnnx } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { generator } from '../../weights/fuzz/mutate.ts';

const folder = new URL('../../fixtures/onnx-pytorch/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.onnx'));

/** Exporters' own names for arrays, that no path should bear. */
const madeUp = /\/val_|onnx__|\/const/;

describeBackends("PyTorch's files", () => {
  before(() => installFastKernels('wasm'));

  for (const file of files) {
    it(`${file}: as in ONNX Runtime, at other sizes than it was exported with, and out again`, async () => {
      const before = tf.memory().numTensors;
      const bytes = new Uint8Array(readFileSync(new URL(file, folder)));
      const model = await importOnnx(bytes);
      const [door] = model.inputs;
      const words = door!.dtype === 'int64';
      // Sizes that are open: other ones.
      const shape = door!.shape!.map((size, axis) =>
        typeof size === 'number' ? size : axis === 0 ? 3 : words ? 7 : 64,
      );
      const random = generator(11);
      const data = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () =>
        words ? Math.floor(random() * 11) : random() * 2 - 1,
      );
      const run = async (file: Uint8Array, integers: boolean) => {
        const session = await InferenceSession.create(file);
        const input = integers
          ? new Tensor(
              'int64',
              BigInt64Array.from(data, (value) => BigInt(value)),
              shape,
            )
          : words
            ? new Tensor('int32', Int32Array.from(data), shape)
            : new Tensor('float32', data, shape);
        const answer = await session.run({ [session.inputNames[0]!]: input });
        await session.release();
        return answer[session.outputNames[0]!]!;
      };
      const expected = await run(bytes, words);
      const x = tf.tensor(words ? Int32Array.from(data) : data, shape, words ? 'int32' : 'float32');
      const y = usingConfig('train', false, () => model.call(x));
      expect(y.shape).to.deep.equal([...expected.dims]);
      const values = await y.data();
      expect(values.some((value) => Math.abs(value) > 0.05)).to.equal(true);
      expectClose(values, expected.data as Float32Array, 1e-4);
      const names = (network: typeof model) =>
        [...network.namedparams()].map(([path, { shape }]) => [path, shape]);
      for (const [path] of names(model)) expect(path).to.not.match(madeUp);
      const again = await exportOnnx(model, [{ shape, dtype: x.dtype }], { layout: 'NHWC', batch: 'fixed' });
      expectClose((await run(again, false)).data as Float32Array, values, 1e-4);
      using back = await importOnnx(again);
      expect(names(back)).to.have.deep.members(names(model));
      model.dispose();
      back.dispose();
      tf.dispose([x, y]);
      expect(tf.memory().numTensors).to.equal(before);
    });
  }
}, ['wasm']);
