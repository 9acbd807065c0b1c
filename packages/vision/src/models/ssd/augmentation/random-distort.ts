import { checkOptions, defaultRandom } from '@chaingrad/core';
import { VisionOptionError } from '../../../errors.ts';
import { checkImage, type Image } from '../../../image/image.ts';
import { integerBetween, type Rng } from '../../../rng.ts';
import { hsvToRgb, rgbToHsv } from './hsv.ts';

export interface RandomDistortOptions {
  /** Brightness changes by up to so much, in 0..255. */
  readonly brightnessDelta?: number;
  readonly contrastLow?: number;
  readonly contrastHigh?: number;
  readonly saturationLow?: number;
  readonly saturationHigh?: number;
  /** Hue changes by up to so many half degrees. */
  readonly hueDelta?: number;
}

/**
 * Photometric distortion: an image with randomly changed brightness, contrast, saturation and hue, each in half of the cases.
 *
 * Contrast comes before saturation and hue, or after them. The work is done on bytes, so that the result has whole
 * numbers in 0..255. Source: Liu et al., SSD (2016). Chainer counterpart: `random_distort` of `chainercv.links.model.ssd`.
 *
 * @param img RGB, 0..255; fractions are cut off.
 * @throws VisionOptionError if the image has not three channels.
 */
export function randomDistort(
  img: Image,
  options: RandomDistortOptions = {},
  rng: Rng = defaultRandom(),
): Image<Float32Array> {
  const {
    brightnessDelta = 32,
    contrastLow = 0.5,
    contrastHigh = 1.5,
    saturationLow = 0.5,
    saturationHigh = 1.5,
    hueDelta = 18,
  } = checkOptions('randomDistort', options, {
    brightnessDelta: 'number',
    contrastLow: 'number',
    contrastHigh: 'number',
    saturationLow: 'number',
    saturationHigh: 'number',
    hueDelta: 'number',
  });
  checkImage(img, 'randomDistort');
  if (img.shape[2] !== 3) {
    throw new VisionOptionError(
      'randomDistort',
      'img',
      'an RGB image of shape [height, width, 3]',
      img.shape,
    );
  }
  const pixels = new Uint8Array(img.data);
  const happens = () => rng.integer(2) === 1;

  const contrast = () => {
    if (happens()) adjust(pixels, 0, 1, rng.uniform(contrastLow, contrastHigh), 0);
  };
  const saturation = () => {
    if (!happens()) return;
    const factor = rng.uniform(saturationLow, saturationHigh);
    rgbToHsv(pixels);
    adjust(pixels, 1, 3, factor, 0);
    hsvToRgb(pixels);
  };
  const hue = () => {
    if (!happens()) return;
    const shift = integerBetween(rng, -hueDelta, hueDelta);
    rgbToHsv(pixels);
    replace(pixels, 0, 3, (v) => (((v + shift) % 180) + 180) % 180);
    hsvToRgb(pixels);
  };

  if (happens()) adjust(pixels, 0, 1, 1, rng.uniform(-brightnessDelta, brightnessDelta));
  if (happens()) {
    contrast();
    saturation();
    hue();
  } else {
    saturation();
    hue();
    contrast();
  }
  return { data: new Float32Array(pixels), shape: img.shape };
}

/** Every `step`-th byte becomes v * alpha + beta, limited to 0..255 and cut to a whole number. */
function adjust(pixels: Uint8Array, start: number, step: number, alpha: number, beta: number): void {
  replace(pixels, start, step, (v) => Math.min(255, Math.max(0, v * alpha + beta)));
}

/** Every `step`-th byte becomes what `change` makes of it, which is asked once for each of the 256. */
function replace(pixels: Uint8Array, start: number, step: number, change: (v: number) => number): void {
  const changed = Uint8Array.from({ length: 256 }, (_, v) => change(v));
  for (let i = start; i < pixels.length; i += step) pixels[i] = changed[pixels[i]!]!;
}
