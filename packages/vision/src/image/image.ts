import { ImageFormatError } from '../errors.ts';

/** Values of an image: 0..255. Functions that average (resize, distort) give Float32Array. */
export type PixelData = Float32Array | Uint8Array | Uint8ClampedArray;

/**
 * An image in memory, from the decoded file to the network: rows of pixels from the top, channels last (HWC), RGB, 0..255.
 *
 * What is read from files and by `toImage` has 3 channels; transforms take any number, and drawings have an alpha as the fourth.
 */
export interface Image<D extends PixelData = PixelData> {
  readonly data: D;
  readonly shape: readonly [height: number, width: number, channels: number];
}

export const isPixelData = (data: unknown): data is PixelData =>
  data instanceof Float32Array || data instanceof Uint8Array || data instanceof Uint8ClampedArray;

const isSize = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= 0;

/** Throws `ImageFormatError` unless `img` has a shape of three whole numbers and as many values. */
export function checkImage(img: Image, where: string): void {
  const { data, shape } = img;
  if (!Array.isArray(shape) || shape.length !== 3 || !shape.every(isSize)) {
    throw new ImageFormatError(
      where,
      'a shape [height, width, channels]',
      JSON.stringify(shape) ?? 'undefined',
    );
  }
  const size = shape[0] * shape[1] * shape[2];
  if (data.length !== size) {
    throw new ImageFormatError(where, `${size} values for the shape [${shape}]`, `${data.length}`);
  }
}

/** `size` zeros of the same type as `like` (a Node `Buffer` counts as the Uint8Array it is). */
export function pixelsLike<D extends PixelData>(like: D, size: number): D {
  if (like instanceof Float32Array) return new Float32Array(size) as PixelData as D;
  if (like instanceof Uint8ClampedArray) return new Uint8ClampedArray(size) as PixelData as D;
  return new Uint8Array(size) as PixelData as D;
}

/** The values as float32: the same array where they are. */
export const asFloat32 = (data: PixelData): Float32Array =>
  data instanceof Float32Array ? data : new Float32Array(data);
