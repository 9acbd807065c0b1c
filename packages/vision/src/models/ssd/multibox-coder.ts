import { checkOptions } from '@chaingrad/core';
import { BboxFormatError } from '../../errors.ts';
import { bboxIou, countBoxes } from '../../utils/bbox/bbox-iou.ts';
import { bestOf, type Candidates, noCandidates } from '../../utils/bbox/best-of.ts';
import type { Detections, NumberList } from '../../utils/bbox/detections.ts';
import { defaultBbox, type MultiboxGrid } from './default-bbox.ts';

/** The grid of an SSD, or a list of boxes; and the variances of position and size. */
export type MultiboxCoderOptions = (MultiboxGrid | { readonly defaultBbox: NumberList }) & {
  readonly variance: readonly [position: number, size: number];
};

/** What an SSD learns for one image. */
export interface MultiboxTarget {
  /** K * 4 offsets. Rows of background boxes hold meaningless numbers, which the loss masks. */
  readonly mbLoc: Float32Array;
  /** K labels; 0 is background, label l of the image is l + 1. */
  readonly mbLabel: Int32Array;
}

/** How scores come from class outputs: softmax over a row, or each column's sigmoid. */
export type ScoreFunction = 'softmax' | 'sigmoid';

export interface MultiboxDecodeOptions {
  /** IoU from which the lower scored of two boxes of a class is dropped; null keeps all. */
  readonly nmsThresh?: number | null;
  /** Boxes with this score or more are given. */
  readonly scoreThresh?: number;
  /** Default 'softmax'. */
  readonly scoreFunction?: ScoreFunction;
}

const coderKinds = {
  grids: 'object',
  aspectRatios: 'object',
  steps: 'object',
  sizes: 'object',
  defaultBbox: 'object',
  variance: 'object',
} as const;

/** Below this IoU a default box is never matched with a ground truth box (ChainerCV's constant). */
const MIN_MATCHING_IOU = 1e-6;

/**
 * Encodes ground truth boxes as the targets of an SSD's default boxes (anchors), and decodes the outputs of an SSD to boxes.
 *
 * Chainer counterpart: `chainercv.links.model.ssd.MultiboxCoder`.
 *
 * ```ts
 * const coder = new MultiboxCoder({
 *   grids: [4, 2], aspectRatios: [[2], [2, 3]], steps: [8, 16], sizes: [8, 16, 24], variance: [0.1, 0.2],
 * });
 * const { mbLoc, mbLabel } = coder.encode(bbox, label);
 * ```
 */
export class MultiboxCoder {
  /** K rows of (centre y, centre x, height, width). */
  readonly defaultBbox: Float64Array;
  readonly variance: readonly [position: number, size: number];
  /** The same boxes as corners. */
  readonly #corners: Float64Array;

