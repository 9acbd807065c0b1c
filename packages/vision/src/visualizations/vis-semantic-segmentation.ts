import { checkOptions } from '@chaingrad/core';
import { MaskFormatError } from '../errors.ts';
import type { Image } from '../image/image.ts';
import { checkLabelMap, type LabelMap } from '../utils/mask/label-map.ts';
import type { PixelContext } from './canvas.ts';
import { type Rgb, vocColormap } from './colormap.ts';
import { paint } from './paint.ts';
import { visImage } from './vis-image.ts';

export interface VisSemanticSegmentationOptions {
  /** The name of each label, for the legend. */
  readonly labelNames?: readonly string[];
  /** The colour of each label. Default PASCAL VOC's. */
  readonly labelColors?: readonly Rgb[];
  /** The colour of pixels with a negative label; null leaves them. Default black. */
  readonly ignoreLabelColor?: Rgb | null;
  /** The share of the colours: 0 shows the image only, 1 (default) the colours only. */
  readonly alpha?: number;
  /** Whether the legend has labels that do not occur, too. Default false. */
  readonly allLabelNamesInLegend?: boolean;
}

/** What a colour stands for. */
export interface LegendEntry {
  readonly label: number;
  /** The label's number where it has no name. */
  readonly name: string;
  readonly color: Rgb;
}

/**
 * Colours each pixel of an image by its class.
 *
 * Chainer counterpart: `chainercv.visualizations.vis_semantic_segmentation`.
 *
 * ```ts
 * const legend = visSemanticSegmentation(context, img, label, { labelNames: vocSemanticSegmentationLabelNames, alpha: 0.6 });
 * ```
 *
 * @param context of a canvas as large as the image, in a browser or of `@napi-rs/canvas`.
 * @param img the image, or null to draw on what the canvas shows.
 * @returns what the colours stand for, in the order of the labels.
 * @throws MaskFormatError if the image has another size, or a label no name or colour.
 */
export function visSemanticSegmentation(
  context: PixelContext,
  img: Image | null,
  label: LabelMap,
  options: VisSemanticSegmentationOptions = {},
): LegendEntry[] {
  const where = 'visSemanticSegmentation';
  const {
    labelNames,
    labelColors,
    ignoreLabelColor = [0, 0, 0],
    alpha = 1,
    allLabelNamesInLegend = false,
  } = checkOptions(where, options, {
    labelNames: 'object',
    labelColors: 'object',
    ignoreLabelColor: 'object | null',
    alpha: 'number',
    allLabelNamesInLegend: 'boolean',
  });
  const size = checkLabelMap(where, label);
  if (img !== null && (img.shape[0] !== size[0] || img.shape[1] !== size[1]))
    throw new MaskFormatError(where, `a label map of ${img.shape[0]} x ${img.shape[1]}`, size.join(' x '));
  const colors = new Map<number, Rgb>();
  const colorOf = (l: number): Rgb => {
    const known = colors.get(l);
    if (known !== undefined) return known;
    const color = labelColors === undefined ? vocColormap(l) : labelColors[l];
    if (color === undefined)
      throw new MaskFormatError(where, `labels below ${labelColors!.length}, one for each colour`, `${l}`);
    colors.set(l, color);
    return color;
  };
  const nameOf = (l: number): string => {
    if (labelNames === undefined) return String(l);
    const name = labelNames[l];
    if (name === undefined)
      throw new MaskFormatError(where, `labels below ${labelNames.length}, one for each name`, `${l}`);
    return name;
  };
  const present = new Set(label.data);
  const shown = [...present].filter((l) => l >= 0).sort((a, b) => a - b);
  const listed = allLabelNamesInLegend && labelNames !== undefined ? [...labelNames.keys()] : shown;
  const legend = listed.map((l) => ({ label: l, name: nameOf(l), color: colorOf(l) }));
  for (const l of shown) colorOf(l);
  if (img !== null) visImage(context, img);
  paint(context, size, alpha, (i) => {
    const l = label.data[i]!;
    return l < 0 ? ignoreLabelColor : colors.get(l)!;
  });
  return legend;
}
