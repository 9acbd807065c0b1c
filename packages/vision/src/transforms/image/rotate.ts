import { checkOptions, roundHalfEven } from '@chaingrad/core';
import { VisionOptionError } from '../../errors.ts';
import { asFloat32, checkImage, type Image } from '../../image/image.ts';
import { type Fill, fillValues } from './paste.ts';
import { quarterTurns } from './random-rotate.ts';
import { cubic } from './resize-taps.ts';

export interface RotateOptions {
  /** Enlarge the canvas so that no corner is cut off (the default); otherwise it keeps the image's size. */
  readonly expand?: boolean;
  /** The colour outside the image: one value, or one for each channel. */
  readonly fill?: Fill;
  readonly interpolation?: 'nearest' | 'bilinear' | 'bicubic';
  /** Whose arithmetic. Default 'cv2'. */
  readonly backend?: 'cv2' | 'PIL';
}

type RotateInterpolation = NonNullable<RotateOptions['interpolation']>;
type RotateBackend = NonNullable<RotateOptions['backend']>;

/** How many neighbours a value is made of, from which one on, and their weights at a fraction of a pixel. */
interface Kernel {
  readonly taps: number;
  readonly first: number;
  weigh(fraction: number, weights: Float64Array): void;
}

const NEAREST: Kernel = { taps: 1, first: 0, weigh: (_, weights) => weights.fill(1) };
const BILINEAR: Kernel = { taps: 2, first: 0, weigh: (f, weights) => weights.set([1 - f, f]) };
const bicubic = (a: number): Kernel => ({
  taps: 4,
  first: -1,
  weigh(fraction, weights) {
    for (let t = 0; t < 4; t++) weights[t] = cubic(fraction + 1 - t, a);
  },
});

const KERNELS: Readonly<Record<RotateBackend, Readonly<Record<RotateInterpolation, Kernel>>>> = {
  cv2: { nearest: NEAREST, bilinear: BILINEAR, bicubic: bicubic(-0.75) },
  // Unlike its resizing.
  PIL: { nearest: NEAREST, bilinear: BILINEAR, bicubic: bicubic(-1) },
};

/** Where a pixel of the result lies in the image, in indices of its pixels. */
type Position = (v: number, u: number) => readonly [y: number, x: number];

interface Turn {
  readonly cos: number;
  readonly sin: number;
  readonly size: readonly [height: number, width: number];
  readonly outSize: readonly [height: number, width: number];
  readonly isNearest: boolean;
}

/** As OpenCV's `warpAffine`: of whole numbers, a 1024th of a pixel each, and then rounded to a 32nd, or to pixels. */
function openCvPosition({ cos, sin, size: [h, w], outSize: [outH, outW], isNearest }: Turn): Position {
  const shiftX = (1 - cos) * (w / 2) - sin * (h / 2) + (outW - w) / 2;
  const shiftY = sin * (w / 2) + (1 - cos) * (h / 2) + (outH - h) / 2;
  const [startX, startY] = [sin * shiftY - cos * shiftX, -sin * shiftX - cos * shiftY];
  const [bits, steps] = isNearest ? [10, 1] : [5, 32];
  const fixed = (value: number) => roundHalfEven(value * 1024);
  const half = 2 ** (bits - 1);
  return (v, u) => [
    ((fixed(cos * v + startY) + half + fixed(sin * u)) >> bits) / steps,
    ((fixed(-sin * v + startX) + half + fixed(cos * u)) >> bits) / steps,
  ];
}

/** As Pillow: pixels have their centres at halves. */
function pillowPosition({ cos, sin, size: [h, w], outSize: [outH, outW], isNearest }: Turn): Position {
  return (v, u) => {
    const [dy, dx] = [v + 0.5 - outH / 2, u + 0.5 - outW / 2];
    const [y, x] = [sin * dx + cos * dy + h / 2, cos * dx - sin * dy + w / 2];
    return isNearest ? [Math.floor(y), Math.floor(x)] : [y - 0.5, x - 0.5];
  };
}

