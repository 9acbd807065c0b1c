/** Faster R-CNN: anchors, proposals, targets with recorded draws, the region proposal network, a tiny network whole, VGG-16. */
import {
  backward,
  Chain,
  Linear,
  Parameter,
  relu,
  roiPooling2D,
  useBackend,
  usingConfig,
  withoutValues,
} from '@chaingrad/core';
import {
  AnchorTargetCreator,
  assertIsDetectionLink,
  bbox2loc,
  FasterRCNN,
  type FasterRCNNHead,
  FasterRCNNTrainChain,
  FasterRCNNVGG16,
  generateAnchorBase,
  loc2bbox,
  ProposalCreator,
  ProposalTargetCreator,
  RegionProposalNetwork,
} from '@chaingrad/vision';
import { PretrainedArgumentError } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { shiftedAnchors } from '../../../packages/vision/src/models/faster-rcnn/anchors.ts';
import { describeBackends } from '../../support/backends.ts';
import { channelsLast, generate } from '../../support/goldens.ts';
import { channelsFirst, expectSamples, type Stats } from '../../support/models.ts';
import { expectClose, generatedImage, goldens } from '../support.ts';
import { expectDetections, ofImage } from './detections.ts';
import { fillNet, type GeneratedNet } from './generated-net.ts';
import { ReplayedChoices } from './replayed-choices.ts';
import { TinyExtractor } from './tiny-extractor.ts';

type Arguments = Record<string, number | null | number[]>;
type Draws = [method: string, args: unknown[], keywords: { replace: boolean }, shape: number[]][];

interface Pieces {
  proposal_creator: Record<
    string,
    { mode: string; arguments: Arguments; scale: number; img_size: [number, number] }
  >;
  anchor_target: Record<string, { arguments: Arguments; img_size: [number, number]; draws: Draws }>;
  proposal_target: Record<string, { arguments: Arguments; call: Arguments; draws: Draws }>;
  rpn: { arguments: { img_size: [number, number]; scales: [number, number] } };
}

const pieces = goldens<Pieces>('cv_frcnn_pieces');
const largest = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs));
const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const camelKeys = (values: Arguments) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [camel(name), value]));

/** The recorded draws of `choice` under a key. */
const replayed = (golden: { i32(key: string): Int32Array }, key: string, draws: Draws) =>
  new ReplayedChoices(
    draws.map((_, i) => ({
      items: golden.i32(`${key}/draw/${i}/arg0`),
      drawn: golden.i32(`${key}/draw/${i}`),
    })),
  );

