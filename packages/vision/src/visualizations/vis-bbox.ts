import { checkOptions } from '@chaingrad/core';
import { BboxFormatError } from '../errors.ts';
import type { Image } from '../image/image.ts';
import { countBoxes } from '../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../utils/bbox/detections.ts';
import type { CanvasContext } from './canvas.ts';
import { labelColor, type Rgb } from './colormap.ts';
import { visImage } from './vis-image.ts';

export interface VisBboxOptions {
  /** The name of each label; without it only scores are written. */
  readonly labelNames?: readonly string[];
  /** A colour for each box, from the first again where there are fewer; without it each label has its own. */
  readonly instanceColors?: readonly Rgb[];
  /** Draw the best box last, over the others (the default). */
  readonly sortByScore?: boolean;
  /** In pixels, 0 for none; without it it grows with the image. */
  readonly lineWidth?: number;
  /** Height of the letters in pixels; without it it grows with the image. */
  readonly fontSize?: number;
  /** CSS names of fonts, the preferred one first. */
  readonly fontFamily?: string;
}

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The smallest letters that can be read. */
const MIN_FONT = 9;

const css = ([r, g, b]: Rgb): string => `rgb(${r}, ${g}, ${b})`;

/** Black on light colours, white on dark ones (relative luminance as in WCAG, without its gamma). */
const inkOn = ([r, g, b]: Rgb): string => (0.299 * r + 0.587 * g + 0.114 * b > 140 ? 'black' : 'white');

const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/**
 * Draws boxes with their labels and scores on an image.
 *
 * Every box has a filled tag with name and score: above it, or where that is outside the image or on the tag of a better
 * box, inside or below it. Tags never leave the image. Chainer counterpart: `chainercv.visualizations.vis_bbox`.
 *
 * ```ts
 * const canvas = document.querySelector('canvas')!;
 * visBbox(canvas.getContext('2d')!, img, bbox, label, score, { labelNames: vocBboxLabelNames });
 * ```
 *
 * @param context of a canvas as large as the image, in a browser or of `@napi-rs/canvas`.
 * @param img the image, or null to draw on what the canvas shows.
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax) in pixels.
 * @param label R labels, or null.
 * @param score R scores, or null.
 * @throws BboxFormatError if there is not one label or score a box, or a label without a name.
 */
export function visBbox(
  context: CanvasContext,
  img: Image | null,
  bbox: NumberList,
  label: NumberList | null = null,
  score: NumberList | null = null,
  options: VisBboxOptions = {},
): void {
  const {
    labelNames,
    instanceColors,
    sortByScore = true,
    lineWidth,
    fontSize,
    fontFamily = '"DejaVu Sans", Verdana, Helvetica, sans-serif',
  } = checkOptions(
    'visBbox',
    options,
    {
      labelNames: 'object',
      instanceColors: 'object',
      sortByScore: 'boolean',
      lineWidth: 'number',
      fontSize: 'number',
      fontFamily: 'string',
    },
    { linewidth: 'lineWidth' },
  );
  const count = countBoxes(bbox, 'visBbox');
  checkCount('labels', label, count);
  checkCount('scores', score, count);
  const captions = Array.from({ length: count }, (_, i) => caption(label?.[i], score?.[i], labelNames));

  if (img !== null) visImage(context, img);
  const [height, width] = img === null ? [context.canvas.height, context.canvas.width] : img.shape;
  const short = Math.min(height, width);
  const line = lineWidth ?? Math.max(1, Math.round(short / 200));
  const font = fontSize ?? Math.max(MIN_FONT, Math.round(short / 30));

  const color = (i: number): Rgb =>
    instanceColors !== undefined && instanceColors.length > 0
      ? instanceColors[i % instanceColors.length]!
      : labelColor(label?.[i] ?? 0);
  // The best first: it chooses the place of its tag first, and is drawn last.
  const order = Array.from({ length: count }, (_, i) => i);
  if (sortByScore && score !== null) order.sort((i, j) => score[j]! - score[i]! || i - j);
  else order.reverse();

  context.save();
  context.textBaseline = 'alphabetic';
  context.textAlign = 'left';
  context.lineJoin = 'miter';
  const tags: { i: number; rect: Rect; font: string; size: number }[] = [];
  for (const i of order) {
    if (captions[i] === '') continue;
    const text = fitText(context, captions[i]!, font, fontFamily, width);
    const box = boxRect(bbox, i);
    const taken = tags.map((tag) => tag.rect);
    tags.push({ i, rect: placeTag(text, box, line, width, height, taken), font: text.font, size: text.size });
  }
  for (const i of order.toReversed()) {
    const { x, y, width: w, height: h } = boxRect(bbox, i);
    const [left, top] = [snap(x, line), snap(y, line)];
    context.strokeStyle = css(color(i));
    context.lineWidth = line;
    if (line > 0) context.strokeRect(left, top, snap(x + w, line) - left, snap(y + h, line) - top);
  }
  for (const { i, rect, font: fontText, size } of tags.toReversed()) {
    context.fillStyle = css(color(i));
    context.fillRect(rect.x, rect.y, rect.width, rect.height);
    context.fillStyle = inkOn(color(i));
    context.font = fontText;
    context.fillText(captions[i]!, rect.x + size * 0.3, rect.y + size * 1.05);
  }
  context.restore();
}

