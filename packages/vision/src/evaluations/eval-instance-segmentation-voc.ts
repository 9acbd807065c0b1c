import { checkOptions } from '@chaingrad/core';
import type { NumberList } from '../utils/bbox/detections.ts';
import { maskIou } from '../utils/mask/mask-iou.ts';
import { checkMasks, type Masks, takeMasks } from '../utils/mask/masks.ts';
import {
  calcDetectionVocAp,
  checkImageLengths,
  checkLengths,
  type DetectionPrecRec,
  type DetectionVocResult,
  type EvalDetectionVocOptions,
  evalVocKinds,
  meanWithoutNaN,
  precRecOf,
  type VocImage,
} from './eval-detection-voc.ts';

const where = 'evalInstanceSegmentationVoc';

/**
 * Precision and recall of masks, class by class: as of boxes, by the IoU of masks.
 *
 * Chainer counterpart: `chainercv.evaluations.calc_instance_segmentation_voc_prec_rec`.
 *
 * @param predMasks the masks that were found, one entry an image.
 * @throws BboxFormatError if the lists do not have one entry an image, or an entry not one value a mask; MaskFormatError when masks
 *   of an image differ in size.
 */
export function calcInstanceSegmentationVocPrecRec(
  predMasks: readonly Masks[],
  predLabels: readonly NumberList[],
  predScores: readonly NumberList[],
  gtMasks: readonly Masks[],
  gtLabels: readonly NumberList[],
  iouThresh = 0.5,
): DetectionPrecRec {
  checkLengths(where, 'images', gtMasks.length, { predMasks, predLabels, predScores, gtLabels });
  return precRecOf(
    gtMasks.map((gtMask, n): VocImage => {
      const predMask = predMasks[n]!;
      const image = {
        predLabel: predLabels[n]!,
        predScore: predScores[n]!,
        gtLabel: gtLabels[n]!,
        gtDifficult: null,
      };
      const [predictions] = checkMasks(`${where}(predMasks[${n}])`, predMask);
      const [truths] = checkMasks(`${where}(gtMasks[${n}])`, gtMask);
      checkImageLengths(where, 'masks', n, predictions, truths, image);
      const iou = (predicted: readonly number[], actual: readonly number[]) =>
        predicted.length === 0 || actual.length === 0
          ? new Float64Array()
          : maskIou(takeMasks(predMask, predicted), takeMasks(gtMask, actual));
      return { ...image, iou };
    }),
    iouThresh,
  );
}

/**
 * Average precision of masks as PASCAL VOC measures that of boxes.
 *
 * Chainer counterpart: `chainercv.evaluations.eval_instance_segmentation_voc`.
 *
 * ```ts
 * const { masks, labels, scores } = await maskRcnn.predict(images);
 * const { map } = evalInstanceSegmentationVoc(masks!, labels, scores, gtMasks, gtLabels);
 * ```
 *
 * @param predMasks the masks that were found, one entry an image.
 * @throws as `calcInstanceSegmentationVocPrecRec`.
 */
export function evalInstanceSegmentationVoc(
  predMasks: readonly Masks[],
  predLabels: readonly NumberList[],
  predScores: readonly NumberList[],
  gtMasks: readonly Masks[],
  gtLabels: readonly NumberList[],
  options: EvalDetectionVocOptions = {},
): DetectionVocResult {
  const { iouThresh = 0.5, use07Metric = false } = checkOptions(where, options, evalVocKinds);
  const { prec, rec } = calcInstanceSegmentationVocPrecRec(
    predMasks,
    predLabels,
    predScores,
    gtMasks,
    gtLabels,
    iouThresh,
  );
  const ap = calcDetectionVocAp(prec, rec, use07Metric);
  return { ap, map: meanWithoutNaN(ap) };
}
