import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Chain, usingConfig } from '@chaingrad/core';
import { installFastKernels } from '@chaingrad/kernels';
import { importTfjs } from '@chaingrad/onnx';
import { CenterNet } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import sharp from 'sharp';
import { describeBackends, expectClose } from '../../support/backends.ts';

const model = join(
  dirname(createRequire(import.meta.url).resolve('@vladmandic/human')),
  '../models/centernet.json',
);

async function photo(name: string) {
  const file = new URL(`../../../examples/images/${name}`, import.meta.url);
  const { data, info } = await sharp(file.pathname).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), shape: [info.height, info.width, 3] as [number, number, 3] };
}

/** Gives what it was told. */
class Told extends Chain {
  constructor(readonly told: () => Record<string, tf.Tensor>) {
    super();
  }
  override forward(_x: tf.Tensor4D) {
    return this.told();
  }
}

describeBackends('CenterNet', () => {
  before(() => installFastKernels('wasm'));

  it('finds what the graph of its network finds', async () => {
    const before = tf.memory().numTensors;
    const img = await photo('chelsea.png');
    const graph = await importTfjs<tf.Tensor3D>(model, { outputs: ['tower_0/detections'] });
    const centre = new CenterNet(await importTfjs(model, { outputs: [...CenterNet.outputs] }));
    const { data, shape } = centre.prepare(img);
    const detections = usingConfig('train', false, () =>
      tf.tidy(() => graph.call(tf.tensor4d(data, [1, ...shape]))),
    );
    const rows = (await detections.array())[0]!.filter((row) => row[4]! >= 0.2);
    const { bboxes, labels, scores } = await centre.predict([img], { nmsThresh: null, scoreThresh: 0.2 });
    const side = Math.max(img.shape[0], img.shape[1]) / 512;
    expect(rows.length).to.be.above(0);
    expectClose(
      scores[0]!,
      rows.map((row) => row[4]!),
      1e-4,
    );
    expect([...labels[0]!]).to.deep.equal(rows.map((row) => row[5]!));
    expectClose(
      bboxes[0]!,
      rows.flatMap(([l, t, r, b]) => [t!, l!, b!, r!].map((value) => value * side)),
      1e-4,
    );
    tf.dispose(detections);
    graph.dispose();
    centre.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('takes peaks, and of boxes of a class that overlap the best', async () => {
    const peaks = tf.buffer([1, 4, 4, 2]);
    for (const [score, ...at] of [
      [0.9, 0, 1, 1, 0],
      [0.8, 0, 1, 2, 0], // beside a higher one
      [0.7, 0, 3, 3, 0], // a peak, whose box overlaps the first
      [0.6, 0, 1, 1, 1], // of the other class
      [0.1, 0, 0, 3, 0],
    ] as const)
      peaks.set(score, ...at);
    const outputs = () => ({ peaks: peaks.toTensor(), sides: tf.fill([1, 4, 4, 4], 9) });
    const centre = new CenterNet(new Told(outputs), {
      insize: 16,
      labelNames: ['a', 'b'],
      outputs: ['peaks', 'sides'],
    });
    const img = { data: new Uint8Array(8 * 8 * 3), shape: [8, 8, 3] as [number, number, 3] };
    const found = await centre.predict([img], { nmsThresh: 0.15 });
    expect([...found.labels[0]!]).to.deep.equal([0, 1]);
    expect([...found.bboxes[0]!.subarray(0, 4)]).to.deep.equal([-2.5, -2.5, 6.5, 6.5]);
    const all = await centre.predict([img], { nmsThresh: null });
    expect([...all.labels[0]!]).to.deep.equal([0, 0, 1]);
  });
}, ['wasm']);
