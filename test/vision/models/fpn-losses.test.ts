/** What detectors on a feature pyramid learn: targets with recorded draws, losses and their gradients, a training step. */
import {
  backward,
  type Observation,
  Parameter,
  Reporter,
  readObservation,
  SGD,
  setSeed,
  useBackend,
} from '@chaingrad/core';
import {
  bboxHeadLossPost,
  bboxHeadLossPre,
  FasterRCNNFPNTrainChain,
  MaskFormatError,
  MaskRCNNFPNResNet50,
  type Masks,
  maskHeadLossPost,
  maskHeadLossPre,
  maskToBbox,
  RPN,
  rpnLoss,
} from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../../support/backends.ts';
import { generate } from '../../support/goldens.ts';
import { channelsFirst, expectSamples } from '../../support/models.ts';
import { expectClose, goldens } from '../support.ts';
import { ReplayedChoices } from './replayed-choices.ts';

type Size = [number, number];
interface RpnCase {
  loc_loss: number | 'nan';
  conf_loss: number | 'nan';
  draws: [string, [number], { size: number }][];
  sizes: Size[];
  boxes: number[];
}

const golden = goldens<{
  rpn: { scales: number[]; sizes: Size[] };
  rpn_loss: Record<string, RpnCase>;
  rpn_loss_large: { sizes: Size[] };
  bbox_loss: { loc_loss: number; conf_loss: number; std: [number, number] };
  bbox_loss_draws: { draws: unknown[] };
  mask_loss: { n: number; loss: number };
}>('cv_fpn_pieces');

