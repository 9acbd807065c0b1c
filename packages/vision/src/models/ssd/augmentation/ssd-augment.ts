import { checkOptions, defaultRandom, type OptionKinds } from '@chaingrad/core';
import type { DetectionExample } from '../../../datasets/index.ts';
import type { Image } from '../../../image/index.ts';
import { integerBetween, type Rng } from '../../../rng.ts';
import { fillValues } from '../../../transforms/image/paste.ts';
import { crop, cropBbox, type Fill, flip, flipBbox, translateBbox } from '../../../transforms/index.ts';
import {
  type BboxConstraintsOptions,
  randomCropWithBboxConstraints,
} from './random-crop-with-bbox-constraints.ts';
import { type RandomDistortOptions, randomDistort } from './random-distort.ts';
import { resizeWithRandomInterpolation } from './resize-with-random-interpolation.ts';

export interface SSDAugmentOptions {
  /** Height and width of the result in pixels. */
  readonly size: readonly [height: number, width: number];
  /** The colour around an image that was made smaller: usually the mean of the model. Default 0. */
  readonly fill?: Fill;
  /** Photometric distortion: brightness, contrast, saturation, hue. null leaves them as they are. */
  readonly distort?: RandomDistortOptions | null;
  /** Zoom-out: half of the images are put on a canvas up to so many times as high and wide. 1 for none. Default 4. */
  readonly maxExpand?: number;
  /** Random crops; null takes whole images. */
  readonly crop?: BboxConstraintsOptions | null;
  /** Mirror half of the images left to right. Default true. */
  readonly xFlip?: boolean;
  /** Mirror half of the images upside down, for things without an up. Default false. */
  readonly yFlip?: boolean;
}

/** Of all but `size`. */
export const augmentKinds: OptionKinds<Omit<SSDAugmentOptions, 'size'>> = {
  fill: 'any',
  distort: 'object | null',
  maxExpand: 'number',
  crop: 'object | null',
  xFlip: 'boolean',
  yFlip: 'boolean',
};

interface Window {
  readonly y: number;
  readonly x: number;
  readonly height: number;
  readonly width: number;
}

/**
 * SSD's data augmentation: photometric distortion, zoom-out on a larger canvas, a random crop, resizing to the network's size
 * with a random interpolation, and a random flip.
 *
 * The canvas is never made: the visible part of the image is cropped, resized and pasted in its place. The distortion comes after
 * that, so that it costs the pixels of the result and not of the photo. Difficult boxes are left out, as in ChainerCV. A crop
 * that would show no box is replaced by the whole canvas, where ChainerCV trains on the crop.
 * The same draws give the same result: pass a `Random` with a seed.
 *
 * Source: Liu et al., SSD (2016). Chainer counterpart: `Transform` of ChainerCV's example `ssd/train.py`.
 *
 * @returns the image, 0..255, and its boxes in pixels of it; `difficult` is all 0.
 */