  /** @throws VisionOptionError if the lists of a grid differ in length; BboxFormatError if `defaultBbox` has no rows of 4. */
  constructor(options: MultiboxCoderOptions) {
    checkOptions<object>('MultiboxCoder', options, coderKinds);
    this.variance = options.variance;
    this.defaultBbox =
      'defaultBbox' in options ? Float64Array.from(options.defaultBbox) : defaultBbox(options);
    countBoxes(this.defaultBbox, 'MultiboxCoder(defaultBbox)');
    const d = this.defaultBbox;
    this.#corners = d.map((_, i) => {
      const row = i - (i % 4);
      const axis = i % 2;
      const half = d[row + 2 + axis]! / 2;
      return i % 4 < 2 ? d[row + axis]! - half : d[row + axis]! + half;
    });
  }

  /** K, the number of default boxes. */
  get length(): number {
    return this.defaultBbox.length / 4;
  }

  /**
   * Matches default boxes with the ground truth and gives their regression and classification targets.
   *
   * Each ground truth box is first matched with the default box of the highest IoU (the highest of all pairs comes first);
   * then every default box left whose best IoU is `iouThresh` or more is matched with that ground truth box.
   *
   * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax) in the units of the default boxes.
   * @param label R labels, counting from 0 (background is not one of them).
   * @param iouThresh IoU from which a default box is positive.
   * @throws BboxFormatError if there is not one label a box.
   */
  encode(bbox: NumberList, label: NumberList, iouThresh = 0.5): MultiboxTarget {
    const boxes = countBoxes(bbox, 'MultiboxCoder.encode');
    if (label.length !== boxes) {
      throw new BboxFormatError('MultiboxCoder.encode', `${boxes} labels, one a box`, `${label.length}`);
    }
    const mbLoc = new Float32Array(this.length * 4);
    const mbLabel = new Int32Array(this.length);
    if (boxes === 0) return { mbLoc, mbLabel };

    const matched = this.#match(bboxIou(this.#corners, bbox), boxes, iouThresh);
    const d = this.defaultBbox;
    const [position, size] = this.variance;
    for (let i = 0; i < matched.length; i++) {
      // A background row gets the offsets of the last box, as in ChainerCV, where index -1 counts from the end.
      const j = matched[i]! < 0 ? boxes - 1 : matched[i]!;
      for (let axis = 0; axis < 2; axis++) {
        const low = bbox[4 * j + axis]!;
        const length = bbox[4 * j + 2 + axis]! - low;
        const own = d[4 * i + 2 + axis]!;
        mbLoc[4 * i + axis] = (low + length / 2 - d[4 * i + axis]!) / (position * own);
        mbLoc[4 * i + 2 + axis] = Math.log(length / own) / size;
      }
      if (matched[i]! >= 0) mbLabel[i] = label[j]! + 1;
    }
    return { mbLoc, mbLabel };
  }

  /** The ground truth box that each default box is matched with, -1 for none. `iou` is K rows of `boxes` values. */
  #match(iou: Float64Array, boxes: number, iouThresh: number): Int32Array {
    const count = this.length;
    const matched = new Int32Array(count).fill(-1);

    // Each box's best free default box; recomputed only when another box has taken it.
    const bestRow = new Int32Array(boxes);
    const findBest = (j: number) => {
      let best = -1;
      let value = MIN_MATCHING_IOU;
      for (let i = 0; i < count; i++) {
        const v = iou[i * boxes + j]!;
        if (v > value && matched[i]! < 0) {
          best = i;
          value = v;
        }
      }
      bestRow[j] = best;
    };
    const waiting = new Set<number>();
    for (let j = 0; j < boxes; j++) {
      findBest(j);
      waiting.add(j);
    }
    for (;;) {
      let winner = -1;
      for (const j of waiting) {
        const i = bestRow[j]!;
        if (i < 0) continue;
        const ahead = winner < 0 ? 1 : iou[i * boxes + j]! - iou[bestRow[winner]! * boxes + winner]!;
        // Equal IoU: the lower default box, then the lower box, as a flat argmax finds them.
        if (ahead > 0 || (ahead === 0 && i < bestRow[winner]!)) winner = j;
      }
      if (winner < 0) break;
      const taken = bestRow[winner]!;
      matched[taken] = winner;
      waiting.delete(winner);
      for (const j of waiting) if (bestRow[j] === taken) findBest(j);
    }

    for (let i = 0; i < count; i++) {
      if (matched[i]! >= 0) continue;
      let best = 0;
      for (let j = 1; j < boxes; j++) if (iou[i * boxes + j]! > iou[i * boxes + best]!) best = j;
      if (iou[i * boxes + best]! >= iouThresh) matched[i] = best;
    }
    return matched;
  }

  /**
   * The detections in the outputs of a network, for one image.
   *
   * Class by class, by descending score in a class (in the order of the default boxes without suppression). Boxes are
   * not clipped. The softmax subtracts the largest value, so that large outputs do not overflow as they do in ChainerCV.
   *
   * @param mbLoc K * 4 offsets.
   * @param mbConf K * nClass class outputs before softmax or sigmoid; column 0 is background.
   * @throws BboxFormatError if the lengths do not fit the number of default boxes.
   */
  decode(mbLoc: Float32Array, mbConf: Float32Array, options: MultiboxDecodeOptions = {}): Detections {
    const {
      nmsThresh = 0.45,
      scoreThresh = 0.6,
      scoreFunction = 'softmax',
    } = checkOptions('MultiboxCoder.decode', options, {
      nmsThresh: 'number | null',
      scoreThresh: 'number',
      scoreFunction: ['softmax', 'sigmoid'],
    });
    const count = this.length;
    if (mbLoc.length !== count * 4) {
      throw new BboxFormatError('MultiboxCoder.decode', `${count} * 4 offsets`, `${mbLoc.length}`);
    }
    const nClass = mbConf.length / count;
    if (!Number.isInteger(nClass) || nClass < 2) {
      throw new BboxFormatError(
        'MultiboxCoder.decode',
        `${count} rows of 2 or more class outputs (background first)`,
        `${mbConf.length} values`,
      );
    }
    // Scores are float32, and so is the threshold they are compared with.
    const candidates =
      scoreFunction === 'softmax'
        ? softmaxCandidates(mbConf, nClass, Math.fround(scoreThresh))
        : sigmoidCandidates(mbConf, nClass, Math.fround(scoreThresh));

    return bestOf(candidates, (rows) => this.#boxes(mbLoc, rows), nmsThresh);
  }

  /** The corners of the boxes in the given rows of `mbLoc`, float64. */
  #boxes(mbLoc: Float32Array, rows: readonly number[]): Float64Array {
    const d = this.defaultBbox;
    const [position, size] = this.variance;
    const out = new Float64Array(rows.length * 4);
    rows.forEach((row, r) => {
      for (let axis = 0; axis < 2; axis++) {
        const own = d[4 * row + 2 + axis]!;
        const length = own * Math.exp(mbLoc[4 * row + 2 + axis]! * size);
        const low = d[4 * row + axis]! + mbLoc[4 * row + axis]! * position * own - length / 2;
        out[4 * r + axis] = low;
        out[4 * r + 2 + axis] = low + length;
      }
    });
    return out;
  }
}

