/** What a Faster R-CNN learns from the boxes of an image. */
import { checkOptions, defaultRandom, type OptionKinds, roundHalfEven } from '@chaingrad/core';
import { type Rng, sample } from '../../rng.ts';
import { bboxIou } from '../../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../../utils/bbox/detections.ts';
import { bbox2loc, bestPartners, indicesWhere, takeBoxes } from '../../utils/bbox/loc.ts';

export interface AnchorTargetCreatorOptions {
  /** Anchors that count. Default 256. */
  readonly nSample?: number;
  /** IoU from which an anchor is positive, and below which it is negative. Default 0.7 and 0.3. */
  readonly posIouThresh?: number;
  readonly negIouThresh?: number;
  /** The share of positive anchors, at most. Default 0.5. */
  readonly posRatio?: number;
  /** Which are taken where there are more. */
  readonly rng?: Rng;
}

const anchorKinds: OptionKinds<AnchorTargetCreatorOptions> = {
  nSample: 'number',
  posIouThresh: 'number',
  negIouThresh: 'number',
  posRatio: 'number',
  rng: 'object',
};

/**
 * The targets of a region proposal network: which anchors are positive, and the offsets to their boxes.
 *
 * Every anchor that ties with the best IoU of a box is positive. Only anchors inside the image count.
 * Chainer counterpart: `chainercv.links.model.faster_rcnn.AnchorTargetCreator`.
 */
export class AnchorTargetCreator {
  readonly options: Required<AnchorTargetCreatorOptions>;

  constructor(options: AnchorTargetCreatorOptions = {}) {
    checkOptions('AnchorTargetCreator', options, anchorKinds);
    this.options = {
      nSample: 256,
      posIouThresh: 0.7,
      negIouThresh: 0.3,
      posRatio: 0.5,
      rng: defaultRandom(),
      ...options,
    };
  }

  /**
   * @param bbox R * 4 values.
   * @param anchor S * 4 values.
   * @param imgSize [height, width].
   * @returns S * 4 offsets and S labels: 1 positive, 0 negative, -1 does not count.
   */
  create(
    bbox: NumberList,
    anchor: Float32Array,
    [height, width]: readonly [height: number, width: number],
  ): { loc: Float32Array; label: Int32Array } {
    const { nSample, posIouThresh, negIouThresh, posRatio, rng } = this.options;
    const boxes = Float32Array.from(bbox);
    const inside = indicesWhere(
      anchor.length / 4,
      (i) =>
        anchor[4 * i]! >= 0 &&
        anchor[4 * i + 1]! >= 0 &&
        anchor[4 * i + 2]! <= height &&
        anchor[4 * i + 3]! <= width,
    );
    const own = takeBoxes(anchor, inside);
    const [n, k] = [inside.length, boxes.length / 4];
    const iou = bboxIou(own, boxes);
    const { index, best } = bestPartners(iou, n, k);
    const label = new Int32Array(n).fill(-1);
    for (let i = 0; i < n; i++) if (best[i]! < Math.fround(negIouThresh)) label[i] = 0;
    for (let j = 0; j < k; j++) {
      let most = 0;
      for (let i = 0; i < n; i++) most = Math.max(most, iou[i * k + j]!);
      for (let i = 0; i < n; i++) if (iou[i * k + j] === most) label[i] = 1;
    }
    for (let i = 0; i < n; i++) if (best[i]! >= Math.fround(posIouThresh)) label[i] = 1;

    const leave = (which: 0 | 1, most: number): number => {
      const found = indicesWhere(n, (i) => label[i] === which);
      if (found.length <= most) return found.length;
      for (const i of sample(rng, found, found.length - most)) label[i] = -1;
      return most;
    };
    leave(0, nSample - leave(1, Math.trunc(posRatio * nSample)));

    const out = { loc: new Float32Array(anchor.length), label: new Int32Array(anchor.length / 4).fill(-1) };
    const loc = k === 0 ? new Float32Array(4 * n) : bbox2loc(own, takeBoxes(boxes, index));
    inside.forEach((at, i) => {
      out.label[at] = label[i]!;
      out.loc.set(loc.subarray(4 * i, 4 * i + 4), 4 * at);
    });
    return out;
  }
}

