import { checkOptions, type OptionKinds } from '@chaingrad/core';
import { VisionOptionError } from '../../errors.ts';
import { asFloat32, checkImage, type Image } from '../../image/image.ts';
import { type Interpolation, openCvTaps, pillowTaps, type Taps, tensorFlowTaps } from './resize-taps.ts';

/**
 * Whose arithmetic: OpenCV's, which ChainerCV prefers and its models were trained with, Pillow's, or TensorFlow's without
 * half-pixel centres (`tf.image.resizeBilinear` of tfjs, `tf.image.resize` of TensorFlow 1).
 */
export type ResizeBackend = 'cv2' | 'PIL' | 'tf';

export interface ResizeOptions {
  readonly interpolation?: Interpolation;
  /** cv2 and PIL agree when an image grows; when it shrinks only PIL averages over all pixels. tf knows nearest and bilinear. */
  readonly backend?: ResizeBackend;
}

export const resizeKinds: OptionKinds<ResizeOptions> = { interpolation: 'any', backend: 'any' };

const ALL: readonly Interpolation[] = ['nearest', 'bilinear', 'area', 'bicubic', 'lanczos'];

/** The interpolations of each backend. */
const INTERPOLATIONS: Readonly<Record<ResizeBackend, readonly Interpolation[]>> = {
  cv2: ALL,
  PIL: ALL,
  tf: ['nearest', 'bilinear'],
};

/**
 * An image stretched to a size; the aspect ratio is not kept.
 *
 * Pixel centres are at half integers, but for the backend `tf`. Bicubic and Lanczos overshoot the range of the values, as they do for float images
 * in ChainerCV. Chainer counterpart: `chainercv.transforms.resize`.
 *
 * @param img (H, W, C), any number of channels.
 * @param size [height, width] in pixels.
 * @returns float32 values, also for integer images.
 * @throws VisionOptionError for a size that is not positive or an unknown interpolation or backend.
 */
export function resize(
  img: Image,
  size: readonly [height: number, width: number],
  options: ResizeOptions = {},
): Image<Float32Array> {
  const { interpolation = 'bilinear', backend = 'cv2' } = checkOptions('resize', options, resizeKinds);
  checkImage(img, 'resize');
  const [inH, inW, channels] = img.shape;
  const [outH, outW] = size;
  if (!(Number.isInteger(outH) && outH > 0 && Number.isInteger(outW) && outW > 0)) {
    throw new VisionOptionError('resize', 'size', 'two positive whole numbers [height, width]', size);
  }
  if (!Object.hasOwn(INTERPOLATIONS, backend)) {
    throw new VisionOptionError('resize', 'backend', "'cv2', 'PIL' or 'tf'", backend);
  }
  const known = INTERPOLATIONS[backend];
  if (!known.includes(interpolation)) {
    throw new VisionOptionError(
      'resize',
      'interpolation',
      `one of ${known.join(', ')} for '${backend}'`,
      interpolation,
    );
  }
  if (inH === 0 || inW === 0) {
    throw new VisionOptionError('resize', 'img', 'an image with at least one pixel', img.shape);
  }
  // Every kind gives each pixel itself then.
  if (outH === inH && outW === inW)
    return { data: new Float32Array(img.data), shape: [outH, outW, channels] };
  // OpenCV averages areas only where both axes shrink.
  const grows = outH > inH || outW > inW;
  const kind = interpolation === 'area' && grows ? 'enlargeArea' : interpolation;
  const taps = (from: number, to: number): Taps => {
    if (backend === 'cv2') return openCvTaps(from, to, kind);
    if (backend === 'PIL') return pillowTaps(from, to, interpolation);
    return tensorFlowTaps(from, to, interpolation === 'nearest' ? 'nearest' : 'bilinear');
  };
  const rows = taps(inH, outH);
  const columns = taps(inW, outW);
  const data = asFloat32(img.data);
  const twoTaps = backend !== 'PIL' && (kind === 'bilinear' || kind === 'enlargeArea');
  const out = twoTaps
    ? interpolateLinearly(data, inW, channels, rows, columns)
    : sumRows(sumColumns(data, inW, channels, columns), outW * channels, rows);
  return { data: out, shape: [outH, outW, channels] };
}