function softmaxCandidates(conf: Float32Array, nClass: number, thresh: number): Candidates[] {
  const out = noCandidates(nClass - 1);
  const row = new Float64Array(nClass);
  // A score s needs an output that exceeds the background's by log(s / (1 - s)): most boxes are passed over without an
  // exp. The margin covers the rounding of a score to float32.
  const s = Math.min(thresh, 1) - 1e-6;
  const lead = s > 0 ? Math.log(s / (1 - s)) : Number.NEGATIVE_INFINITY;
  for (let i = 0, o = 0; o < conf.length; i++, o += nClass) {
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 1; c < nClass; c++) if (conf[o + c]! > top) top = conf[o + c]!;
    const background = conf[o]!;
    if (top - background < lead) continue;
    const max = Math.max(top, background);
    let sum = 0;
    for (let c = 0; c < nClass; c++) {
      row[c] = Math.exp(conf[o + c]! - max);
      sum += row[c]!;
    }
    for (let c = 1; c < nClass; c++) {
      const score = Math.fround(row[c]! / sum);
      if (score >= thresh) {
        out[c - 1]!.rows.push(i);
        out[c - 1]!.scores.push(score);
      }
    }
  }
  return out;
}

function sigmoidCandidates(conf: Float32Array, nClass: number, thresh: number): Candidates[] {
  const out = noCandidates(nClass - 1);
  const s = Math.min(thresh, 1) - 1e-6;
  const least = s > 0 ? Math.log(s / (1 - s)) : Number.NEGATIVE_INFINITY;
  for (let i = 0, o = 0; o < conf.length; i++, o += nClass) {
    for (let c = 1; c < nClass; c++) {
      if (conf[o + c]! < least) continue;
      const score = Math.fround(1 / (1 + Math.exp(-conf[o + c]!)));
      if (score >= thresh) {
        out[c - 1]!.rows.push(i);
        out[c - 1]!.scores.push(score);
      }
    }
  }
  return out;
}
