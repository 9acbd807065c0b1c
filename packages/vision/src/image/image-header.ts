/** What the first bytes of an image file say, without decoding it: how large it is, and how it is turned. */
import { ImageFormatError } from '../errors.ts';

export interface ImageHeader {
  /** Of the pixels as they are stored. */
  readonly size: readonly [height: number, width: number];
  /** EXIF orientation, 1..8; 1 is upright. */
  readonly orientation: number;
}

type View = DataView<ArrayBuffer>;

const ascii = (view: View, at: number, length: number): string =>
  at + length > view.byteLength
    ? ''
    : String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));

/**
 * The header of a JPEG, PNG, GIF, BMP or WebP file; null of any other, or where it is cut short.
 *
 * Source: ITU T.81 (JPEG), CIPA DC-008 (EXIF), RFC 9649 (WebP), the PNG, GIF89a and BMP formats.
 */
export function imageHeader(bytes: Uint8Array<ArrayBuffer>): ImageHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (view.getUint16(0) === 0xffd8) return jpegHeader(view);
    if (ascii(view, 1, 3) === 'PNG') return pngHeader(view);
    if (ascii(view, 0, 3) === 'GIF') return upright(view.getUint16(8, true), view.getUint16(6, true));
    if (ascii(view, 0, 4) === 'RIFF' && ascii(view, 8, 4) === 'WEBP') return webpHeader(view);
    if (ascii(view, 0, 2) === 'BM')
      return upright(Math.abs(view.getInt32(22, true)), view.getInt32(18, true));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}

const upright = (height: number, width: number): ImageHeader => ({ size: [height, width], orientation: 1 });

function jpegHeader(view: View): ImageHeader | null {
  let orientation = 1;
  for (let at = 2; ; ) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    // A marker may be preceded by any number of fill bytes.
    if (marker === 0xff) {
      at++;
      continue;
    }
    // Frames, except for tables (C4, CC) and the extension (C8).
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { size: [view.getUint16(at + 5), view.getUint16(at + 7)], orientation };
    }
    if (marker === 0xd9 || marker === 0xda) return null;
    if (marker === 0xe1 && ascii(view, at + 4, 4) === 'Exif') orientation = tiffOrientation(view, at + 10);
    at += marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8) ? 2 : 2 + view.getUint16(at + 2);
  }
}

function pngHeader(view: View): ImageHeader {
  const size = [view.getUint32(20), view.getUint32(16)] as const;
  for (let at = 8; at + 12 <= view.byteLength; at += 12 + view.getUint32(at)) {
    const name = ascii(view, at + 4, 4);
    if (name === 'eXIf') return { size, orientation: tiffOrientation(view, at + 8) };
    if (name === 'IDAT') break;
  }
  return { size, orientation: 1 };
}

/** One frame, lossy or without loss, or the canvas of several parts, of which one may be EXIF. */
function webpHeader(view: View): ImageHeader | null {
  const u24 = (at: number) => view.getUint16(at, true) + 65536 * view.getUint8(at + 2);
  switch (ascii(view, 12, 4)) {
    case 'VP8 ':
      return upright(view.getUint16(28, true) & 0x3fff, view.getUint16(26, true) & 0x3fff);
    case 'VP8L': {
      const bits = view.getUint32(21, true);
      return upright(1 + ((bits >>> 14) & 0x3fff), 1 + (bits & 0x3fff));
    }
    case 'VP8X': {
      const size = [1 + u24(27), 1 + u24(24)] as const;
      for (let at = 12; at + 8 <= view.byteLength; ) {
        const length = view.getUint32(at + 4, true);
        // Some writers put JPEG's marker before the directory.
        const start = at + 8 + (ascii(view, at + 8, 4) === 'Exif' ? 6 : 0);
        if (ascii(view, at, 4) === 'EXIF') return { size, orientation: tiffOrientation(view, start) };
        at += 8 + length + (length % 2);
      }
      return { size, orientation: 1 };
    }
    default:
      return null;
  }
}

/** Tag 0x0112 of the first directory. */
function tiffOrientation(view: View, start: number): number {
  const little = ascii(view, start, 2) === 'II';
  const directory = start + view.getUint32(start + 4, little);
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + 12 * i;
    if (view.getUint16(entry, little) !== 0x0112) continue;
    const value = view.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** Whether an orientation exchanges height and width. */
export const isTransposed = (orientation: number): boolean => orientation >= 5;

/**
 * Boxes of the stored pixels in the coordinates of the picture turned upright.
 *
 * @param bbox rows of (yMin, xMin, yMax, xMax).
 * @param size of the stored pixels.
 */
export function turnBoxes(
  bbox: Float32Array,
  [height, width]: readonly [number, number],
  orientation: number,
): Float32Array {
  const out = new Float32Array(bbox.length);
  for (let r = 0; r < bbox.length; r += 4) {
    let [y0, x0, y1, x1] = bbox.subarray(r, r + 4) as unknown as [number, number, number, number];
    // 2, 3, 6 and 7 run from right to left, 3, 4, 7 and 8 from bottom to top; 5 to 8 then exchange the axes.
    if ([2, 3, 7, 8].includes(orientation)) [x0, x1] = [width - x1, width - x0];
    if ([3, 4, 6, 7].includes(orientation)) [y0, y1] = [height - y1, height - y0];
    out.set(isTransposed(orientation) ? [x0, y0, x1, y1] : [y0, x0, y1, x1], r);
  }
  return out;
}

/** Larger images are refused unless the caller allows more: 134 million pixels, which take 400 MB as RGB. */
export const maxImagePixels = 2 ** 27;

/**
 * Refuses an image by the pixels that its header tells, before they are decoded: a file of 33 kB may hold 268 million of one colour.
 * @throws ImageFormatError for one that is too large.
 */
export function refuseTooLarge(
  where: string,
  [height, width]: readonly [height: number, width: number],
  maxPixels: number,
): void {
  if (height * width <= maxPixels) return;
  throw new ImageFormatError(
    where,
    `at most ${maxPixels} pixels`,
    `${width} x ${height}`,
    'The image is too large: shrink it, or raise maxPixels if this is meant.',
  );
}