/** Both axes at once, for exactly two taps each: what every prediction does first. */
function interpolateLinearly(
  data: Float32Array,
  width: number,
  channels: number,
  rows: Taps,
  columns: Taps,
): Float32Array {
  const outH = rows.first.length - 1;
  const outW = columns.first.length - 1;
  const out = new Float32Array(outH * outW * channels);
  const offset = columns.index.map((x) => x * channels);
  for (let y = 0, o = 0; y < outH; y++) {
    const upper = rows.index[2 * y]! * width * channels;
    const lower = rows.index[2 * y + 1]! * width * channels;
    const down = rows.weight[2 * y + 1]!;
    for (let x = 0; x < outW; x++) {
      const left = offset[2 * x]!;
      const right = offset[2 * x + 1]!;
      const across = columns.weight[2 * x + 1]!;
      for (let c = 0; c < channels; c++, o++) {
        const a = data[upper + left + c]!;
        const b = data[lower + left + c]!;
        const top = a + (data[upper + right + c]! - a) * across;
        const bottom = b + (data[lower + right + c]! - b) * across;
        out[o] = top + (bottom - top) * down;
      }
    }
  }
  return out;
}

/** Weighted sums along each row. */
function sumColumns(data: Float32Array, width: number, channels: number, taps: Taps): Float32Array {
  const { first, index, weight } = taps;
  const height = data.length / (width * channels || 1);
  const outW = first.length - 1;
  const out = new Float32Array(height * outW * channels);
  const offset = index.map((x) => x * channels);
  for (let y = 0, o = 0; y < height; y++) {
    const row = y * width * channels;
    for (let x = 0; x < outW; x++) {
      const from = first[x]!;
      const to = first[x + 1]!;
      // Three at a time, as pictures have them: this loop is most of an augmentation.
      let c = 0;
      for (; c + 3 <= channels; c += 3, o += 3) {
        let r = 0;
        let g = 0;
        let b = 0;
        for (let t = from; t < to; t++) {
          const w = weight[t]!;
          const at = row + offset[t]! + c;
          r += w * data[at]!;
          g += w * data[at + 1]!;
          b += w * data[at + 2]!;
        }
        out[o] = r;
        out[o + 1] = g;
        out[o + 2] = b;
      }
      for (; c < channels; c++, o++) {
        let sum = 0;
        for (let t = from; t < to; t++) sum += weight[t]! * data[row + offset[t]! + c]!;
        out[o] = sum;
      }
    }
  }
  return out;
}

/** Weighted sums of whole rows of `length` values. */
function sumRows(data: Float32Array, length: number, { first, index, weight }: Taps): Float32Array {
  const outH = first.length - 1;
  const out = new Float32Array(outH * length);
  const sums = new Float64Array(length);
  for (let y = 0; y < outH; y++) {
    sums.fill(0);
    let t = first[y]!;
    // Four at a time: the sums are read and written less often.
    for (; t + 4 <= first[y + 1]!; t += 4) {
      const [w0, w1, w2, w3] = [weight[t]!, weight[t + 1]!, weight[t + 2]!, weight[t + 3]!];
      const r0 = index[t]! * length;
      const r1 = index[t + 1]! * length;
      const r2 = index[t + 2]! * length;
      const r3 = index[t + 3]! * length;
      for (let x = 0; x < length; x++)
        sums[x] =
          sums[x]! + w0 * data[r0 + x]! + w1 * data[r1 + x]! + w2 * data[r2 + x]! + w3 * data[r3 + x]!;
    }
    for (; t < first[y + 1]!; t++) {
      const w = weight[t]!;
      const row = index[t]! * length;
      for (let x = 0; x < length; x++) sums[x]! += w * data[row + x]!;
    }
    out.set(sums, y * length);
  }
  return out;
}
