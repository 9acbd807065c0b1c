import { checkOptions, type OptionKinds } from '@chaingrad/core';
import { countBoxes } from '../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../utils/bbox/detections.ts';
import { type CocoResult, checkCocoLists, cocoResultOf } from './coco.ts';

export interface EvalDetectionCocoOptions {
  /** Area of each ground truth in square pixels, one list an image; without it its box's or mask's. Only the size ranges look at it. */
  readonly gtAreas?: readonly NumberList[] | null;
  /** Whether a ground truth stands for a crowd: it may be found any number of times and counts for nothing. */
  readonly gtCrowdeds?: readonly ArrayLike<number | boolean>[] | null;
}

export const evalCocoKinds: OptionKinds<EvalDetectionCocoOptions> = {
  gtAreas: 'object | null',
  gtCrowdeds: 'object | null',
};

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
): CocoResult {
  const where = 'evalDetectionCoco';
  const { gtAreas = null, gtCrowdeds = null } = checkOptions(where, options, evalCocoKinds);
  const lists = { predBboxes, predLabels, predScores, gtLabels, gtAreas, gtCrowdeds };
  checkCocoLists(where, gtBboxes.length, lists);
  return cocoResultOf(
    gtBboxes.map((gtBbox, n) => {
      const predBbox = predBboxes[n]!;
      const image = {
        predLabel: predLabels[n]!,
        predScore: predScores[n]!,
        gtLabel: gtLabels[n]!,
        gtArea: gtAreas?.[n] ?? null,
        gtCrowded: gtCrowdeds?.[n] ?? null,
        predictions: countBoxes(predBbox, `${where}(predBboxes[${n}])`),
        truths: countBoxes(gtBbox, `${where}(gtBboxes[${n}])`),
      };
      const [found, there] = [boxesOf(predBbox), boxesOf(gtBbox)];
      return {
        ...image,
        predAreaOf: (i) => found[i]!.area,
        gtAreaOf: (j) => there[j]!.area,
        overlap: (i, j, isCrowd) => overlap(found[i]!, there[j]!, isCrowd),
      };
    }),
    where,
  );
}

interface Box {
  readonly y0: number;
  readonly x0: number;
  readonly y1: number;
  readonly x1: number;
  readonly area: number;
}

const boxesOf = (bbox: NumberList): Box[] =>
  Array.from({ length: bbox.length / 4 }, (_, i) => {
    const [y0, x0, y1, x1] = [bbox[4 * i]!, bbox[4 * i + 1]!, bbox[4 * i + 2]!, bbox[4 * i + 3]!];
    return { y0, x0, y1, x1, area: (y1 - y0) * (x1 - x0) };
  });

/** Intersection over union; with a crowd over the detection alone, which may be a part of it. */
function overlap(detection: Box, truth: Box, isCrowd: boolean): number {
  const h = Math.min(detection.y1, truth.y1) - Math.max(detection.y0, truth.y0);
  const w = Math.min(detection.x1, truth.x1) - Math.max(detection.x0, truth.x0);
  if (!(h > 0 && w > 0)) return 0;
  return (h * w) / (isCrowd ? detection.area : detection.area + truth.area - h * w);
}
