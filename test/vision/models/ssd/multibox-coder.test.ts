import { BboxFormatError, MultiboxCoder, type MultiboxGrid, VisionOptionError } from '@chaingrad/vision';
import { expect } from 'chai';
import { generate } from '../../../support/goldens.ts';
import { expectClose, goldens } from '../../support.ts';

interface CoderDescription {
  grids: number[];
  aspect_ratios: number[][];
  steps: number[];
  sizes: number[];
  variance: [number, number];
}
interface Case {
  iou_thresh: number;
  n_positive: number;
  nms_thresh: number | null;
  score_thresh: number;
  n_fg_class: number;
  mb_loc_key: string;
  mb_conf_key: string;
  mb_conf_scale: number;
  background_add: number;
}
const boxes = goldens<{
  cases: Record<string, Case>;
  ssd300_coder: CoderDescription;
  small_coder: CoderDescription;
}>('boxes');

const describeGrid = (name: string): CoderDescription =>
  name === 'small' ? boxes.json().small_coder : boxes.json().ssd300_coder;

function coderOf(name: string, override: Partial<MultiboxGrid> = {}): MultiboxCoder {
  const { grids, aspect_ratios: aspectRatios, steps, sizes, variance } = describeGrid(name);
  return new MultiboxCoder({ grids, aspectRatios, steps, sizes, variance, ...override });
}

const row = (values: Float32Array, width: number, rows: ArrayLike<number>) =>
  Array.from(rows, (r) => [...values.subarray(r * width, (r + 1) * width)]).flat();

