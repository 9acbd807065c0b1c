/** Images from files to pixels and back. */
import { type Image, maxImagePixels } from '@chaingrad/vision';
import { writeFile } from '@chaingrad/weights';
import sharp from 'sharp';
import { CliError, ImageError, oneLine } from './errors.ts';
import { readRegularFile } from './regular-file.ts';

/** Larger pictures are not decoded. */
const maxPixels = (): number => Number(process.env['CHAINGRAD_MAX_PIXELS']) || maxImagePixels;

const written = ['png', 'jpeg', 'webp'] as const;
/** Formats that are written. */
export type ImageFormat = (typeof written)[number];

/** Formats that are read, by sharp's names, with that in which a picture made of one is written. */
const formats: Readonly<Record<string, ImageFormat>> = {
  ...(Object.fromEntries(written.map((name) => [name, name])) as Record<ImageFormat, ImageFormat>),
  avif: 'png',
  gif: 'png',
  tiff: 'png',
};

/** Endings of the names of pictures that are read. */
export const pictureEndings = /\.(png|jpe?g|jfif|webp|avif|gif|tiff?)$/i;

/** What a file has: an image of three channels, and how a picture made of it is written. */
export interface ImageFile {
  readonly img: Image<Uint8Array>;
  readonly format: ImageFormat;
}

/**
 * Reads an image the way a viewer shows it: turned upright by its EXIF orientation, in sRGB (CMYK and gray are converted, 16 bits become 8),
 * transparent parts on white, the first frame of an animation.
 *
 * @param file path of a PNG, JPEG, WebP, AVIF, GIF or TIFF file; the content decides, not the name.
 * @throws ImageError when the file is missing, broken, cut short, too large or of another format.
 */
export async function readImage(file: string): Promise<ImageFile> {
  return decodeImage(file, await readBytes(file));
}

/**
 * As `readImage`, of bytes that have been read.
 *
 * @param file the name for messages.
 */
export async function decodeImage(file: string, bytes: Uint8Array): Promise<ImageFile> {
  // The reader tells formats apart by content, and has more of them than we promise (and than a browser reads).
  // failOn 'error' refuses images that are cut short or damaged, but not those with a harmless oddity in a header.
  const reader = sharp(bytes, { failOn: 'error', limitInputPixels: false });
  let found: string;
  let [height, width] = [0, 0];
  try {
    const metadata = await reader.metadata();
    ({ height, width } = metadata);
    found = metadata.format === 'heif' && metadata.compression === 'av1' ? 'avif' : metadata.format;
  } catch (error) {
    throw new ImageError(file, headerProblem(bytes, error));
  }
  const format = formats[found];
  if (found === 'heif') throw new ImageError(file, HEIC);
  if (format === undefined)
    throw new ImageError(file, `${found.toUpperCase()} is not supported; use ${KNOWN}`);
  if (height * width > maxPixels()) {
    throw new ImageError(
      file,
      `too large: ${width} x ${height} pixels, at most ${maxPixels()} are decoded; shrink it, or set CHAINGRAD_MAX_PIXELS`,
    );
  }
  try {
    const { data, info } = await reader
      .autoOrient()
      .flatten({ background: 'white' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { img: { data, shape: [info.height, info.width, 3] }, format };
  } catch (error) {
    throw new ImageError(file, `broken ${found.toUpperCase()} picture (${oneLine(error)})`);
  }
}

/**
 * Writes an image in the given format.
 *
 * @param file path to write; an existing file is replaced.
 * @param img RGB, or RGBA whose alpha is dropped.
 * @throws CliError when the file cannot be written.
 */
export async function writeImage(
  file: string,
  { data, shape: [height, width, channels] }: Image<Uint8Array | Uint8ClampedArray>,
  format: ImageFormat,
): Promise<void> {
  try {
    const encoded = await sharp(data, { raw: { width, height, channels: channels as 3 | 4 } })
      .removeAlpha()
      .toFormat(format, format === 'png' ? {} : { quality: 92 })
      .toBuffer();
    // A link in its place is replaced, and what it leads to, which may be the picture that was read, stays as it is.
    await writeFile(file, encoded);
  } catch (error) {
    throw new CliError(`cannot write ${file}: ${oneLine(error)}`);
  }
}

const KNOWN = 'PNG, JPEG, WebP, AVIF, GIF or TIFF';
/** What phones of Apple write. */
const HEIC =
  'HEIC is not supported, as its compression is patented; save it as JPEG: on the phone Settings > Camera > Formats > Most Compatible, ' +
  'or with: heif-convert photo.heic photo.jpg';

async function readBytes(file: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readRegularFile(file);
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
  if (/^ftyp(hei|hev|mif1|msf1)/.test(Buffer.from(bytes.subarray(4, 12)).toString('latin1'))) return HEIC;
  return `not a ${KNOWN} picture`;
}
