import { checkOptions } from '@chaingrad/core';
import { BboxFormatError } from '../errors.ts';
import { countBoxes } from '../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../utils/bbox/detections.ts';
import { meanWithoutNaN } from './eval-detection-voc.ts';

export interface EvalDetectionCocoOptions {
  /** Area of each ground truth box in square pixels, one list an image; without it its box's. Only the size ranges look at it. */
  readonly gtAreas?: readonly NumberList[] | null;
  /** Whether a ground truth box stands for a crowd: it may be found any number of times and counts for nothing. */
  readonly gtCrowdeds?: readonly ArrayLike<number | boolean>[] | null;
}

/** A value for each class, NaN where it has no ground truth, and their mean without the NaNs. */
export interface ClassValues {
  readonly perClass: Float64Array;
  readonly mean: number;
}

export interface DetectionCocoResult {
  /** Average precision: mean over IoU thresholds 0.5, 0.55, ... 0.95. Up to 100 detections an image and class. */
  readonly ap: ClassValues;
  /** At IoU 0.5 and 0.75. */
  readonly ap50: ClassValues;
  readonly ap75: ClassValues;
  /** Of ground truth boxes smaller than 32 x 32, up to 96 x 96, and larger. */
  readonly apSmall: ClassValues;
  readonly apMedium: ClassValues;
  readonly apLarge: ClassValues;
  /** Average recall, mean over the same IoU thresholds, with up to 1, 10 and 100 detections an image and class. */
  readonly ar1: ClassValues;
  readonly ar10: ClassValues;
  readonly ar100: ClassValues;
}

const IOU_THRESHOLDS = Array.from({ length: 10 }, (_, i) => 0.5 + i * 0.05);
const RECALLS = Array.from({ length: 101 }, (_, i) => i / 100);
const AREAS = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const;

interface Box {
  readonly y0: number;
  readonly x0: number;
  readonly y1: number;
  readonly x1: number;
  readonly area: number;
}
interface Truth extends Box {
  readonly crowd: boolean;
}
interface Detection extends Box {
  readonly score: number;
}
/** Ground truth and detections of one class in one image, detections by descending score. */
interface Scene {
  readonly truths: readonly Truth[];
  readonly detections: readonly Detection[];
}

/**
 * Average precision and recall of detections as COCO measures them.
 *
 * A detection is matched with the ground truth box of the highest IoU that is not matched yet; precision is interpolated at 101 recalls. Boxes are lengths:
 * nothing is added to corners. Equal to pycocotools. Chainer counterpart: `chainercv.evaluations.eval_detection_coco`. Source:
 * https://cocodataset.org/#detection-eval.
 *
 * @param predBboxes one flat list an image, rows of (yMin, xMin, yMax, xMax).
 * @throws BboxFormatError if the lists do not have one entry an image, or an entry not one value a box.
 */
export function evalDetectionCoco(
  predBboxes: readonly NumberList[],
  predLabels: readonly NumberList[],
  predScores: readonly NumberList[],
  gtBboxes: readonly NumberList[],
  gtLabels: readonly NumberList[],
  options: EvalDetectionCocoOptions = {},
): DetectionCocoResult {
  const { gtAreas = null, gtCrowdeds = null } = checkOptions('evalDetectionCoco', options, {
    gtAreas: 'object | null',
    gtCrowdeds: 'object | null',
  });
  const images = gtBboxes.length;
  const expectLength = (name: string, list: ArrayLike<unknown> | null | undefined, length: number) => {
    if (list !== null && list?.length !== length) {
      throw new BboxFormatError('evalDetectionCoco', `${length} entries in ${name}`, String(list?.length));
    }
  };
  const lists = { predBboxes, predLabels, predScores, gtLabels, gtAreas, gtCrowdeds };
  for (const [name, list] of Object.entries(lists)) expectLength(name, list, images);

  const classes = new Map<number, Scene[]>();
  for (let n = 0; n < images; n++) {
    const predictions = countBoxes(predBboxes[n]!, `evalDetectionCoco(predBboxes[${n}])`);
    const truths = countBoxes(gtBboxes[n]!, `evalDetectionCoco(gtBboxes[${n}])`);
    expectLength(`predLabels[${n}]`, predLabels[n], predictions);
    expectLength(`predScores[${n}]`, predScores[n], predictions);
    expectLength(`gtLabels[${n}]`, gtLabels[n], truths);
    expectLength(`gtAreas[${n}]`, gtAreas === null ? null : gtAreas[n], truths);
    expectLength(`gtCrowdeds[${n}]`, gtCrowdeds === null ? null : gtCrowdeds[n], truths);

    const scenes = new Map<number, { truths: Truth[]; detections: Detection[] }>();
    const scene = (label: number) => {
      const found = scenes.get(label) ?? { truths: [], detections: [] };
      scenes.set(label, found);
      return found;
    };
    for (let j = 0; j < truths; j++) {
      const box = boxAt(gtBboxes[n]!, j);
      const crowd = Boolean(gtCrowdeds?.[n]?.[j]);
      scene(gtLabels[n]![j]!).truths.push({ ...box, area: gtAreas?.[n]?.[j] ?? box.area, crowd });
    }
    for (let i = 0; i < predictions; i++) {
      scene(predLabels[n]![i]!).detections.push({ ...boxAt(predBboxes[n]!, i), score: predScores[n]![i]! });
    }
    for (const [label, found] of scenes) {
      found.detections.sort((a, b) => b.score - a.score);
      classes.set(label, [...(classes.get(label) ?? []), found]);
    }
  }

  const count = Math.max(-1, ...classes.keys()) + 1;
  const measure = (
    value: 'precision' | 'recall',
    area: keyof typeof AREAS,
    limit: number,
    thresholds: readonly number[],
  ): ClassValues => {
    const perClass = Float64Array.from({ length: count }, (_, label) => {
      const scenes = classes.get(label) ?? [];
      const values = thresholds.map((t) => averages(scenes, AREAS[area], limit, t)[value]);
      return values.reduce((a, b) => a + b, 0) / values.length;
    });
    return { perClass, mean: meanWithoutNaN(perClass) };
  };
  return {
    ap: measure('precision', 'all', 100, IOU_THRESHOLDS),
    ap50: measure('precision', 'all', 100, [0.5]),
    ap75: measure('precision', 'all', 100, [0.75]),
    apSmall: measure('precision', 'small', 100, IOU_THRESHOLDS),
    apMedium: measure('precision', 'medium', 100, IOU_THRESHOLDS),
    apLarge: measure('precision', 'large', 100, IOU_THRESHOLDS),
    ar1: measure('recall', 'all', 1, IOU_THRESHOLDS),
    ar10: measure('recall', 'all', 10, IOU_THRESHOLDS),
    ar100: measure('recall', 'all', 100, IOU_THRESHOLDS),
  };
}

