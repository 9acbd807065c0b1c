/** Detectors beside SSDs, from the picture to what is in it: equal in ONNX Runtime, native and WASM. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { useBackend, withoutValues } from '@chaingrad/core';
import { importTfjs } from '@chaingrad/onnx';
import {
  CenterNet,
  type Image,
  SSDResNet18,
  SSDResNet50,
  type YOLOBase,
  YOLOv2,
  YOLOv2Tiny,
  YOLOv3,
} from '@chaingrad/vision';
import { expect } from 'chai';
import sharp from 'sharp';
import { readJson } from '../../support/goldens.ts';
import { fillNet, type GeneratedNet } from '../../vision/models/generated-net.ts';
import { generatedImage } from '../../vision/support.ts';
import { expectDetections } from './detections.ts';
import { expectSame, floats } from './support.ts';

/** A generated picture as a decoder gives it. */
const pictureOf = (key: string, [height, width]: readonly [number, number]): Image<Uint8Array> => {
  const { data, shape } = generatedImage(key, height, width);
  return { data: Uint8Array.from(data), shape };
};

async function photo(name: string): Promise<Image<Uint8Array>> {
  const file = new URL(`../../../examples/images/${name}`, import.meta.url);
  const { data, info } = await sharp(file.pathname).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), shape: [info.height, info.width, 3] };
}

const runtimes = ['native', 'web'] as const;

interface Yolo extends GeneratedNet {
  n_fg_class: number;
  insize: number;
  image_key: string;
  image_size: [number, number];
}

describe('exportOnnx of SSDs on ResNets', function () {
  this.timeout(240_000);
  before(() => useBackend('wasm'));

  for (const Detector of [SSDResNet18, SSDResNet50]) {
    it(`${Detector.modelName}: offsets and class outputs of drawn weights are the same`, async () => {
      using model = new Detector({ nFgClass: 3, insize: 96 }).initialize([1, 96, 96, 3]);
      const input = floats([2, 96, 96, 3]);
      const images = { ...input, data: input.data.map((value) => value * 128) };
      await expectSame(model, [images], { tolerance: 2e-5 });
    });
  }
});

describe('exportOnnx of YOLOs, from the picture to the boxes', function () {
  this.timeout(240_000);
  const classes = { YOLOv2, YOLOv2Tiny, YOLOv3 };
  before(() => useBackend('wasm'));

  for (const name of Object.keys(classes) as (keyof typeof classes)[]) {
    it(`${name} finds the same`, async () => {
      const golden = readJson<{ models: Record<string, Yolo> }>('goldens/cv_yolo_small.json').models[name]!;
      const { n_fg_class: nFgClass, insize } = golden;
      const model: YOLOBase = withoutValues(() =>
        new classes[name]({ nFgClass, insize }).initialize([1, insize, insize, 3]),
      );
      fillNet(model, golden);
      model.usePreset('evaluate');
      for (const size of [golden.image_size, [41, 29], [300, 170]] as const) {
        const picture = pictureOf(golden.image_key, size);
        for (const runtime of size === golden.image_size ? runtimes : (['native'] as const)) {
          const { found } = await expectDetections(model, picture, {}, runtime, { score: 2e-5, box: 2e-5 });
          expect(found).to.be.greaterThan(0);
        }
      }
      model.dispose();
    });
  }
});

describe('exportOnnx of CenterNet, from the picture to the boxes', function () {
  this.timeout(240_000);
  before(() => useBackend('wasm'));

  it('finds the same, the best first', async () => {
    const file = join(
      dirname(createRequire(import.meta.url).resolve('@vladmandic/human')),
      '../models/centernet.json',
    );
    using model = new CenterNet(await importTfjs(file, { outputs: [...CenterNet.outputs] }));
    const picture = await photo('chelsea.png');
    for (const runtime of runtimes) {
      const { found } = await expectDetections(model, picture, { scoreThresh: 0.1 }, runtime, {
        score: 1e-4,
        box: 1e-4,
      });
      expect(found).to.be.greaterThan(1);
    }
    const none = await expectDetections(model, picture, { scoreThresh: 0.999 }, 'native');
    expect(none.found).to.equal(0);
  });
});