export function ssdAugment(
  { img, bbox: allBoxes, label: allLabels, difficult }: DetectionExample,
  options: SSDAugmentOptions,
  rng: Rng = defaultRandom(),
): DetectionExample {
  const {
    size,
    fill = 0,
    distort = {},
    maxExpand = 4,
    crop: constraints = {},
    xFlip = true,
    yFlip = false,
  } = checkOptions('ssdAugment', options, { ...augmentKinds, size: 'object' });
  const [height, width] = img.shape;
  const easy = Array.from(allLabels, (_, i) => i).filter((i) => difficult[i] !== 1);
  const canvas = expanded(height, width, maxExpand, rng);
  const boxes = translateBbox(
    easy.flatMap((i) => [...allBoxes.subarray(4 * i, 4 * i + 4)]),
    { yOffset: canvas.y, xOffset: canvas.x },
  );

  let window: Window = { y: 0, x: 0, height: canvas.height, width: canvas.width };
  let bbox = boxes;
  let label = Int32Array.from(easy, (i) => allLabels[i]!);
  if (constraints !== null) {
    // The crop depends on shapes alone: an image without channels has a shape and costs nothing.
    const empty = { data: new Uint8Array(0), shape: [canvas.height, canvas.width, 0] as const };
    const { param } = randomCropWithBboxConstraints(empty, boxes, constraints, rng);
    const kept = cropBbox(boxes, { ...param, allowOutsideCenter: false });
    if (kept.index.length > 0) {
      const [[top, bottom], [left, right]] = [param.ySlice, param.xSlice];
      window = { y: top, x: left, height: bottom - top, width: right - left };
      bbox = kept.bbox;
      label = kept.index.map((i) => label[i]!);
    }
  }

  const [outHeight, outWidth] = size;
  const scale = [outHeight / window.height, outWidth / window.width];
  let out: Image<Float32Array> = draw(img, canvas, window, size, fill, distort, rng);
  bbox = bbox.map((value, k) => value * scale[k % 2]!);
  const mirror = { yFlip: yFlip && rng.integer(2) === 1, xFlip: xFlip && rng.integer(2) === 1 };
  if (mirror.yFlip || mirror.xFlip) {
    out = flip(out, mirror);
    bbox = flipBbox(bbox, size, mirror);
  }
  return { img: out, bbox, label, difficult: new Uint8Array(label.length) };
}

/** Where the image lies on a canvas: `y`, `x` of its corner, and the size of the canvas. */
function expanded(height: number, width: number, maxRatio: number, rng: Rng): Window {
  if (maxRatio <= 1 || rng.integer(2) === 0) return { y: 0, x: 0, height, width };
  const ratio = rng.uniform(1, maxRatio);
  const canvas = { height: Math.floor(height * ratio), width: Math.floor(width * ratio) };
  return {
    ...canvas,
    y: integerBetween(rng, 0, canvas.height - height),
    x: integerBetween(rng, 0, canvas.width - width),
  };
}

/** The `window` of a canvas with the image on it, resized to `size`. */
function draw(
  img: Image,
  canvas: Window,
  window: Window,
  [outHeight, outWidth]: readonly [number, number],
  fill: Fill,
  distort: RandomDistortOptions | null,
  rng: Rng,
): Image<Float32Array> {
  const [height, width, channels] = img.shape;
  const along = (at: number, length: number, from: number, extent: number, out: number) => {
    // The visible range of the image in its own pixels, then the range it covers in the result: one pixel or more.
    const first = Math.max(0, from - at);
    const last = Math.min(length, from + extent - at);
    const begin = Math.round(((first + at - from) * out) / extent);
    const end = Math.round(((last + at - from) * out) / extent);
    return {
      slice: [first, last] as const,
      begin: Math.min(begin, out - 1),
      count: Math.max(1, end - begin),
    };
  };
  const rows = along(canvas.y, height, window.y, window.height, outHeight);
  const columns = along(canvas.x, width, window.x, window.width, outWidth);
  const isWhole = rows.count === outHeight && columns.count === outWidth;
  const isVisible = rows.slice[1] > rows.slice[0] && columns.slice[1] > columns.slice[0];

  let seen: Image<Float32Array> | null = null;
  if (isVisible) {
    const source = crop(img, { ySlice: rows.slice, xSlice: columns.slice });
    seen = resizeWithRandomInterpolation(source, [rows.count, columns.count], rng).img;
    // Some interpolations overshoot.
    for (let i = 0; i < seen.data.length; i++) seen.data[i] = Math.min(255, Math.max(0, seen.data[i]!));
    if (distort !== null) seen = randomDistort(seen, distort, rng);
    if (isWhole) return seen;
  }
  const out = new Float32Array(outHeight * outWidth * channels);
  const colour = fillValues(fill, channels, 'ssdAugment');
  for (let i = 0; i < out.length; i++) out[i] = colour[i % channels]!;
  if (seen !== null) {
    const length = columns.count * channels;
    for (let y = 0; y < rows.count; y++) {
      const row = seen.data.subarray(y * length, (y + 1) * length);
      out.set(row, ((rows.begin + y) * outWidth + columns.begin) * channels);
    }
  }
  return { data: out, shape: [outHeight, outWidth, channels] };
}
