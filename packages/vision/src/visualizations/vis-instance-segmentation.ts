import { checkOptions } from '@chaingrad/core';
import { BboxFormatError, MaskFormatError } from '../errors.ts';
import type { Image } from '../image/image.ts';
import type { NumberList } from '../utils/bbox/detections.ts';
import { maskToBbox } from '../utils/mask/mask-to-bbox.ts';
import { checkMasks, type Masks } from '../utils/mask/masks.ts';
import type { PixelContext } from './canvas.ts';
import { type Rgb, vocColormap } from './colormap.ts';
import { paint } from './paint.ts';
import { type VisBboxOptions, visBbox } from './vis-bbox.ts';
import { visImage } from './vis-image.ts';

export interface VisInstanceSegmentationOptions extends Omit<VisBboxOptions, 'lineWidth'> {
  /** The share of the masks' colours. Default 0.7. */
  readonly alpha?: number;
}

/**
 * Colours the objects of an image by their masks, with labels and scores.
 *
 * Each object has its own colour of PASCAL VOC's, unless `instanceColors` say otherwise. Chainer counterpart:
 * `chainercv.visualizations.vis_instance_segmentation`.
 *
 * ```ts
 * const { masks, labels, scores } = await maskRcnn.predict([img]);
 * visInstanceSegmentation(context, img, masks![0]!, labels[0]!, scores[0]!, { labelNames: cocoBboxLabelNames });
 * ```
 *
 * @param context of a canvas as large as the image, in a browser or of `@napi-rs/canvas`.
 * @param img the image, or null to draw on what the canvas shows.
 * @param mask R masks of the size of the image.
 * @param label R labels, or null.
 * @param score R scores, or null.
 * @throws MaskFormatError if the masks have another size; BboxFormatError if there is not one label or score a mask, or a label
 *   without a name.
 */
export function visInstanceSegmentation(
  context: PixelContext,
  img: Image | null,
  mask: Masks,
  label: NumberList | null = null,
  score: NumberList | null = null,
  options: VisInstanceSegmentationOptions = {},
): void {
  const where = 'visInstanceSegmentation';
  const { alpha = 0.7, ...rest } = checkOptions(where, options, {
    alpha: 'number',
    labelNames: 'object',
    instanceColors: 'object',
    sortByScore: 'boolean',
    fontSize: 'number',
    fontFamily: 'string',
  });
  const [count, height, width] = checkMasks(where, mask);
  const [h, w] = img === null ? [context.canvas.height, context.canvas.width] : img.shape;
  if (count > 0 && (height !== h || width !== w))
    throw new MaskFormatError(where, `masks of ${h} x ${w}`, `${height} x ${width}`);
  for (const [name, values] of Object.entries({ labels: label, scores: score }))
    if (values !== null && values.length !== count)
      throw new BboxFormatError(where, `${count} ${name}, one a mask`, `${values.length}`);
  const given = rest.instanceColors ?? [];
  const colors = Array.from(
    { length: count },
    (_, i): Rgb => (given.length > 0 ? given[i % given.length]! : vocColormap(i + 1)),
  );
  // The best last, over the others.
  const order = Array.from({ length: count }, (_, i) => i);
  if ((rest.sortByScore ?? true) && score !== null) order.sort((i, j) => score[i]! - score[j]! || j - i);
  if (img !== null) visImage(context, img);
  for (const i of order)
    paint(context, [height, width], alpha, (at) => (mask.data[i * height * width + at] ? colors[i]! : null));
  visBbox(context, null, maskToBbox(mask), label, score, { ...rest, instanceColors: colors, lineWidth: 0 });
}
