/** The studio opens the files of detectors that this library writes. */
import '@tensorflow/tfjs-backend-cpu';
import '@chaingrad/onnx';
import { type SSD, SSD300, SSDMobileNetV2, SSDResNet18 } from '@chaingrad/vision';
import { serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { openModel } from '../../examples/web/src/engine/open-model.ts';

describe('the studio opens', () => {
  before(() => tf.setBackend('cpu'));

  const makers: Readonly<Record<string, () => SSD>> = {
    SSDMobileNetV2: () => new SSDMobileNetV2({ nFgClass: 2, scoreFunction: 'sigmoid' }),
    SSDResNet18: () => new SSDResNet18({ nFgClass: 2, insize: 64 }),
    SSD300: () => new SSD300({ nFgClass: 2 }),
  };
  for (const [name, make] of Object.entries(makers))
    for (const format of ['safetensors', 'onnx'])
      it(`${name} as ${format}, with its classes and values`, async () => {
        const before = tf.memory().numTensors;
        const model = make();
        model.initialize([1, model.insize, model.insize, 3]);
        model.labelNames = ['cup', 'spoon'];
        const bytes = await serialize(model, { format });
        const opened = await openModel(`mine.${format}`, bytes);
        expect(opened).to.be.instanceOf(model.constructor);
        expect(opened.labelNames).to.deep.equal(['cup', 'spoon']);
        expect(opened.scoreFunction).to.equal(model.scoreFunction);
        expect(opened.insize).to.equal(model.insize);
        const values = new Map(opened.namedparams());
        for (const [path, param] of model.namedparams())
          expect(Buffer.compare(bytesOf(values.get(path)!.tensor), bytesOf(param.tensor)), path).to.equal(0);
        opened.dispose();
        model.dispose();
        expect(tf.memory().numTensors).to.equal(before);
      });
});

const bytesOf = (tensor: tf.Tensor) => {
  const { buffer, byteOffset, byteLength } = tensor.dataSync();
  return Buffer.from(buffer, byteOffset, byteLength);
};