/**
 * An image turned around its centre, counterclockwise.
 *
 * As in OpenCV the centre is at (W / 2, H / 2) in pixel indices, half a pixel off the middle, so that a turn by 90
 * degrees blends neighbours; the backend 'PIL', which has it in the middle, and `randomRotate` turn exactly then.
 * Chainer counterpart: `chainercv.transforms.rotate`, whose fill with cv2 colours the first channel only.
 *
 * @param angle in degrees.
 * @returns float32 values.
 */
export function rotate(img: Image, angle: number, options: RotateOptions = {}): Image<Float32Array> {
  const {
    expand = true,
    fill = 0,
    interpolation = 'bilinear',
    backend = 'cv2',
  } = checkOptions('rotate', options, {
    expand: 'boolean',
    fill: 'any',
    interpolation: ['nearest', 'bilinear', 'bicubic'],
    backend: ['cv2', 'PIL'],
  });
  checkImage(img, 'rotate');
  if (!Number.isFinite(angle)) throw new VisionOptionError('rotate', 'angle', 'a number of degrees', angle);
  const [height, width, channels] = img.shape;
  const outside = fillValues(fill, channels, 'rotate');
  const isPillow = backend === 'PIL';
  const quarters = (((angle / 90) % 4) + 4) % 4;
  if (isPillow && Number.isInteger(quarters) && (quarters % 2 === 0 || expand || height === width)) {
    const turned = quarterTurns(img, quarters, 'rotate');
    return { data: asFloat32(turned.data), shape: turned.shape };
  }
  const radians = (angle * Math.PI) / 180;
  // Pillow rounds, so that a right angle is one in spite of sin and cos.
  const exact = (value: number) => (isPillow ? Math.round(value * 1e15) / 1e15 : value);
  const [cos, sin] = [exact(Math.cos(radians)), exact(Math.sin(radians))];
  let outSize: readonly [number, number] = [height, width];
  if (expand) {
    const corners = [0, height].flatMap((y) => [0, width].map((x) => [y - height / 2, x - width / 2]));
    const span = (values: number[]) => Math.ceil(Math.max(...values)) - Math.floor(Math.min(...values));
    outSize = [
      span(corners.map(([y, x]) => cos * y! - sin * x! + height / 2)),
      span(corners.map(([y, x]) => sin * y! + cos * x! + width / 2)),
    ];
  }

  const data = asFloat32(img.data);
  const [outH, outW] = outSize;
  const isNearest = interpolation === 'nearest';
  const turn = { cos, sin, size: [height, width], outSize, isNearest } as const;
  const position = isPillow ? pillowPosition(turn) : openCvPosition(turn);
  const { taps, first, weigh } = KERNELS[backend][interpolation];
  const [down, across] = [new Float64Array(taps), new Float64Array(taps)];
  const clip = (i: number, length: number) => Math.max(0, Math.min(i, length - 1));
  // Pillow fills what lies wholly outside, and repeats the border elsewhere; OpenCV blends with the fill.
  const margin = isNearest ? 0 : 0.5;
  const out = new Float32Array(outH * outW * channels);
  for (let v = 0, o = 0; v < outH; v++) {
    for (let u = 0; u < outW; u++, o += channels) {
      const [y, x] = position(v, u);
      const isIn = y >= -margin && x >= -margin && y < height - margin && x < width - margin;
      if (isPillow && !isIn) {
        out.set(outside, o);
        continue;
      }
      const [top, left] = [Math.floor(y), Math.floor(x)];
      weigh(y - top, down);
      weigh(x - left, across);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let i = 0; i < taps; i++) {
          for (let k = 0; k < taps; k++) {
            let [row, column] = [top + first + i, left + first + k];
            if (isPillow) [row, column] = [clip(row, height), clip(column, width)];
            const isThere = row >= 0 && column >= 0 && row < height && column < width;
            const value = isThere ? data[(row * width + column) * channels + c]! : outside[c]!;
            sum += down[i]! * across[k]! * value;
          }
        }
        out[o + c] = sum;
      }
    }
  }
  return { data: out, shape: [outH, outW, channels] };
}
