/** COCO's measures of whatever overlaps: boxes, masks. */
import { BboxFormatError } from '../errors.ts';
import type { NumberList } from '../utils/bbox/detections.ts';
import { meanWithoutNaN } from './eval-detection-voc.ts';

/** A value for each class, NaN where it has no ground truth, and their mean without the NaNs. */
export interface ClassValues {
  readonly perClass: Float64Array;
  readonly mean: number;
}

/** What COCO measures. */
export interface CocoResult {
  /** Average precision: mean over IoU thresholds 0.5, 0.55, ... 0.95. Up to 100 detections an image and class. */
  readonly ap: ClassValues;
  /** At IoU 0.5 and 0.75. */
  readonly ap50: ClassValues;
  readonly ap75: ClassValues;
  /** Of ground truth smaller than 32 x 32, up to 96 x 96, and larger. */
  readonly apSmall: ClassValues;
  readonly apMedium: ClassValues;
  readonly apLarge: ClassValues;
  /** Average recall, mean over the same IoU thresholds, with up to 1, 10 and 100 detections an image and class. */
  readonly ar1: ClassValues;
  readonly ar10: ClassValues;
  readonly ar100: ClassValues;
  /** With up to 100, of ground truth of the three sizes. */
  readonly arSmall: ClassValues;
  readonly arMedium: ClassValues;
  readonly arLarge: ClassValues;
}

const IOU_THRESHOLDS = Array.from({ length: 10 }, (_, i) => 0.5 + i * 0.05);
const RECALLS = Array.from({ length: 101 }, (_, i) => i / 100);
const AREAS = {
  all: [0, 1e10],
  small: [0, 32 ** 2],
  medium: [32 ** 2, 96 ** 2],
  large: [96 ** 2, 1e10],
} as const;

/** What was found in an image, and what there is. */
export interface CocoImage {
  readonly predLabel: NumberList;
  readonly predScore: NumberList;
  readonly gtLabel: NumberList;
  readonly gtArea: NumberList | null;
  readonly gtCrowded: ArrayLike<number | boolean> | null;
  /** How many there are of both. */
  readonly predictions: number;
  readonly truths: number;
  predAreaOf(i: number): number;
  gtAreaOf(j: number): number;
  /** Intersection over union; with a crowd over the detection alone. */
  overlap(i: number, j: number, isCrowd: boolean): number;
}

interface Truth {
  readonly area: number;
  readonly crowd: boolean;
  /** Its column among the overlaps. */
  readonly at: number;
}
interface Detection {
  readonly score: number;
  readonly area: number;
  /** The overlaps with the truths of its scene. */
  readonly overlaps: Float64Array;
}
/** Ground truth and detections of one class in one image, detections by descending score. */
interface Scene {
  readonly truths: readonly Truth[];
  readonly detections: readonly Detection[];
}

/** @throws BboxFormatError unless every list that is given has an entry an image. */
export function checkCocoLists(
  where: string,
  images: number,
  lists: Readonly<Record<string, ArrayLike<unknown> | null | undefined>>,
): void {
  for (const [name, list] of Object.entries(lists)) {
    if (list !== null && list?.length !== images)
      throw new BboxFormatError(where, `${images} entries in ${name}`, String(list?.length));
  }
}

/** @throws BboxFormatError where an entry of an image has not one value each. */
export function cocoResultOf(images: readonly CocoImage[], where: string): CocoResult {
  const classes = new Map<number, Scene[]>();
  for (const [n, image] of images.entries()) {
    const { predictions, truths, predLabel, predScore, gtLabel, gtArea, gtCrowded } = image;
    const named = (lists: Readonly<Record<string, ArrayLike<unknown> | null>>) =>
      Object.fromEntries(Object.entries(lists).map(([name, list]) => [`${name}[${n}]`, list]));
    checkCocoLists(where, predictions, named({ predLabels: predLabel, predScores: predScore }));
    checkCocoLists(where, truths, named({ gtLabels: gtLabel, gtAreas: gtArea, gtCrowdeds: gtCrowded }));
    for (const [label, scene] of scenesOf(image)) classes.set(label, [...(classes.get(label) ?? []), scene]);
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
    arSmall: measure('recall', 'small', 100, IOU_THRESHOLDS),
    arMedium: measure('recall', 'medium', 100, IOU_THRESHOLDS),
    arLarge: measure('recall', 'large', 100, IOU_THRESHOLDS),
  };
}

/** The classes of an image. */
function scenesOf(image: CocoImage): Map<number, Scene> {
  const { predictions, truths, predLabel, predScore, gtLabel, gtArea, gtCrowded } = image;
  const having = (labels: NumberList, count: number, label: number) =>
    Array.from({ length: count }, (_, i) => i).filter((i) => labels[i] === label);
  const labels = new Set([...Array.from(gtLabel), ...Array.from(predLabel)]);
  const scene = (label: number): Scene => {
    const own = having(gtLabel, truths, label);
    const found = own.map((j, at): Truth => {
      return { area: gtArea?.[j] ?? image.gtAreaOf(j), crowd: Boolean(gtCrowded?.[j]), at };
    });
    const detections = having(predLabel, predictions, label)
      .map((i): Detection => {
        const overlaps = Float64Array.from(own, (j, at) => image.overlap(i, j, found[at]!.crowd));
        return { score: predScore[i]!, area: image.predAreaOf(i), overlaps };
      })
      .sort((a, b) => b.score - a.score);
    return { truths: found, detections };
  };
  return new Map(Array.from(labels, (label) => [label, scene(label)]));
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
        const iou = detection.overlaps[truth.at]!;
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
      // A detection that is matched with an ignored truth, or is unmatched and of another size itself, counts neither way.
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
