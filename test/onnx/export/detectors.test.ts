/** Detectors beside SSDs, from the picture to what is in it: equal in ONNX Runtime, native and WASM. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Chain, Linear, relu, roiPooling2D, useBackend, usingConfig, withoutValues } from '@chaingrad/core';
import { exportOnnx, importTfjs } from '@chaingrad/onnx';
import {
  CenterNet,
  type ExportableDetector,
  FasterRCNN,
  type FasterRCNNHead,
  FasterRCNNVGG16,
  type Image,
  type InstancePredictions,
  MaskRCNNFPNResNet50,
  onnxOfDetector,
  type PooledHead,
  type ProposalCreatorOptions,
  RegionProposalNetwork,
  type ReturnValue,
  SSDResNet18,
  SSDResNet50,
  VisionOptionError,
  type YOLOBase,
  YOLOv2,
  YOLOv2Tiny,
  YOLOv3,
} from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import sharp from 'sharp';
import { joinRegions } from '../../../packages/vision/src/models/fpn/regions.ts';
import { expectClose } from '../../support/backends.ts';
import { readJson } from '../../support/goldens.ts';
import { fillNet, type GeneratedNet } from '../../vision/models/generated-net.ts';
import { TinyExtractor } from '../../vision/models/tiny-extractor.ts';
import { generatedImage } from '../../vision/support.ts';
import { expectDetections } from './detections.ts';
import { callRuntime, expectSame, floats } from './support.ts';

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

describe('exportOnnx of SSDs on ResNets', () => {
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

describe('exportOnnx of YOLOs, from the picture to the boxes', () => {
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

describe('exportOnnx of CenterNet, from the picture to the boxes', () => {
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

class TinyHead extends Chain implements PooledHead {
  readonly nClass = 4;
  readonly roiSize = 3;
  readonly spatialScale = 0.25;
  readonly fc6 = new Linear(108, 16);
  readonly cls_loc = new Linear(16, 16);
  readonly score = new Linear(16, 4);
  override forward(x: tf.Tensor4D, rois: Float32Array, roiIndices: Int32Array): [tf.Tensor2D, tf.Tensor2D] {
    const rows = Array.from(roiIndices, (index, i) => {
      const [y0, x0, y1, x1] = rois.subarray(4 * i);
      return [index, x0!, y0!, x1!, y1!];
    });
    const { roiSize: outsize, spatialScale } = this;
    return this.classify(roiPooling2D(x, Float32Array.from(rows.flat()), { outsize, spatialScale }));
  }
  classify(pooled: tf.Tensor4D): [tf.Tensor2D, tf.Tensor2D] {
    const h = relu(this.fc6.call(pooled));
    return [this.cls_loc.call(h), this.score.call(h)];
  }
}

interface Tiny extends GeneratedNet {
  mean: number[];
  images: [key: string, size: [number, number]][];
}

/** The golden network of the tests of Faster R-CNN. */
function tiny(params: ProposalCreatorOptions = {}) {
  const golden = readJson<Tiny>('goldens/cv_frcnn_tiny.json');
  const rpn = new RegionProposalNetwork(12, 10, {
    anchorScales: [0.5, 1, 2],
    featStride: 4,
    proposalCreatorParams: { nTestPreNms: 80, nTestPostNms: 14, minSize: 4, ...params },
  });
  const sizes = { minSize: 48, maxSize: 72 };
  const model = new FasterRCNN(new TinyExtractor(), rpn, new TinyHead(), golden.mean, sizes);
  fillNet(model, golden);
  model.usePreset('evaluate');
  return { model, pictures: golden.images.map(([key, size]) => pictureOf(key, size)) };
}

interface Heads {
  readonly rois: Float32Array;
  readonly locs: tf.Tensor;
  readonly classes: tf.Tensor;
}

/** What the network gives for a prepared picture, here and of its file. */
async function expectSameHeads(
  model: ExportableDetector,
  side: readonly [number, number],
  forward: (x: tf.Tensor4D) => Heads,
): Promise<void> {
  const { data } = floats([1, ...side, 3], 5);
  const pixels = data.map((value) => value * 128);
  const x = tf.tensor4d(pixels, [1, ...side, 3]);
  const first = tf.transpose(x, [0, 3, 1, 2]);
  const input = { shape: first.shape, dtype: 'float32', data: await first.data<'float32'>() } as const;
  const { rois, locs, classes } = await callRuntime(await exportOnnx(model, ...onnxOfDetector(model)), [
    input,
  ]);
  const here = usingConfig('train', false, () => forward(x));
  expectClose(rois!.data, here.rois, 1e-5, 'rois');
  expect(locs!.shape).to.deep.equal(here.locs.shape);
  expectClose(locs!.data, await here.locs.data(), 1e-4, 'locs');
  expectClose(classes!.data, await here.classes.data(), 1e-4, 'classes');
  tf.dispose([x, first, here.locs, here.classes]);
}

interface Regions extends GeneratedNet {
  n_fg_class: number;
  image_key: string;
  image_size: [number, number];
}