/** The nearest place where a line covers whole pixels, and is not smeared over two half covered ones. */
const snap = (at: number, line: number): number => Math.round(at - (line % 2) / 2) + (line % 2) / 2;

function checkCount(what: string, values: NumberList | null, count: number): void {
  if (values !== null && values.length !== count) {
    throw new BboxFormatError('visBbox', `${count} ${what}, one a box`, `${values.length}`);
  }
}

function caption(
  label: number | undefined,
  score: number | undefined,
  names: readonly string[] | undefined,
): string {
  const parts: string[] = [];
  if (label !== undefined && names !== undefined) {
    const name = names[label];
    if (name === undefined) {
      throw new BboxFormatError(
        'visBbox',
        `labels in [0, ${names.length}), one for each name`,
        `label ${label}`,
      );
    }
    parts.push(name);
  }
  if (score !== undefined) parts.push(score.toFixed(2));
  return parts.join(': ');
}

const boxRect = (bbox: NumberList, i: number): Rect => ({
  x: bbox[4 * i + 1]!,
  y: bbox[4 * i]!,
  width: bbox[4 * i + 3]! - bbox[4 * i + 1]!,
  height: bbox[4 * i + 2]! - bbox[4 * i]!,
});

interface FittedText {
  readonly font: string;
  readonly size: number;
  readonly width: number;
}

/** Smaller letters where the text is wider than the image. */
function fitText(
  context: CanvasContext,
  text: string,
  size: number,
  family: string,
  limit: number,
): FittedText {
  const measure = (px: number) => {
    context.font = `${px}px ${family}`;
    return { font: context.font, size: px, width: context.measureText(text).width + px * 0.6 };
  };
  const wanted = measure(size);
  if (wanted.width <= limit) return wanted;
  return measure(Math.max(MIN_FONT, Math.floor((size * limit) / wanted.width)));
}

/** The first free place of a tag: above the box, inside its top, below it, inside its bottom. */
function placeTag(
  text: FittedText,
  box: Rect,
  line: number,
  width: number,
  height: number,
  taken: readonly Rect[],
): Rect {
  const tagHeight = Math.ceil(text.size * 1.4);
  const within = (value: number, limit: number) => Math.max(0, Math.min(value, limit));
  const at = (y: number): Rect => ({
    x: within(Math.round(box.x - line / 2), width - text.width),
    y: within(Math.round(y), height - tagHeight),
    width: text.width,
    height: tagHeight,
  });
  const above = box.y - line / 2 - tagHeight;
  const bottom = box.y + box.height;
  const places: Rect[] = [];
  if (above >= 0) places.push(at(above));
  places.push(at(box.y + line / 2));
  if (bottom + line / 2 + tagHeight <= height) places.push(at(bottom + line / 2));
  places.push(at(bottom - line / 2 - tagHeight));
  return places.find((place) => !taken.some((other) => overlap(place, other))) ?? places[0]!;
}