const levels = [0, 1, 2, 3, 4];
const largest = (values: Float32Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const regionsOf = (key: string, prefix = '') =>
  levels.map((l) => ({
    rois: golden.f32(`${key}/${prefix}rois/${l}`),
    roiIndices: golden.i32(`${key}/${prefix}roi_indices/${l}`),
  }));

/** A parameter with the values. */
function parameter(values: Float32Array, shape: number[]): Parameter {
  const made = new Parameter(null, shape, 'x');
  const t = tf.tensor(values, shape);
  made.assign(t);
  t.dispose();
  return made;
}

/** The gradients of levels as one list an image: (N, all). */
async function joined(parts: readonly Parameter[], batch: number): Promise<Float32Array> {
  const grads = await Promise.all(parts.map(({ grad }) => grad!.data<'float32'>()));
  const out: number[] = [];
  for (let i = 0; i < batch; i++)
    for (const grad of grads)
      out.push(...grad.subarray((i * grad.length) / batch, ((i + 1) * grad.length) / batch));
  return Float32Array.from(out);
}

describeBackends('vision/models/fpn: losses', (backend) => {
  const rtol = backend === 'webgpu' ? 2e-5 : 1e-5;

  for (const [name, want] of Object.entries(golden.json().rpn_loss)) {
    it(`of proposals equal ChainerCV, ${name}`, async () => {
      const before = tf.memory().numTensors;
      const isLarge = /^large/.test(name);
      const { sizes } = isLarge ? golden.json().rpn_loss_large : golden.json().rpn;
      const rpn = new RPN(golden.json().rpn.scales);
      const anchors = rpn.anchors(sizes);
      rpn.dispose();
      const valuesOf = (part: 'loc' | 'conf', l: number) => {
        if (!isLarge) return golden.f32(`rpn/decode/${part}/${l}`);
        const scale = part === 'loc' ? 0.4 : 3;
        const count = (anchors[l]!.length / 4) * 2 * (part === 'loc' ? 4 : 1);
        return generate({ key: `dev/fpn/r${part[0]}${l}`, scale, offset: 0 }, count);
      };
      const counts = anchors.map((anchor) => anchor.length / 4);
      const locs = levels.map((l) => parameter(valuesOf('loc', l), [2, counts[l]!, 4]));
      const confs = levels.map((l) => parameter(valuesOf('conf', l), [2, counts[l]!]));
      const bboxes = want.boxes.map((count, i) =>
        golden.f32(isLarge ? `rpn_loss/bbox_large/${i}` : `gt/bbox/${i}`).subarray(0, 4 * count),
      );
      const rng = new ReplayedChoices(
        want.draws.map(([, [n]], i) => ({
          items: range(n),
          drawn: golden.i32(`rpn_loss/${name}/draw/${i}`),
          replace: true,
        })),
      );
      let got: number[] = [];
      const loss = backward(() => {
        const { locLoss, confLoss } = rpnLoss(
          locs.map(({ tensor }) => tensor as tf.Tensor3D),
          confs.map(({ tensor }) => tensor as tf.Tensor2D),
          anchors,
          want.sizes,
          bboxes,
          rng,
        );
        if (backend !== 'webgpu') got = [locLoss.dataSync()[0]!, confLoss.dataSync()[0]!];
        return tf.add(locLoss, confLoss);
      }, [...locs, ...confs]);
      const total = (await loss.data())[0]!;
      expect(rng.exhausted).to.equal(true);
      if (want.loc_loss === 'nan' || want.conf_loss === 'nan') {
        // There it is 0 / 0 of the image without boxes; here that image adds nothing.
        expect(total).to.be.greaterThan(0).and.lessThan(10);
      } else {
        expectClose([total], [want.loc_loss + want.conf_loss], rtol * total, 'losses');
        if (backend !== 'webgpu') expectClose(got, [want.loc_loss, want.conf_loss as number], rtol * total);
        for (const [part, parts] of [
          ['loc', locs],
          ['conf', confs],
        ] as const) {
          const key = `rpn_loss/${name}/grad_${part}`;
          const grad = await joined(parts, 2);
          const at = golden.i32(`${key}/nonzero`);
          const nonzero = [...range(grad.length)].filter((i) => grad[i] !== 0);
          expect(nonzero, key).to.deep.equal([...at]);
          expectSamples(grad, at, golden.f32(`${key}/val`), 2e-5 * largest(grad), key);
        }
      }
      for (const param of [...locs, ...confs]) param.dispose();
      loss.dispose();
      expect(tf.memory().numTensors, 'tensors').to.equal(before);
    });
  }

  it('of boxes equal ChainerCV, with gradients', async () => {
    const before = tf.memory().numTensors;
    const { std, loc_loss, conf_loss } = golden.json().bbox_loss;
    const bboxes = [0, 1].map((i) => golden.f32(`gt/bbox/${i}`));
    const labels = [0, 1].map((i) => golden.i32(`gt/label/${i}`));
    const targets = bboxHeadLossPre(
      regionsOf('bbox_loss', 'in_'),
      std,
      bboxes,
      labels,
      new ReplayedChoices([]),
    );
    expect(targets.levels).to.deep.equal(regionsOf('bbox_loss'));
    for (const l of levels) {
      expect(targets.gtLabels[l]).to.deep.equal(golden.i32(`bbox_loss/gt_labels/${l}`));
      expectClose(targets.gtLocs[l]!, golden.f32(`bbox_loss/gt_locs/${l}`), 1e-4, `offsets of level ${l}`);
    }
    const locs = parameter(golden.f32('bbox_loss/locs'), [75, 5, 4]);
    const confs = parameter(golden.f32('bbox_loss/confs'), [75, 5]);
    const loss = backward(() => {
      const { locLoss, confLoss } = bboxHeadLossPost(
        locs.tensor as tf.Tensor3D,
        confs.tensor as tf.Tensor2D,
        targets,
        2,
      );
      return tf.add(locLoss, confLoss);
    }, [locs, confs]);
    const want = loc_loss + conf_loss;
    expectClose(await loss.data(), [want], rtol * want, 'loss');
    for (const [param, key] of [
      [locs, 'grad_locs'],
      [confs, 'grad_confs'],
    ] as const) {
      const grad = golden.f32(`bbox_loss/${key}`);
      expectClose(await param.grad!.data(), grad, 2e-5 * largest(grad), key);
    }
    locs.dispose();
    confs.dispose();
    loss.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it('of masks equal ChainerCV, with gradients', async () => {
    const before = tf.memory().numTensors;
    const gtLabels = levels.map((l) => golden.i32(`bbox_loss/gt_labels/${l}`));
    const masks = [0, 1].map((i): Masks => {
      const { data, shape } = golden.array(`gt/mask/${i}`);
      return { data: data as Uint8Array, shape: shape as [number, number, number] };
    });
    const bboxes = masks.map((mask) => maskToBbox(mask));
    const targets = maskHeadLossPre({ levels: regionsOf('bbox_loss'), gtLabels }, masks, bboxes, 28);
    expect(targets.levels).to.deep.equal(regionsOf('mask_loss'));
    for (const l of levels) {
      expect(targets.gtMaskLabels[l]).to.deep.equal(golden.i32(`mask_loss/gt_mask_labels/${l}`));
      const want = golden.f32(`mask_loss/gt_segms/${l}`);
      const differ = targets.gtSegms[l]!.filter((value, i) => value !== want[i]).length;
      expect(differ, `pixels of level ${l} that differ`).to.equal(0);
    }
    const { n, loss: want } = golden.json().mask_loss;
    const values = generate({ key: 'dev/fpn/ms', scale: 3, offset: 0 }, n * 5 * 28 * 28);
    const first = tf.tensor4d(values, [n, 5, 28, 28]);
    const last = tf.transpose(first, [0, 2, 3, 1]);
    const segms = parameter(await last.data<'float32'>(), [n, 28, 28, 5]);
    const loss = backward(() => maskHeadLossPost(segms.tensor as tf.Tensor4D, targets), [segms]);
    expectClose(await loss.data(), [want], rtol * want, 'loss');
    const grad = channelsFirst(await segms.grad!.data<'float32'>(), [n, 28, 28, 5]);
    const at = golden.i32('mask_loss/grad/idx');
    expectSamples(grad, at, golden.f32('mask_loss/grad/val'), 2e-5 * largest(grad), 'gradient');
    tf.dispose([first, last, loss]);
    segms.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });
});

describe('vision/models/fpn: regions to learn from', () => {
  it('are those that the recorded draws leave', () => {
    const draws = golden.json().bbox_loss_draws.draws.map((_, i) => ({
      items: golden.i32(`bbox_loss_draws/draw/${i}/arg0`),
      drawn: golden.i32(`bbox_loss_draws/draw/${i}`),
    }));
    const rng = new ReplayedChoices(draws);
    const bboxes = [golden.f32('gt/bbox/0'), golden.f32('gt/bbox/1'), new Float32Array()];
    const labels = [golden.i32('gt/label/0'), golden.i32('gt/label/1'), new Int32Array()];
    const { std } = golden.json().bbox_loss;
    const found = bboxHeadLossPre(regionsOf('bbox_loss_draws', 'in_'), std, bboxes, labels, rng);
    expect(rng.exhausted).to.equal(true);
    expect(found.levels).to.deep.equal(regionsOf('bbox_loss_draws'));
    for (const l of levels) {
      expect(found.gtLabels[l]).to.deep.equal(golden.i32(`bbox_loss_draws/gt_labels/${l}`));
      const want = golden.f32(`bbox_loss_draws/gt_locs/${l}`);
      const { roiIndices } = found.levels[l]!;
      // Of the image without boxes Chainer's are undefined.
      const known = found.gtLocs[l]!.map((v, i) => (roiIndices[i >> 2] === 2 ? want[i]! : v));
      expectClose(known, want, 1e-3, `offsets of level ${l}`);
    }
  });
});
describe('vision/models/fpn: FasterRCNNFPNTrainChain on wasm', () => {
  before(() => useBackend('wasm'));

  it('learns: the loss is the sum of its parts, and falls; no tensor is left', async () => {
    const before = tf.memory().numTensors;
    setSeed(1);
    const model = new MaskRCNNFPNResNet50({ nFgClass: 2, minSize: 64, maxSize: 64 });
    model.initialize([1, 64, 64, 3]);
    model.rpn.trainNmsLimitPost = 8;
    // As it would be with weights of ImageNet: features as they are.
    model.extractor.base.disableUpdate();
    // The same anchors and regions in each step.
    const rng = { uniform: () => 0, integer: () => 0, normal: () => 0 };
    const chain = new FasterRCNNFPNTrainChain(model, { rng });
    const optimizer = new SGD({ lr: 2e-3 }).setup(chain);
    const img = { data: new Float32Array(60 * 64 * 3).fill(90), shape: [60, 64, 3] as const };
    const { x: prepared } = model.prepare([img]);
    // Random weights without running statistics make features of thousands.
    const x = tf.mul<tf.Tensor4D>(prepared, 1e-3);
    prepared.dispose();
    const mask: Masks = { data: new Uint8Array(64 * 64), shape: [1, 64, 64] };
    for (let y = 10; y < 50; y++) mask.data.fill(1, y * 64 + 8, y * 64 + 40);
    const bboxes = [maskToBbox(mask)];
    expect(() => chain.call(x, bboxes, [[1]])).to.throw(MaskFormatError, 'the masks of each image');
    const small: Masks = { data: new Uint8Array(4), shape: [1, 2, 2] };
    expect(() => chain.call(x, bboxes, [[1]], [small])).to.throw(MaskFormatError, '1 masks of 64 x 64');
    const losses: number[] = [];
    let inside = 0;
    for (let step = 0; step < 3; step++) {
      const reporter = new Reporter();
      reporter.addObserver('main', chain);
      const observation: Observation = new Map();
      reporter.scope(observation, () =>
        optimizer.update(chain, x, bboxes, [[1]], [mask], [[60, 64]]).dispose(),
      );
      const values = await readObservation(observation);
      const parts = [...values].filter(([name]) => name !== 'main/loss').map(([, value]) => value);
      expect(parts.length).to.equal(5);
      const loss = values.get('main/loss')!;
      expect(parts.reduce((a, b) => a + b, 0)).to.be.closeTo(loss, 1e-4 * loss);
      losses.push(loss);
      if (step > 0) expect(tf.memory().numTensors).to.equal(inside);
      inside = tf.memory().numTensors;
    }
    expect(losses[2]).to.be.lessThan(losses[0]!);
    for (const [path, { grad, frozen }] of chain.namedparams())
      if (!frozen) expect(grad, path).not.to.equal(null);
    // An image without objects teaches, too.
    const none: Masks = { data: new Uint8Array(), shape: [0, 64, 64] };
    const alone = optimizer.update(chain, x, [[]], [[]], [none]);
    expect((await alone.data())[0]).to.be.greaterThan(0);
    alone.dispose();
    expect(tf.memory().numTensors).to.equal(inside);
    x.dispose();
    chain.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });
});
