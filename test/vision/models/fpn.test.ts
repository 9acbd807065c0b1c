/** Faster R-CNN and Mask R-CNN on a feature pyramid: anchors, proposals, levels, masks, and the whole network. */
import { useBackend, usingConfig, withoutValues } from '@chaingrad/core';
import {
  BboxHead,
  FasterRCNNFPNResNet50,
  MaskRCNNFPNResNet50,
  RPN,
  segmToMask,
  VisionOptionError,
} from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { channelsFirst, expectSamples } from '../../support/models.ts';
import { expectClose, generatedImage, goldens } from '../support.ts';
import { expectDetections, ofImage } from './detections.ts';
import { fillNet, type GeneratedNet } from './generated-net.ts';

interface Pieces {
  rpn: {
    scales: number[];
    sizes: [number, number][];
    decode: { limits: Record<'test' | 'train', [number, number]> };
  };
}

const pieces = goldens<Pieces>('cv_fpn_pieces');
const largest = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs));
const levels = [0, 1, 2, 3, 4];

describe('vision/models/fpn: pieces', () => {
  before(() => useBackend('wasm'));

  it('has the anchors of ChainerCV', () => {
    using rpn = new RPN(pieces.json().rpn.scales);
    for (const [l, anchor] of rpn.anchors(pieces.json().rpn.sizes).entries())
      expectClose(anchor, pieces.f32(`rpn/anchors/level/${l}`), 1e-4, `level ${l}`);
  });

  for (const mode of ['test', 'train'] as const) {
    it(`proposes as ChainerCV, ${mode}`, () => {
      const { scales, sizes, decode } = pieces.json().rpn;
      using rpn = new RPN(scales);
      const [pre, post] = decode.limits[mode];
      Object.assign(rpn, { [`${mode}NmsLimitPre`]: pre, [`${mode}NmsLimitPost`]: post });
      const [locs, confs] = ['loc', 'conf'].map((part) =>
        levels.map((l) => pieces.f32(`rpn/decode/${part}/${l}`)),
      );
      const found = rpn.decode(locs!, confs!, rpn.anchors(sizes), 2, [48, 64], mode === 'train');
      expectClose(found.rois, pieces.f32(`rpn/decode/${mode}/rois`), 1e-3, 'rois');
      expect(found.roiIndices).to.deep.equal(pieces.i32(`rpn/decode/${mode}/roi_indices`));
    });
  }

  it('gives regions to levels by their size', () => {
    using head = new BboxHead(5, pieces.json().rpn.scales);
    const rois = pieces.f32('distribute/in_rois');
    const roiIndices = Int32Array.from(levels.flatMap((l) => [...pieces.i32(`distribute/roi_indices/${l}`)]));
    const { levels: found, order } = head.distribute({ rois, roiIndices });
    for (const l of levels) expect(found[l]!.rois).to.deep.equal(pieces.f32(`distribute/rois/${l}`));
    expect(order).to.deep.equal(pieces.i32('distribute/mask_order'));
  });

  it('stretches small masks over their boxes', () => {
    const segm = pieces.f32('segm_to_mask/segm');
    for (const key of ['segm_to_mask', 'segm_to_mask/flat_box']) {
      const { data, shape } = segmToMask(segm, 8, pieces.f32(`${key}/bbox`), [40, 52]);
      expect(shape).to.deep.equal([4, 40, 52]);
      expect([...data]).to.deep.equal([...pieces.array(`${key}/mask`).data]);
    }
  });
});

interface Whole extends GeneratedNet {
  n_fg_class: number;
  image_key: string;
  image_size: [number, number];
  base_layer_names: string[];
  counts: Record<string, { n_params: number; n_values: number }>;
}

describe('vision/models/fpn: MaskRCNNFPNResNet50 on wasm', () => {
  const golden = goldens<Whole>('cv_fpn_resnet50');
  before(() => useBackend('wasm'));

  it('equals ChainerCV: maps, regions, heads, and predictions with masks', async () => {
    const before = tf.memory().numTensors;
    const { n_fg_class: nFgClass, image_key, image_size, base_layer_names } = golden.json();
    const model = new MaskRCNNFPNResNet50({
      nFgClass,
      minSize: 64,
      maxSize: 110,
      returnValues: ['rois', 'bboxes', 'labels', 'scores', 'masks'],
    });
    withoutValues(() => model.initialize([1, 64, 96, 3]));
    expect(model.extractor.base.layerNames).to.deep.equal(base_layer_names);
    fillNet(model, golden.json());
    Object.assign(model.rpn, { testNmsLimitPre: 200, testNmsLimitPost: 8 });
    const image = generatedImage(image_key, ...image_size);
    const { x } = model.prepare([image]);
    const prepared = golden.f32('prepared/val');
    const values = channelsFirst(await x.data<'float32'>(), x.shape);
    expectSamples(values, golden.i32('prepared/idx'), prepared, 2e-3, 'prepared');
    const maps = usingConfig('train', false, () => model.extractor.call(x));
    for (const [i, map] of maps.entries()) {
      const want = golden.f32(`feature/${i}/val`);
      const got = channelsFirst(await map.data<'float32'>(), map.shape);
      expectSamples(got, golden.i32(`feature/${i}/idx`), want, 5e-5 * largest(want), `feature ${i}`);
    }
    const { headLocs, headConfs } = usingConfig('train', false, () => model.call(x));
    for (const [tensor, key] of [
      [headLocs!, 'head_locs'],
      [headConfs!, 'head_confs'],
    ] as const)
      expectClose(await tensor.data(), golden.f32(key), 1e-4 * largest(golden.f32(key)), key);
    tf.dispose([x, maps, headLocs!, headConfs!]);
    const inside = tf.memory().numTensors;
    for (const preset of ['visualize', 'evaluate'] as const) {
      model.usePreset(preset);
      const found = await model.predict([image]);
      const key = `predict/${preset}`;
      const want = {
        bbox: golden.f32(`${key}/bboxes`),
        label: golden.i32(`${key}/labels`),
        score: golden.f32(`${key}/scores`),
      };
      expectDetections(ofImage(found, 0), want, 0, preset);
      expectClose(found.rois![0]!, golden.f32(`${key}/rois`), 1e-2, 'rois');
      const { data, shape } = golden.array(`${key}/masks`);
      expect(found.masks![0]!.shape).to.deep.equal(shape);
      const differ = found.masks![0]!.data.filter((value, i) => value !== data[i]).length;
      expect(differ, 'pixels of masks that differ').to.be.at.most(2);
    }
    expect(tf.memory().numTensors).to.equal(inside);
    model.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it('has the heads that the values to return need', () => {
    const model = withoutValues(() => new FasterRCNNFPNResNet50({ nFgClass: 6 }));
    withoutValues(() => model.initialize([1, 64, 64, 3]));
    const want = golden.json().counts['FasterRCNNFPNResNet50']!;
    expect([[...model.params()].length, model.countParams()]).to.deep.equal([want.n_params, want.n_values]);
    expect(model.mask_head).to.equal(null);
    model.dispose();
    const wrong = { nFgClass: 6, returnValues: ['boxes'] } as never;
    expect(() => new MaskRCNNFPNResNet50(wrong)).to.throw(VisionOptionError, 'rois, bboxes');
  });
});