function boxAt(bbox: NumberList, i: number): Box {
  const [y0, x0, y1, x1] = [bbox[4 * i]!, bbox[4 * i + 1]!, bbox[4 * i + 2]!, bbox[4 * i + 3]!];
  return { y0, x0, y1, x1, area: (y1 - y0) * (x1 - x0) };
}

/** Intersection over union; with a crowd over the detection alone, which may be a part of it. */
function overlap(detection: Detection, truth: Truth): number {
  const h = Math.min(detection.y1, truth.y1) - Math.max(detection.y0, truth.y0);
  const w = Math.min(detection.x1, truth.x1) - Math.max(detection.x0, truth.x0);
  if (!(h > 0 && w > 0)) return 0;
  // Of the box: `truth.area` may be the area of a mask.
  const box = (truth.y1 - truth.y0) * (truth.x1 - truth.x0);
  return (h * w) / (truth.crowd ? detection.area : detection.area + box - h * w);
}

/** Precision and recall of one class at one threshold; NaN without ground truth that counts. */
function averages(
  scenes: readonly Scene[],
  [minArea, maxArea]: readonly [number, number],
  limit: number,
  iouThreshold: number,
): { precision: number; recall: number } {
  let truths = 0;
  const results: { score: number; hit: boolean }[] = [];
  for (const scene of scenes) {
    const isIgnored = (t: Truth) => t.crowd || t.area < minArea || t.area > maxArea;
    // Truths that count are taken before those that do not.
    const counted = scene.truths.filter((t) => !isIgnored(t));
    const ignored = scene.truths.filter(isIgnored);
    truths += counted.length;
    const taken = new Set<Truth>();
    const best = (candidates: readonly Truth[], detection: Detection): Truth | null => {
      let found: Truth | null = null;
      let least = Math.min(iouThreshold, 1 - 1e-10);
      for (const truth of candidates) {
        if (taken.has(truth) && !truth.crowd) continue;
        const iou = overlap(detection, truth);
        if (iou < least) continue;
        least = iou;
        found = truth;
      }
      return found;
    };
    for (const detection of scene.detections.slice(0, limit)) {
      const hit = best(counted, detection);
      const truth = hit ?? best(ignored, detection);
      if (truth !== null) taken.add(truth);
      const isOutside = detection.area < minArea || detection.area > maxArea;
      // A detection that is matched with an ignored box, or is unmatched and of another size itself, counts neither way.
      if (hit === null && (truth !== null || isOutside)) continue;
      results.push({ score: detection.score, hit: hit !== null });
    }
  }
  if (truths === 0) return { precision: Number.NaN, recall: Number.NaN };

  results.sort((a, b) => b.score - a.score);
  let hits = 0;
  const recall: number[] = [];
  const precision = results.map(({ hit }, i) => {
    if (hit) hits++;
    recall.push(hits / truths);
    return hits / (i + 1);
  });
  for (let i = precision.length - 2; i >= 0; i--) precision[i] = Math.max(precision[i]!, precision[i + 1]!);
  const sum = RECALLS.reduce((total, r) => {
    const at = recall.findIndex((v) => v >= r);
    return total + (at < 0 ? 0 : precision[at]!);
  }, 0);
  return { precision: sum / RECALLS.length, recall: hits / truths };
}
