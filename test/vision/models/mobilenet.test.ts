/** The two real detectors, against the answers of other implementations: TFLite itself, and face-api.js. */
import '@tensorflow/tfjs-backend-wasm';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { useBackend } from '@chaingrad/core';
import { type Image, SSDMobileNetV1Face, SSDMobileNetV2 } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import sharp from 'sharp';
import { fixturePath, readJson } from '../../support/goldens.ts';
import { maxAbsDiff } from '../support.ts';

const require = createRequire(import.meta.url);

async function readImage(name: string, sha256: string): Promise<Image> {
  const path = new URL(`../../../examples/images/${name}`, import.meta.url);
  const { data, info } = await sharp(readFileSync(path))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect(createHash('sha256').update(data).digest('hex'), 'the pixels of the golden').to.equal(sha256);
  return { data: new Uint8Array(data), shape: [info.height, info.width, 3] };
}

const readFloats = (name: string) => {
  const bytes = readFileSync(fixturePath(name));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};

interface GoldenImage {
  readonly file: string;
  readonly rgb_sha256: string;
  readonly detections: readonly {
    score: number;
    label: string;
    box_yxyx: number[];
    box_px: Record<string, number>;
  }[];
}

describe('SSDMobileNetV2 with Objectron’s weights', () => {
  const golden = readJson<{ labels: string[]; images: GoldenImage[] }>(
    'goldens/zoo/golden-ssd-oidv4-tflite.json',
  );
  const photo = golden.images.find(({ file }) => file === 'chelsea.png')!;
  let model: SSDMobileNetV2;
  let image: Image;

  before(async () => {
    await useBackend('wasm');
    model = await SSDMobileNetV2.fromPretrained(
      require.resolve('@mediapipe/objectron/objectron_solution_packed_assets.data'),
    );
    image = await readImage('chelsea.png', photo.rgb_sha256);
  });
  after(() => model.dispose());

  it('has the labels and the size of the file', () => {
    expect(model.labelNames).to.deep.equal(golden.labels.slice(1));
    expect(model.countParams()).to.be.within(4_900_000, 5_000_000);
  });

  it('gives TFLite’s own raw outputs to 1e-4 of their largest', async () => {
    const { data, shape } = model.prepare(image);
    const [locs, confs] = tf.tidy(() => model.call(tf.tensor4d(data, [1, ...shape])));
    for (const [tensor, name] of [
      [locs, 'box_encodings'],
      [confs, 'class_predictions'],
    ] as const) {
      const expected = readFloats(`goldens/zoo/tfl_chelsea.png.raw_outputs_${name}.f32`);
      const scale = expected.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
      expect(maxAbsDiff(await tensor.data(), expected) / scale, name).to.be.below(1e-4);
    }
    tf.dispose([locs, confs]);
  });

  it('finds the cat where TFLite finds it', async () => {
    const { bboxes, labels, scores } = await model.predict([image], { scoreThresh: 0.3, nmsThresh: 0.45 });
    const expected = photo.detections;
    expect(Array.from(labels[0]!, (l) => model.labelNames![l])).to.deep.equal(expected.map((d) => d.label));
    expected.forEach(({ score, box_yxyx }, i) => {
      expect(scores[0]![i]).to.be.closeTo(score, 1e-4);
      const pixels = box_yxyx.map((v, k) => v * image.shape[k % 2]!);
      expect(maxAbsDiff(bboxes[0]!.subarray(4 * i, 4 * i + 4), pixels)).to.be.below(0.05);
    });
  });

  it('leaks no tensor over 20 predictions', async () => {
    await model.predict([image]);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 20; i++) await model.predict([image]);
    expect(tf.memory().numTensors).to.equal(before);
  });
});

describe('SSDMobileNetV1Face with face-api’s weights', () => {
  const golden = readJson<{ images: GoldenImage[] }>('goldens/zoo/golden-face.json');
  const photo = golden.images.find(({ file }) => file === 'astronaut.png')!;

  it('finds the face where face-api.js finds it', async () => {
    await useBackend('wasm');
    using model = await SSDMobileNetV1Face.fromPretrained(
      require.resolve('@vladmandic/face-api/model/ssd_mobilenetv1_model-weights_manifest.json'),
    );
    const image = await readImage('astronaut.png', photo.rgb_sha256);
    const { bboxes, labels, scores } = await model.predict([image], { scoreThresh: 0.1, nmsThresh: 0.5 });
    expect([...labels[0]!]).to.deep.equal(photo.detections.map(() => 0));
    photo.detections.forEach(({ score, box_px: { x, y, width, height } }, i) => {
      expect(scores[0]![i]).to.be.closeTo(score, 1e-3);
      const box = [y!, x!, y! + height!, x! + width!];
      expect(maxAbsDiff(bboxes[0]!.subarray(4 * i, 4 * i + 4), box)).to.be.below(0.5);
    });
  });
});