export interface ProposalTargetCreatorOptions {
  /** Regions that count; null for all. Default 128. */
  readonly nSample?: number | null;
  /** The share of regions with an object, at most. Default 0.25. */
  readonly posRatio?: number;
  /** IoU from which a region has an object. Default 0.5. */
  readonly posIouThresh?: number;
  /** IoU of a region without one: below, and at least. Default 0.5 and 0. */
  readonly negIouThreshHi?: number;
  readonly negIouThreshLo?: number;
  /** Which are taken. */
  readonly rng?: Rng;
}

const proposalKinds: OptionKinds<ProposalTargetCreatorOptions> = {
  nSample: 'number | null',
  posRatio: 'number',
  posIouThresh: 'number',
  negIouThreshHi: 'number',
  negIouThreshLo: 'number',
  rng: 'object',
};

/** Four numbers, one an offset. */
export type LocStatistics = readonly [y: number, x: number, h: number, w: number];

/** Some regions of an image with what is in them. */
export interface ProposalTargets {
  /** S * 4 values. */
  readonly sampleRoi: Float32Array;
  /** S * 4 normalized offsets. */
  readonly gtRoiLoc: Float32Array;
  /** S labels, 0 for background. */
  readonly gtRoiLabel: Int32Array;
}

/**
 * The targets of the head of a Faster R-CNN: a sample of the proposals and the boxes themselves, in random order, those with an
 * object first.
 *
 * Chainer counterpart: `chainercv.links.model.faster_rcnn.ProposalTargetCreator`.
 */
export class ProposalTargetCreator {
  readonly options: Required<ProposalTargetCreatorOptions>;

  constructor(options: ProposalTargetCreatorOptions = {}) {
    checkOptions('ProposalTargetCreator', options, proposalKinds);
    this.options = {
      nSample: 128,
      posRatio: 0.25,
      posIouThresh: 0.5,
      negIouThreshHi: 0.5,
      negIouThreshLo: 0,
      rng: defaultRandom(),
      ...options,
    };
  }

  /**
   * @param roi R * 4 values.
   * @param bbox R' * 4 values.
   * @param label R' labels, counting from 0.
   */
  create(
    roi: NumberList,
    bbox: NumberList,
    label: NumberList,
    locNormalizeMean: LocStatistics = [0, 0, 0, 0],
    locNormalizeStd: LocStatistics = [0.1, 0.1, 0.2, 0.2],
  ): ProposalTargets {
    const { nSample, posRatio, posIouThresh, negIouThreshHi, negIouThreshLo, rng } = this.options;
    const boxes = Float32Array.from(bbox);
    const rois = Float32Array.from([...Array.from(roi), ...boxes]);
    const n = rois.length / 4;
    const { index, best } = bestPartners(bboxIou(rois, boxes), n, boxes.length / 4);
    const wanted = nSample ?? n;
    const draw = (from: number[], most: number) => sample(rng, from, Math.min(most, from.length));
    const isIn = (i: number, low: number, high: number) =>
      best[i]! >= Math.fround(low) && best[i]! < Math.fround(high);
    const positive = draw(
      indicesWhere(n, (i) => isIn(i, posIouThresh, Number.POSITIVE_INFINITY)),
      roundHalfEven(wanted * posRatio),
    );
    const negative = draw(
      indicesWhere(n, (i) => isIn(i, negIouThreshLo, negIouThreshHi)),
      wanted - positive.length,
    );
    const kept = [...positive, ...negative];
    const sampleRoi = takeBoxes(rois, kept);
    const partners = kept.map((i) => index[i]!);
    const loc =
      boxes.length === 0
        ? new Float32Array(kept.length * 4)
        : bbox2loc(sampleRoi, takeBoxes(boxes, partners));
    return {
      sampleRoi,
      gtRoiLoc: loc.map((value, i) => (value - locNormalizeMean[i % 4]!) / locNormalizeStd[i % 4]!),
      gtRoiLabel: Int32Array.from(kept, (_, i) => (i < positive.length ? label[partners[i]!]! + 1 : 0)),
    };
  }
}