describe('vision/models/faster-rcnn: pieces', () => {
  const base = {
    default: generateAnchorBase(),
    small: generateAnchorBase({ baseSize: 8, ratios: [1, 0.25], anchorScales: [1, 2.5] }),
    tiny: generateAnchorBase({ anchorScales: [0.5, 1, 2] }),
  };

  it('has the anchors of ChainerCV', () => {
    for (const [name, anchors] of Object.entries(base))
      expectClose(anchors, pieces.f32(`anchor_base/${name}/out`), 1e-4, name);
    const cases = [
      ['default', 16, [3, 2]],
      ['tiny', 4, [4, 5]],
    ] as const;
    for (const [name, stride, size] of cases)
      expectClose(
        shiftedAnchors(base[name], stride, size),
        pieces.f32(`shifted_anchor/${name}/out`),
        1e-4,
        name,
      );
  });

  it('encodes and decodes offsets', () => {
    for (const name of ['plain', 'flat_source']) {
      const key = `bbox2loc/${name}`;
      const want = pieces.f32(`${key}/out`);
      const got = bbox2loc(pieces.f32(`${key}/src`), pieces.f32(`${key}/dst`));
      got.forEach((value, i) => {
        expect(value, `${key} ${i}`).to.be.closeTo(want[i]!, 1e-5 * Math.max(1, Math.abs(want[i]!)));
      });
    }
    for (const name of ['plain', 'three_classes']) {
      const key = `loc2bbox/${name}`;
      const want = pieces.f32(`${key}/out`);
      expectClose(
        loc2bbox(pieces.f32(`${key}/src`), pieces.f32(`${key}/loc`)),
        want,
        1e-5 * largest(want),
        key,
      );
    }
    expect(loc2bbox([], new Float32Array(0)).length).to.equal(0);
    expect(() => bbox2loc([0, 0, 1, 1], [])).to.throw('1 boxes in dst');
    expect(() => loc2bbox([0, 0, 1, 1], [1, 2, 3])).to.throw('a multiple of 4 offsets');
  });

  for (const [name, { mode, arguments: args, scale, img_size }] of Object.entries(
    pieces.json().proposal_creator,
  )) {
    it(`proposes as ChainerCV: ${name}`, () => {
      const key = `proposal_creator/${name}`;
      const creator = new ProposalCreator(camelKeys(args));
      const [loc, score] = [pieces.f32(`${key}/loc`), pieces.f32(`${key}/score`)];
      const anchor = pieces.f32('proposal_creator/anchor');
      const got = creator.propose(loc, score, anchor, img_size, scale, mode === 'train');
      expectClose(got, pieces.f32(`${key}/roi`), 1e-3, key);
    });
  }

  for (const [name, { arguments: args, img_size, draws }] of Object.entries(pieces.json().anchor_target)) {
    it(`gives anchors the targets of ChainerCV: ${name}`, () => {
      const key = `anchor_target/${name}`;
      const rng = replayed(pieces, key, draws);
      const creator = new AnchorTargetCreator({ ...camelKeys(args), rng });
      const anchor = pieces.f32('proposal_creator/anchor');
      const { loc, label } = creator.create(pieces.f32(`${key}/bbox`), anchor, img_size);
      expect(label).to.deep.equal(pieces.i32(`${key}/label`));
      expectClose(loc, pieces.f32(`${key}/loc`), 1e-4, key);
      expect(rng.exhausted).to.equal(true);
    });
  }

  for (const [name, { arguments: args, call, draws }] of Object.entries(pieces.json().proposal_target)) {
    it(`gives proposals the targets of ChainerCV: ${name}`, () => {
      const key = `proposal_target/${name}`;
      const rng = replayed(pieces, key, draws);
      const creator = new ProposalTargetCreator({ ...camelKeys(args), rng });
      const [roi, bbox, label] = ['roi', 'bbox', 'label'].map(
        (part) => pieces.array(`proposal_target/${part}`).data,
      );
      const { loc_normalize_mean: mean, loc_normalize_std: std } = call as Record<string, never>;
      const { sampleRoi, gtRoiLoc, gtRoiLabel } = creator.create(roi!, bbox!, label!, mean, std);
      expect(sampleRoi).to.deep.equal(pieces.f32(`${key}/sample_roi`));
      expect(gtRoiLabel).to.deep.equal(pieces.i32(`${key}/gt_roi_label`));
      expectClose(gtRoiLoc, pieces.f32(`${key}/gt_roi_loc`), 1e-4, key);
      expect(rng.exhausted).to.equal(true);
    });
  }

  it('takes images without boxes: all is background', () => {
    const anchor = pieces.f32('proposal_creator/anchor');
    const { label } = new AnchorTargetCreator({ nSample: 8 }).create([], anchor, [36, 44]);
    expect([label.filter((l) => l === 0).length, label.filter((l) => l === 1).length]).to.deep.equal([8, 0]);
    const rois = pieces.f32('proposal_target/roi');
    const { gtRoiLabel } = new ProposalTargetCreator({ nSample: 6 }).create(rois, [], []);
    expect([...gtRoiLabel]).to.deep.equal([0, 0, 0, 0, 0, 0]);
  });
});

