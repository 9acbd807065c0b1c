import { checkOptions } from '@chaingrad/core';
import type { NumberList } from '../utils/bbox/detections.ts';
import { areasOf, checkMasks, checkSameSize, intersection, type Masks } from '../utils/mask/masks.ts';
import { type CocoImage, type CocoResult, checkCocoLists, cocoResultOf } from './coco.ts';
import { type EvalDetectionCocoOptions, evalCocoKinds } from './eval-detection-coco.ts';

/**
 * Average precision and recall of masks as COCO measures them: as `evalDetectionCoco`, by the IoU of masks. Equal to pycocotools.
 *
 * Chainer counterpart: `chainercv.evaluations.eval_instance_segmentation_coco`.
 *
 * @param predMasks the masks that were found, one entry an image.
 * @throws BboxFormatError if the lists do not have one entry an image, or an entry not one value a mask; MaskFormatError when masks
 *   of an image differ in size.
 */
export function evalInstanceSegmentationCoco(
  predMasks: readonly Masks[],
  predLabels: readonly NumberList[],
  predScores: readonly NumberList[],
  gtMasks: readonly Masks[],
  gtLabels: readonly NumberList[],
  options: EvalDetectionCocoOptions = {},
): CocoResult {
  const where = 'evalInstanceSegmentationCoco';
  const { gtAreas = null, gtCrowdeds = null } = checkOptions(where, options, evalCocoKinds);
  checkCocoLists(where, gtMasks.length, { predMasks, predLabels, predScores, gtLabels, gtAreas, gtCrowdeds });
  return cocoResultOf(
    gtMasks.map((gtMask, n): CocoImage => {
      const predMask = predMasks[n]!;
      const [predictions] = checkMasks(`${where}(predMasks[${n}])`, predMask);
      const [truths] = checkMasks(`${where}(gtMasks[${n}])`, gtMask);
      if (predictions > 0 && truths > 0) checkSameSize(`${where}(predMasks[${n}])`, predMask, gtMask);
      const [found, there] = [areasOf(predMask), areasOf(gtMask)];
      return {
        predLabel: predLabels[n]!,
        predScore: predScores[n]!,
        gtLabel: gtLabels[n]!,
        gtArea: gtAreas?.[n] ?? null,
        gtCrowded: gtCrowdeds?.[n] ?? null,
        predictions,
        truths,
        predAreaOf: (i) => found[i]!,
        gtAreaOf: (j) => there[j]!,
        overlap(i, j, isCrowd) {
          const both = intersection(predMask, i, gtMask, j);
          return both === 0 ? 0 : both / (isCrowd ? found[i]! : found[i]! + there[j]! - both);
        },
      };
    }),
    where,
  );
}