describe('exportOnnx of Faster R-CNN, from the picture to the boxes', () => {
  before(() => useBackend('wasm'));

  it('a tiny network finds the same, with all thresholds', async () => {
    const { model, pictures } = tiny();
    const close = { score: 2e-5, box: 2e-5 };
    let [best, all] = [0, 0];
    for (const picture of pictures) {
      for (const runtime of runtimes) {
        const { found } = await expectDetections(model, picture, {}, runtime, close);
        expect(found).to.be.greaterThan(0);
        best += found;
        all += (await expectDetections(model, picture, { nmsThresh: null }, runtime, close)).found;
      }
      expect((await expectDetections(model, picture, { scoreThresh: 0.9999 }, 'native')).found).to.equal(0);
    }
    expect(all, 'without a limit of overlap').to.be.greaterThan(best);
    model.dispose();
  });

  it('takes limits that are off, and pictures without a region of enough size', async () => {
    const open = tiny({ nTestPreNms: 0, nTestPostNms: 0 });
    const close = { score: 2e-5, box: 2e-5 };
    const { found } = await expectDetections(open.model, open.pictures[0]!, {}, 'native', close);
    expect(found).to.be.greaterThan(0);
    open.model.dispose();
    const none = tiny({ minSize: 10_000 });
    const bytes = await exportOnnx(none.model, ...onnxOfDetector(none.model, { postprocess: true }));
    for (const runtime of runtimes) {
      const { boxes } = await callRuntime(bytes, [{ dtype: 'uint8', ...none.pictures[0]! }], runtime);
      expect(boxes!.shape).to.deep.equal([0, 4]);
    }
    none.model.dispose();
  });

  it('gives regions and the outputs of the head where prepared pictures go in', async () => {
    const { model } = tiny();
    for (const side of [
      [48, 60],
      [51, 70],
    ] as const)
      await expectSameHeads(model, side, (x) => {
        const { rois, roiClsLocs, roiScores } = model.call(x);
        return { rois, locs: roiClsLocs, classes: roiScores };
      });
    model.dispose();
  });

  it('says what a head needs', () => {
    class OwnHead extends Chain implements FasterRCNNHead {
      readonly nClass = 2;
      override forward(): [tf.Tensor2D, tf.Tensor2D] {
        throw new Error('not called');
      }
    }
    using model = new FasterRCNN(new TinyExtractor(), new RegionProposalNetwork(12, 10), new OwnHead(), 0);
    expect(() => model.onnxArguments()).to.throw(VisionOptionError, 'classify(pooled)');
  });

  it('FasterRCNNVGG16 finds the same in pictures of any size', async () => {
    const golden = readJson<Regions>('goldens/cv_frcnn_vgg16.json');
    const model = new FasterRCNNVGG16({
      nFgClass: golden.n_fg_class,
      minSize: 128,
      maxSize: 200,
      anchorScales: [1, 2, 4],
      proposalCreatorParams: { nTestPreNms: 200, nTestPostNms: 12, minSize: 8 },
    });
    withoutValues(() => model.initialize([1, 128, 184, 3]));
    fillNet(model, golden);
    model.usePreset('evaluate');
    for (const size of [golden.image_size, [60, 160]] as const) {
      const { found } = await expectDetections(model, pictureOf(golden.image_key, size), {}, 'native', {
        score: 1e-4,
        box: 1e-4,
      });
      expect(found).to.be.greaterThan(0);
    }
    model.dispose();
  });

  const pyramid = (returnValues?: readonly ReturnValue[]) => {
    const golden = readJson<Regions>('goldens/cv_fpn_resnet50.json');
    const more = returnValues === undefined ? {} : { returnValues };
    const model = new MaskRCNNFPNResNet50({
      nFgClass: golden.n_fg_class,
      minSize: 64,
      maxSize: 110,
      ...more,
    });
    withoutValues(() => model.initialize([1, 64, 96, 3]));
    const params = golden.params.filter(
      ([path]) => model.mask_head !== null || !path.startsWith('/mask_head'),
    );
    fillNet(model, { ...golden, params });
    Object.assign(model.rpn, { testNmsLimitPre: 200, testNmsLimitPost: 8 });
    model.usePreset('evaluate');
    const picture = pictureOf(golden.image_key, golden.image_size);
    return { model, picture };
  };

  it('MaskRCNNFPNResNet50 finds the same and draws the same masks', async () => {
    const { model, picture } = pyramid();
    const { found, outputs, predicted } = await expectDetections(model, picture, {}, 'native', {
      score: 1e-4,
      box: 1e-4,
    });
    expect(found).to.be.greaterThan(0);
    const { data, shape } = (predicted as InstancePredictions).masks![0]!;
    expect(outputs['masks']!.shape).to.deep.equal(shape);
    const differ = data.filter((value, i) => value !== outputs['masks']!.data[i]).length;
    expect(data.filter((value) => value === 1).length).to.be.greaterThan(100);
    expect(differ, 'pixels that differ').to.be.at.most(2);
    const none = await expectDetections(model, picture, { scoreThresh: 0.9999 }, 'native');
    expect(none.outputs['masks']!.shape).to.deep.equal([0, ...picture.shape.slice(0, 2)]);
    model.dispose();
  });

  it('a pyramid without masks finds the same, in WASM too', async () => {
    const { model, picture } = pyramid(['bboxes', 'labels', 'scores']);
    for (const runtime of runtimes) {
      const { found, outputs } = await expectDetections(model, picture, {}, runtime, {
        score: 1e-4,
        box: 1e-4,
      });
      expect(found).to.be.greaterThan(0);
      expect(Object.keys(outputs)).to.deep.equal(['boxes', 'labels', 'scores']);
    }
    await expectSameHeads(model, [64, 96], (x) => {
      const { regions, headLocs, headConfs } = model.call(x);
      return { rois: joinRegions(regions).rois, locs: headLocs!, classes: headConfs! };
    });
    model.dispose();
  });
});