describeBackends('vision/models/faster-rcnn: the region proposal network', () => {
  for (const mode of ['test', 'train'] as const) {
    it(`equals ChainerCV, ${mode}: outputs, gradients, regions`, async () => {
      const before = tf.memory().numTensors;
      const { img_size, scales } = pieces.json().rpn.arguments;
      const rpn = new RegionProposalNetwork(6, 5, {
        anchorScales: [0.5, 1, 2],
        featStride: 4,
        proposalCreatorParams: {
          nTestPreNms: 60,
          nTestPostNms: 8,
          nTrainPreNms: 60,
          nTrainPostNms: 10,
          minSize: 4,
        },
      });
      const named = new Map(rpn.namedparams());
      for (const [path, param] of named) {
        const { data, shape } = pieces.array(`rpn/param${path}`);
        tf.tidy(() => param.assign(tf.tensor(data as Float32Array, shape)));
      }
      const { data, shape } = pieces.array('rpn/in/x');
      const x = new Parameter(null, [2, 9, 11, 6], 'x');
      tf.tidy(() => x.assign(tf.tensor4d(channelsLast(data as Float32Array, shape), [2, 9, 11, 6])));
      let out: ReturnType<RegionProposalNetwork['forward']> | undefined;
      const loss = usingConfig('train', mode === 'train', () =>
        backward(() => {
          out = rpn.call(x.tensor as tf.Tensor4D, img_size, scales);
          tf.keep(out.rpnLocs);
          tf.keep(out.rpnScores);
          const gy0 = generate({ key: 'gy0', scale: 1, offset: 0 }, 2 * 891 * 4);
          const gy1 = pieces.f32(`rpn/${mode}/gout/1`);
          return tf.add(
            tf.sum(tf.mul(out.rpnLocs, tf.tensor3d(gy0, [2, 891, 4]))),
            tf.sum(tf.mul(out.rpnScores, tf.tensor3d(gy1, [2, 891, 2]))),
          ) as tf.Scalar;
        }, [x, ...rpn.params()]),
      );
      const locs = pieces.f32(`rpn/${mode}/out/0/val`);
      expectSamples(
        await out!.rpnLocs.data(),
        pieces.i32(`rpn/${mode}/out/0/idx`),
        locs,
        1e-5 * largest(locs),
        'locs',
      );
      const scores = pieces.f32(`rpn/${mode}/out/1`);
      expectClose(await out!.rpnScores.data(), scores, 1e-5 * largest(scores), 'scores');
      expectClose(out!.rois, pieces.f32(`rpn/${mode}/rois`), 1e-3, 'rois');
      expect(out!.roiIndices).to.deep.equal(pieces.i32(`rpn/${mode}/roi_indices`));
      expectClose(out!.anchor, pieces.f32('rpn/anchor'), 1e-4, 'anchor');
      const gx = channelsFirst(await x.grad!.data<'float32'>(), x.grad!.shape);
      for (const [path, got] of [
        ['in/x', gx],
        ...[...named].map(([p, { grad }]) => [`param${p}`, grad!.dataSync()]),
      ] as const) {
        const want = pieces.f32(`rpn/${mode}/g${path as string}`);
        expectClose(got as Float32Array, want, 1e-5 * largest(want), path as string);
      }
      tf.dispose([loss, out!.rpnLocs, out!.rpnScores]);
      x.dispose();
      rpn.dispose();
      expect(tf.memory().numTensors, 'tensors').to.equal(before);
    });
  }
}, ['cpu', 'wasm']);

class TinyHead extends Chain implements FasterRCNNHead {
  readonly nClass = 4;
  readonly fc6 = new Linear(108, 16);
  readonly cls_loc = new Linear(16, 16);
  readonly score = new Linear(16, 4);
  override forward(x: tf.Tensor4D, rois: Float32Array, roiIndices: Int32Array): [tf.Tensor2D, tf.Tensor2D] {
    const rows = Array.from(roiIndices, (index, i) => {
      const [y0, x0, y1, x1] = rois.subarray(4 * i);
      return [index, x0!, y0!, x1!, y1!];
    });
    const pool = roiPooling2D(x, Float32Array.from(rows.flat()), { outsize: 3, spatialScale: 0.25 });
    const h = relu(this.fc6.call(pool));
    return [this.cls_loc.call(h), this.score.call(h)];
  }
}

