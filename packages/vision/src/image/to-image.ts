import { checkOptions } from '@chaingrad/core';
import type { Tensor3D } from '@tensorflow/tfjs-core';
import { ImageFormatError } from '../errors.ts';
import { drawnPixels, isDrawable } from './drawable.ts';
import { checkImage, type Image, isPixelData, type PixelData } from './image.ts';
import { maxImagePixels } from './image-header.ts';

/** Pixels as the browser's `ImageData` has them: with a width and a height, RGBA; RGB and grey are taken, too. */
export interface ImageDataLike {
  readonly data: PixelData;
  readonly width: number;
  readonly height: number;
}

export interface ToImageOptions {
  /** Larger images are refused, files before they are decoded. Default 2 ** 27, which are 400 MB. */
  readonly maxPixels?: number | undefined;
}

/** Whatever can be read as an image: see `toImage`. The browser's own types are there where the browser is. */
export type ImageSource =
  | Image
  | ImageDataLike
  | Tensor3D
  | HTMLImageElement
  | HTMLCanvasElement
  | HTMLVideoElement
  | ImageBitmap
  | OffscreenCanvas
  | Blob;

const isTensor = (input: object): input is Tensor3D =>
  'arraySync' in input && 'dtype' in input && 'shape' in input;

/**
 * Any kind of image as an `Image` of three channels.
 *
 * Accepts (H, W, C) tensors (float32 or int32, which stay the caller's), arrays with a shape, `ImageData` and other
 * arrays with a width and a height; in a browser image and video elements, canvases, image bitmaps and blobs; in Node the canvases
 * and images of `@napi-rs/canvas`. Values are 0..255. Grey is repeated in three channels, alpha is dropped. An
 * `Image` of three channels is returned itself, not copied.
 *
 * @throws ImageFormatError if the input is none of these, has not 1, 3 or 4 channels or not as many values as its shape says, or
 *   must be decoded and is too large; UnknownOptionError.
 */
export async function toImage(input: ImageSource, options: ToImageOptions = {}): Promise<Image> {
  const where = 'toImage';
  const { maxPixels = maxImagePixels } = checkOptions(where, options, { maxPixels: 'number' });
  if (typeof input !== 'object' || input === null) throw notAnImage(input);
  if (isTensor(input)) return rgb(await fromTensor(input), where);
  if (isDrawable(input)) return rgb(await drawnPixels(input, maxPixels), where);
  if (!('data' in input)) throw notAnImage(input);
  if (!isPixelData(input.data)) {
    throw new ImageFormatError(
      where,
      'data in a Float32Array, Uint8Array or Uint8ClampedArray',
      (input.data as object | null | undefined)?.constructor?.name ?? String(input.data),
      'Values are 0..255; convert with Float32Array.from(data).',
    );
  }
  if ('shape' in input) return rgb(input, where);
  return rgb(withShape(input as ImageDataLike, where), where);
}

function notAnImage(input: unknown): ImageFormatError {
  const got =
    typeof input === 'object' && input !== null ? (input.constructor?.name ?? 'an object') : String(input);
  return new ImageFormatError(
    'toImage',
    'an (H, W, C) tensor, { data, shape }, ImageData, an image element, a canvas, an ImageBitmap or a Blob',
    got,
    'Files are read by the program: decode them first.',
  );
}

async function fromTensor(tensor: Tensor3D): Promise<Image> {
  if (tensor.shape.length !== 3) {
    throw new ImageFormatError(
      'toImage',
      'a tensor of shape [height, width, channels]',
      `shape [${tensor.shape}]`,
      'A batch is given as a list of images.',
    );
  }
  if (tensor.dtype !== 'float32' && tensor.dtype !== 'int32') {
    throw new ImageFormatError('toImage', 'a float32 or int32 tensor', tensor.dtype, 'Cast it with tf.cast.');
  }
  const data = await tensor.data();
  return { data: data instanceof Float32Array ? data : new Float32Array(data), shape: tensor.shape };
}

/** The channels follow from the number of values. */
function withShape({ data, width, height }: ImageDataLike, where: string): Image {
  const channels = data.length / (width * height);
  if (!Number.isInteger(channels)) {
    throw new ImageFormatError(
      where,
      `1, 3 or 4 values for each of ${width} x ${height} pixels`,
      `${data.length} values`,
    );
  }
  return { data, shape: [height, width, channels] };
}

function rgb(img: Image, where: string): Image {
  checkImage(img, where);
  const [height, width, channels] = img.shape;
  if (channels === 3) return img;
  if (channels !== 1 && channels !== 4) {
    throw new ImageFormatError(
      where,
      '1 (grey), 3 (RGB) or 4 (RGBA) channels last',
      `shape [${img.shape}]`,
      'An image is [height, width, channels]; one with channels first must be transposed.',
    );
  }
  const size = height * width * 3;
  const data = img.data instanceof Float32Array ? new Float32Array(size) : new Uint8Array(size);
  const step = channels === 1 ? 0 : 1;
  for (let i = 0, o = 0; o < size; i += channels, o += 3) {
    data[o] = img.data[i]!;
    data[o + 1] = img.data[i + step]!;
    data[o + 2] = img.data[i + 2 * step]!;
  }
  return { data, shape: [height, width, 3] };
}
