import { checkOptions } from '@chaingrad/core';
import { VisionOptionError } from '../../errors.ts';
import { asFloat32, checkImage, type Image } from '../../image/image.ts';
import { type Fill, fillValues } from './paste.ts';

export interface RotateOptions {
  /** Enlarge the canvas so that no corner is cut off (the default); otherwise it keeps the image's size. */
  readonly expand?: boolean;
  /** The colour outside the image: one value, or one for each channel. */
  readonly fill?: Fill;
  readonly interpolation?: 'nearest' | 'bilinear';
}

/**
 * An image turned around its centre, counterclockwise.
 *
 * As in OpenCV the centre is at (W / 2, H / 2) in pixel indices, half a pixel off the middle, so that a turn by 90
 * degrees blends neighbours; `randomRotate` turns exactly. Chainer counterpart: `chainercv.transforms.rotate` with cv2.
 *
 * @param angle in degrees.
 * @returns float32 values.
 */
export function rotate(img: Image, angle: number, options: RotateOptions = {}): Image<Float32Array> {
  const {
    expand = true,
    fill = 0,
    interpolation = 'bilinear',
  } = checkOptions('rotate', options, {
    expand: 'boolean',
    fill: 'any',
    interpolation: ['nearest', 'bilinear'],
  });
  checkImage(img, 'rotate');
  if (!Number.isFinite(angle)) throw new VisionOptionError('rotate', 'angle', 'a number of degrees', angle);
  const [height, width, channels] = img.shape;
  const radians = (angle * Math.PI) / 180;
  const cos = Math.cos(radians);
  const sin = Math.sin(radians);
  const centreY = height / 2;
  const centreX = width / 2;
  // Where a point of the image lands, y down: (x, y) -> (cos x + sin y, -sin x + cos y) around the centre.
  const landing = (y: number, x: number) => ({
    y: -sin * (x - centreX) + cos * (y - centreY) + centreY,
    x: cos * (x - centreX) + sin * (y - centreY) + centreX,
  });
  let outH = height;
  let outW = width;
  if (expand) {
    const corners = [landing(0, 0), landing(height, 0), landing(height, width), landing(0, width)];
    const span = (values: number[]) => Math.ceil(Math.max(...values)) - Math.floor(Math.min(...values));
    outH = span(corners.map((p) => p.y));
    outW = span(corners.map((p) => p.x));
  }

  const data = asFloat32(img.data);
  const outside = fillValues(fill, channels, 'rotate');
  const at = (y: number, x: number, c: number): number =>
    y < 0 || x < 0 || y >= height || x >= width ? outside[c]! : data[(y * width + x) * channels + c]!;
  const out = new Float32Array(outH * outW * channels);
  for (let v = 0, o = 0; v < outH; v++) {
    for (let u = 0; u < outW; u++) {
      const dy = v - outH / 2;
      const dx = u - outW / 2;
      // Positions are rounded to 1/32 pixel, as OpenCV does: a right angle stays one in spite of sin and cos.
      const y = Math.round((sin * dx + cos * dy + centreY) * 32) / 32;
      const x = Math.round((cos * dx - sin * dy + centreX) * 32) / 32;
      if (interpolation === 'nearest') {
        for (let c = 0; c < channels; c++) out[o++] = at(Math.round(y), Math.round(x), c);
        continue;
      }
      const y0 = Math.floor(y);
      const x0 = Math.floor(x);
      const fy = y - y0;
      const fx = x - x0;
      for (let c = 0; c < channels; c++) {
        const top = at(y0, x0, c) * (1 - fx) + at(y0, x0 + 1, c) * fx;
        const bottom = at(y0 + 1, x0, c) * (1 - fx) + at(y0 + 1, x0 + 1, c) * fx;
        out[o++] = top * (1 - fy) + bottom * fy;
      }
    }
  }
  return { data: out, shape: [outH, outW, channels] };
}