interface Tiny extends GeneratedNet {
  mean: number[];
  images: [key: string, size: [number, number]][];
  train: GeneratedNet & { image_key: string; losses: Record<string, number>; draws: Draws };
}

const tiny = goldens<Tiny>('cv_frcnn_tiny');

const makeTiny = () =>
  new FasterRCNN(
    new TinyExtractor(),
    new RegionProposalNetwork(12, 10, {
      anchorScales: [0.5, 1, 2],
      featStride: 4,
      proposalCreatorParams: {
        nTestPreNms: 80,
        nTestPostNms: 14,
        nTrainPreNms: 80,
        nTrainPostNms: 20,
        minSize: 4,
      },
    }),
    new TinyHead(),
    tiny.json().mean,
    { minSize: 48, maxSize: 72 },
  );

describeBackends('vision/models/faster-rcnn: a tiny network', (backend) => {
  it('prepares and predicts as ChainerCV with both presets, and leaves nothing behind', async () => {
    const before = tf.memory().numTensors;
    const model = makeTiny();
    fillNet(model, tiny.json());
    const images = tiny.json().images.map(([key, size]) => generatedImage(key, ...size));
    images.forEach((image, i) => {
      const want = tiny.image(`prepared/${i}`);
      const got = model.prepare(image);
      expect(got.shape).to.deep.equal(want.shape);
      expectClose(got.data, want.data, 2e-3, `prepared ${i}`);
    });
    const inside = tf.memory().numTensors;
    for (const preset of ['visualize', 'evaluate'] as const) {
      model.usePreset(preset);
      const found = await model.predict(images);
      images.forEach((_, i) => {
        const key = `predict/${preset}/${i}`;
        const want = {
          bbox: tiny.f32(`${key}/bbox`),
          label: tiny.i32(`${key}/label`),
          score: tiny.f32(`${key}/score`),
        };
        expectDetections(ofImage(found, i), want, 0, key);
      });
    }
    expect(tf.memory().numTensors).to.equal(inside);
    if (backend === 'wasm') await assertIsDetectionLink(model, 3);
    model.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  if (backend === 'webgpu') return;

  it('equals ChainerCV stage by stage', async () => {
    const model = makeTiny();
    fillNet(model, tiny.json());
    for (const i of [0, 1]) {
      const { data, shape } = tiny.image(`prepared/${i}`);
      const scale = shape[1] / tiny.json().images[i]![1][1];
      const x = tf.tensor4d(data, [1, ...shape]);
      const { roiClsLocs, roiScores, rois } = usingConfig('train', false, () => model.call(x, [scale]));
      expectClose(rois, tiny.f32(`stage/${i}/rois`), 1e-3, 'rois');
      for (const [tensor, name] of [
        [roiClsLocs, 'roi_cls_locs'],
        [roiScores, 'roi_scores'],
      ] as const) {
        const want = tiny.f32(`stage/${i}/${name}`);
        expectClose(await tensor.data(), want, 2e-5 * largest(want), name);
      }
      const h = model.extractor.call(x);
      const feature = tiny.f32(`stage/${i}/feature`);
      expectClose(
        channelsFirst(await h.data<'float32'>(), h.shape),
        feature,
        2e-5 * largest(feature),
        'feature',
      );
      tf.dispose([x, roiClsLocs, roiScores, h]);
    }
    model.dispose();
  });

  it('learns as ChainerCV: losses and all gradients with the recorded draws', async () => {
    const before = tf.memory().numTensors;
    const { train, mean } = tiny.json();
    const rng = replayed(tiny, 'train', train.draws);
    const chain = new FasterRCNNTrainChain(makeTiny(), {
      anchorTargetCreator: new AnchorTargetCreator({ nSample: 24, rng }),
      proposalTargetCreator: new ProposalTargetCreator({ nSample: 12, posRatio: 0.5, rng }),
    });
    fillNet(chain.faster_rcnn, train);
    const image = generatedImage(train.image_key, 48, 64);
    const x = tf.tensor4d(
      Float32Array.from(image.data, (v, i) => v - mean[i % 3]!),
      [1, 48, 64, 3],
    );
    const loss = usingConfig('train', true, () =>
      backward(() => chain.call(x, [tiny.f32('train/bbox')], [tiny.i32('train/label')], [1]), chain),
    );
    const want = train.losses['loss']!;
    expect(loss.dataSync()[0]).to.be.closeTo(want, 1e-5 * want);
    expect(rng.exhausted).to.equal(true);
    for (const [path, { grad }] of chain.faster_rcnn.namedparams()) {
      const want = tiny.f32(`train/grad${path}`);
      expectClose(await grad!.data(), want, 1e-5 * largest(want), path);
    }
    tf.dispose([loss, x]);
    chain.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });
});

interface Vgg extends GeneratedNet {
  n_fg_class: number;
  image_key: string;
  image_size: [number, number];
  extractor_layer_names: string[];
  layers: Record<string, Pick<Stats, 'shape' | 'l1' | 'l2' | 'wsum'>>;
}

describe('vision/models/faster-rcnn: FasterRCNNVGG16 on wasm', () => {
  const golden = goldens<Vgg>('cv_frcnn_vgg16');
  before(() => useBackend('wasm'));

  it('initializes without computing, and predicts as ChainerCV', async () => {
    const before = tf.memory().numTensors;
    const { n_fg_class: nFgClass, image_key, image_size, extractor_layer_names } = golden.json();
    const model = new FasterRCNNVGG16({
      nFgClass,
      minSize: 128,
      maxSize: 200,
      anchorScales: [1, 2, 4],
      proposalCreatorParams: { nTestPreNms: 200, nTestPostNms: 12, minSize: 8 },
    });
    withoutValues(() => model.initialize([1, 128, 184, 3]));
    expect(model.extractor.layerNames).to.deep.equal(extractor_layer_names);
    fillNet(model, golden.json());
    const image = generatedImage(image_key, ...image_size);
    for (const preset of ['visualize', 'evaluate'] as const) {
      model.usePreset(preset);
      const key = `predict/${preset}`;
      const want = {
        bbox: golden.f32(`${key}/bbox`),
        label: golden.i32(`${key}/label`),
        score: golden.f32(`${key}/score`),
      };
      expectDetections(ofImage(await model.predict([image]), 0), want, 0, preset);
    }
    const { data, shape } = model.prepare(image);
    const x = tf.tensor4d(data, [1, ...shape]);
    const out = usingConfig('train', false, () => model.call(x, [shape[1] / image_size[1]]));
    expectClose(out.rois, golden.f32('stage/rois'), 1e-2, 'rois');
    for (const [tensor, name] of [
      [out.roiClsLocs, 'roi_cls_locs'],
      [out.roiScores, 'roi_scores'],
    ] as const) {
      const want = golden.f32(`stage/${name}`);
      expectClose(await tensor.data(), want, 1e-4 * largest(want), name);
    }
    const h = model.extractor.call(x) as tf.Tensor4D;
    const want = golden.f32('stage/feature/val');
    const values = channelsFirst(await h.data<'float32'>(), h.shape);
    expectSamples(values, golden.i32('stage/feature/idx'), want, 2e-5 * largest(want), 'feature');
    tf.dispose([x, h, out.roiClsLocs, out.roiScores]);
    model.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it('refuses arguments that the weights contradict', async () => {
    expect(() => new FasterRCNNVGG16({} as never)).to.throw(
      PretrainedArgumentError,
      'nFgClass must be specified',
    );
    const error = await FasterRCNNVGG16.fromPretrained('voc07', {
      nFgClass: 3,
      // What the weights do not decide on is taken.
      minSize: 300,
      anchorScales: [4, 8, 16],
    }).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(PretrainedArgumentError);
  });
});
