/** Pictures from files to pixels and back. */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { CliError, ImageError, oneLine } from './errors.ts';

/** RGB pixels 0..255, `shape` (height, width, 3): what the models of @chaingrad/vision take. */
export interface Picture {
  readonly data: Uint8Array;
  readonly shape: readonly [height: number, width: number, channels: 3];
  readonly format: PictureFormat;
}

const formats = ['png', 'jpeg', 'webp'] as const;
export type PictureFormat = (typeof formats)[number];

/**
 * Reads a picture the way a viewer shows it: turned upright by its EXIF orientation, in sRGB (CMYK and gray are converted, 16 bits become 8),
 * transparent parts on white, the first frame of an animation.
 *
 * @param file path of a PNG, JPEG or WebP file; the content decides, not the name.
 * @throws ImageError when the file is missing, broken, cut short or of another format.
 */
export async function readPicture(file: string): Promise<Picture> {
  return decodePicture(file, await readBytes(file));
}

/**
 * As `readPicture`, of bytes that have been read.
 *
 * @param file the name for messages.
 */
export async function decodePicture(file: string, bytes: Uint8Array): Promise<Picture> {
  // The reader tells formats apart by content, and has more of them than we promise (and than a browser reads).
  // failOn 'error' refuses pictures that are cut short or damaged, but not those with a harmless oddity in a header.
  const reader = sharp(bytes, { failOn: 'error' });
  let format: string;
  try {
    ({ format } = await reader.metadata());
  } catch (error) {
    throw new ImageError(file, headerProblem(bytes, error));
  }
  if (!isSupported(format))
    throw new ImageError(file, `${format.toUpperCase()} is not supported; use PNG, JPEG or WebP`);
  try {
    const { data, info } = await reader
      .autoOrient()
      .flatten({ background: 'white' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data, shape: [info.height, info.width, 3], format };
  } catch (error) {
    throw new ImageError(file, `broken ${format.toUpperCase()} picture (${oneLine(error)})`);
  }
}

/**
 * Writes pixels as a picture of the given format.
 *
 * @param file path to write; an existing file is replaced.
 * @param image RGBA 0..255, row by row from the top.
 * @throws CliError when the file cannot be written.
 */
export async function writePicture(
  file: string,
  { data, width, height }: { data: Uint8ClampedArray; width: number; height: number },
  format: PictureFormat,
): Promise<void> {
  try {
    await sharp(data, { raw: { width, height, channels: 4 } })
      .removeAlpha()
      .toFormat(format, format === 'png' ? {} : { quality: 92 })
      .toFile(file);
  } catch (error) {
    throw new CliError(`cannot write ${file}: ${oneLine(error)}`);
  }
}

const isSupported = (format: string): format is PictureFormat =>
  (formats as readonly string[]).includes(format);

async function readBytes(file: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reasons: Record<string, string> = {
      ENOENT: 'no such file',
      EISDIR: 'is a folder, expected a picture',
      EACCES: 'no permission to read it',
    };
    throw new ImageError(file, reasons[code ?? ''] ?? oneLine(error));
  }
  if (bytes.length === 0) throw new ImageError(file, 'the file is empty');
  return bytes;
}

/** A file whose first bytes are of a format we read, but whose header does not parse, is broken; anything else is no picture. */
function headerProblem(bytes: Uint8Array, error: unknown): string {
  const begins = (text: string, at = 0) =>
    Buffer.from(bytes.subarray(at, at + text.length)).toString('latin1') === text;
  const format = begins('\x89PNG')
    ? 'PNG'
    : begins('\xff\xd8\xff')
      ? 'JPEG'
      : begins('RIFF') && begins('WEBP', 8)
        ? 'WebP'
        : null;
  if (format !== null) return `broken ${format} picture (${oneLine(error)})`;
  return 'not a PNG, JPEG or WebP picture';
}
