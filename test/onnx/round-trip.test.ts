/** Out and in again: a chain's file comes back as a chain that gives the same, and goes out once more under the same names. */
import {
  Conv2DBNActiv,
  calibrate,
  calibrationOf,
  globalAveragePooling2D,
  Linear,
  maxPooling2D,
  Sequential,
  setSeed,
} from '@chaingrad/core';
import { exportOnnx, importOnnx } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { expectClose } from '../support/backends.ts';
import { callHere, floats, modelOf, specOf } from './export/support.ts';

describe('exportOnnx and importOnnx', () => {
  before(() => tf.setBackend('cpu'));

  it('come round', async () => {
    const chain = new Sequential(
      new Conv2DBNActiv(3, 8, 3),
      (x: tf.Tensor4D) => maxPooling2D(x, { ksize: 2 }),
      new Conv2DBNActiv(8, 6, 3),
      globalAveragePooling2D,
      new Linear(6, 4),
    );
    const input = floats([2, 12, 12, 3]);
    const first = await exportOnnx(chain, [specOf(input)], { layout: 'NHWC' });
    const back = await importOnnx(first);
    const [here] = await callHere(chain, [input]);
    const [there] = await callHere(back, [input]);
    expectClose(there!.data, here!.data);
    expect([...back.namedparams()].map(([path]) => path).sort()).to.deep.equal(
      [...chain.namedparams()].map(([path]) => path).sort(),
    );
    const second = await exportOnnx(back, [specOf(input)], { layout: 'NHWC' });
    const names = (bytes: Uint8Array) =>
      modelOf(bytes)
        .graph!.initializer.map(({ name }) => name)
        .sort();
    expect(names(second)).to.deep.equal(names(first));
    const ops = (bytes: Uint8Array) => modelOf(bytes).graph!.node.map(({ opType }) => opType);
    expect(ops(second)).to.deep.equal(ops(first));
    const [again] = await callHere(await importOnnx(second), [input]);
    expectClose(again!.data, here!.data);
  });

  it('a chain that is calibrated goes out as one that is not, in float', async () => {
    setSeed(1);
    const chain = new Sequential(new Conv2DBNActiv(3, 8, 3), globalAveragePooling2D, new Linear(8, 4));
    const input = floats([2, 12, 12, 3]);
    await callHere(chain, [input]);
    const plain = await exportOnnx(chain, [specOf(input)]);
    const ranges = await calibrate(chain, () => callHere(chain, [input]));
    expect(Object.keys(ranges)).to.have.length(1);
    expect(await exportOnnx(chain, [specOf(input)])).to.deep.equal(plain);
    expect(calibrationOf(chain)).to.deep.equal(ranges);
  });
});