describe('vision/models/ssd/MultiboxCoder', () => {
  it('has the default boxes of ChainerCV', () => {
    expect(coderOf('ssd300').length).to.equal(8732);
    expectClose(coderOf('ssd300').defaultBbox, boxes.f64('default_bbox/ssd300'), 1e-9);
    expectClose(coderOf('small').defaultBbox, boxes.f64('default_bbox/small'), 1e-9);
  });

  it('refuses lists that do not have one entry a feature map', () => {
    expect(() => coderOf('small', { aspectRatios: [[2]] })).to.throw(VisionOptionError, 'aspectRatios');
    expect(() => coderOf('small', { steps: [8] })).to.throw(VisionOptionError, 'steps');
    expect(() => coderOf('small', { sizes: [8, 16] })).to.throw(VisionOptionError, 'sizes');
  });

  describe('encode', () => {
    for (const name of ['one', 'three', 'iou03', 'none', 'outside', 'twin'].map((n) => `small/${n}`)) {
      it(`equals ChainerCV, ${name}`, () => {
        const key = `encode/${name}`;
        const { iou_thresh } = boxes.json().cases[key]!;
        const { mbLoc, mbLabel } = coderOf('small').encode(
          boxes.f32(`${key}/bbox`),
          boxes.i32(`${key}/label`),
          iou_thresh,
        );
        expect([...mbLabel]).to.deep.equal([...boxes.i32(`${key}/mb_label`)]);
        expectClose(mbLoc, boxes.f32(`${key}/mb_loc`), 1e-4);
      });
    }

    for (const name of ['five', 'twenty', 'tiny'].map((n) => `ssd300/${n}`)) {
      it(`equals ChainerCV, ${name}`, () => {
        const key = `encode/${name}`;
        const { n_positive } = boxes.json().cases[key]!;
        const { mbLoc, mbLabel } = coderOf('ssd300').encode(
          boxes.f32(`${key}/bbox`),
          boxes.i32(`${key}/label`),
        );
        expect([...mbLabel]).to.deep.equal([...boxes.i32(`${key}/mb_label`)]);
        const positive = boxes.i32(`${key}/positive`);
        expect(positive).to.have.length(n_positive);
        expectClose(row(mbLoc, 4, positive), boxes.f32(`${key}/mb_loc_positive`), 1e-4);
        expectClose(row(mbLoc, 4, boxes.i32(`${key}/mb_loc_rows`)), boxes.f32(`${key}/mb_loc_val`), 1e-4);
      });
    }

    it('refuses labels that do not fit the boxes', () => {
      expect(() => coderOf('small').encode([0, 0, 1, 1], [])).to.throw(BboxFormatError, '1 labels');
    });
  });

  describe('decode', () => {
    for (const name of ['small/a', 'small/b', 'small/nonms', 'small/empty', 'ssd300/vis', 'ssd300/eval']) {
      it(`equals ChainerCV, ${name}`, () => {
        const key = `decode/${name}`;
        const c = boxes.json().cases[key]!;
        const coder = coderOf(name.split('/')[0]!);
        const nClass = c.n_fg_class + 1;
        const mbLoc = generate({ key: c.mb_loc_key, scale: 2, offset: 0 }, coder.length * 4);
        const mbConf = generate(
          {
            key: c.mb_conf_key,
            scale: c.mb_conf_scale,
            offset: 0,
            every: { mod: nClass, add: c.background_add },
          },
          coder.length * nClass,
        );
        if (boxes.has(`${key}/mb_conf`)) {
          expectClose(mbConf, boxes.f32(`${key}/mb_conf`), 1e-6);
          expectClose(mbLoc, boxes.f32(`${key}/mb_loc`), 0);
        }
        const { bbox, label, score } = coder.decode(mbLoc, mbConf, {
          nmsThresh: c.nms_thresh,
          scoreThresh: c.score_thresh,
        });
        expect([...label]).to.deep.equal([...boxes.i32(`${key}/label`)]);
        expectClose(bbox, boxes.f32(`${key}/bbox`), 1e-4, 'bbox');
        expectClose(score, boxes.f32(`${key}/score`), 1e-6, 'score');
      });
    }

    it('keeps detections whose outputs are too large for a softmax without subtraction', () => {
      const coder = coderOf('small');
      const { label, score } = coder.decode(
        new Float32Array(coder.length * 4),
        boxes.f32('decode/overflow/mb_conf'),
        { nmsThresh: null },
      );
      // ChainerCV loses the box with the output 95 to nan and gives only the one with 80.
      expect(boxes.i32('decode/overflow/label')).to.have.length(1);
      expect([...label]).to.deep.equal([0, 0]);
      expect([...score]).to.deep.equal([1, 1]);
    });

    it('drops rows that are not numbers', () => {
      const coder = new MultiboxCoder({ defaultBbox: [5, 5, 2, 2], variance: [0.1, 0.2] });
      const decode = (conf: number[]) =>
        coder.decode(new Float32Array(4), Float32Array.from(conf), { scoreThresh: 0 });
      expect(decode([0, Number.NaN, 1]).score).to.have.length(0);
      expect(decode([0, Number.POSITIVE_INFINITY, 1]).score).to.have.length(0);
      expect(decode([0, 1, 1]).score).to.have.length(2);
    });

    it('gives nothing above every score', () => {
      const coder = coderOf('small');
      const conf = generate({ key: 'none', scale: 20, offset: 0 }, coder.length * 3);
      const { bbox } = coder.decode(new Float32Array(coder.length * 4), conf, {
        scoreThresh: Number.POSITIVE_INFINITY,
      });
      expect(bbox).to.have.length(0);
    });

    it('inverts encode', () => {
      const coder = coderOf('ssd300');
      const bbox = boxes.f32('encode/ssd300/twenty/bbox');
      const label = boxes.i32('encode/ssd300/twenty/label');
      const { mbLoc, mbLabel } = coder.encode(bbox, label);
      const nClass = 21;
      const conf = new Float32Array(coder.length * nClass);
      mbLabel.forEach((l, i) => {
        conf[i * nClass + l] = 20;
      });
      const got = coder.decode(mbLoc, conf, { nmsThresh: 0.99 });
      const found = new Set<number>();
      for (let r = 0; r < got.label.length; r++) {
        const box = got.bbox.subarray(4 * r, 4 * r + 4);
        const j = label.findIndex(
          (l, k) => l === got.label[r] && box.every((v, a) => Math.abs(v - bbox[4 * k + a]!) < 1e-3),
        );
        expect(j, `detection ${r} is none of the boxes`).to.be.at.least(0);
        found.add(j);
      }
      expect(found.size).to.equal(20);
    });

    it('takes any list of boxes, and sigmoid scores', () => {
      const coder = new MultiboxCoder({
        defaultBbox: [0.5, 0.5, 0.2, 0.4, 0.25, 0.75, 0.1, 0.1],
        variance: [0.1, 0.2],
      });
      const { bbox, label, score } = coder.decode(
        Float32Array.from([0, 0, 0, 0, 1, -1, Math.log(2) / 0.2, 0]),
        Float32Array.from([9, 0, 2, -9, -3, 1]),
        { scoreThresh: 0.5, scoreFunction: 'sigmoid' },
      );
      // The background column is not looked at: 0 -> score 0.5, which passes the threshold 0.5.
      expect([...label]).to.deep.equal([0, 1, 1]);
      expectClose(score, [0.5, 1 / (1 + Math.exp(-2)), 1 / (1 + Math.exp(-1))], 1e-6);
      expectClose(bbox, [0.4, 0.3, 0.6, 0.7, 0.4, 0.3, 0.6, 0.7, 0.16, 0.69, 0.36, 0.79], 1e-6);
    });

    it('refuses outputs that do not fit the boxes', () => {
      const coder = coderOf('small');
      const n = coder.length;
      expect(() => coder.decode(new Float32Array(4), new Float32Array(n * 2))).to.throw(
        BboxFormatError,
        'offsets',
      );
      expect(() => coder.decode(new Float32Array(n * 4), new Float32Array(n))).to.throw(
        BboxFormatError,
        'background',
      );
      expect(() => coder.decode(new Float32Array(n * 4), new Float32Array(n * 2 + 1))).to.throw(
        BboxFormatError,
      );
    });
  });
});
