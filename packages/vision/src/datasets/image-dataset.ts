import type { OptionKinds } from '@chaingrad/core';
import { ImageFormatError } from '../errors.ts';
import { decodedPixels } from '../image/drawable.ts';
import { imageHeader, refuseTooLarge } from '../image/image-header.ts';
import { type Image, maxImagePixels, toImage } from '../image/index.ts';
import { type DatasetFiles, whyUnreadable } from './files.ts';
import type { DatasetProblem, ProblemLog, ProblemPolicy } from './problems.ts';

/** An image of a dataset before it is decoded. */
export interface ImageRecord {
  /** Path of the image from the folder of the dataset. */
  readonly file: string;
  /** Pixels, where they have been loaded. */
  readonly img?: Image;
}

/** Turns the bytes of an image file into pixels (RGB, 0..255). `file` is for messages. */
export type DecodeImage = (bytes: Uint8Array<ArrayBuffer>, file: string) => Image | Promise<Image>;

export interface DatasetOptions {
  /** How image files are decoded. In a page the browser does it; in Node give one, e.g. made with sharp. */
  readonly decode?: DecodeImage;
  /** Larger images are refused by their headers, before they are decoded. Default 2 ** 27, which are 400 MB. */
  readonly maxPixels?: number;
  /** What to do about files that cannot be used. Default 'refuse'. */
  readonly onProblem?: ProblemPolicy;
}

export const datasetKinds: OptionKinds<DatasetOptions> = {
  decode: 'function',
  maxPixels: 'number',
  onProblem: 'any',
};

/** What decodes the images of a dataset that are not too large. Without `decode` the browser does it; in Node `toImage` says that pixels must be given. */
export const decoderOf =
  ({ decode, maxPixels = maxImagePixels }: DatasetOptions): DecodeImage =>
  async (bytes, file) => {
    const header = imageHeader(bytes);
    if (header !== null) refuseTooLarge(file, header.size, maxPixels);
    return toImage(await (decode?.(bytes, file) ?? new Blob([bytes])), { maxPixels });
  };

/** Whether one of some keys of an example is asked for. */
export const asksFor = (asked: readonly PropertyKey[], ...keys: readonly string[]): boolean =>
  asked.some((key) => (keys as readonly PropertyKey[]).includes(key));

/** Images of a folder, which are decoded when they are asked for. */
export abstract class ImageDataset<R extends ImageRecord> {
  /** What was left out, in the order it was found. */
  readonly problems: readonly DatasetProblem[];

  constructor(
    readonly files: DatasetFiles,
    readonly records: readonly R[],
    readonly labelNames: readonly string[],
    protected readonly log: ProblemLog,
    protected readonly decode: DecodeImage = decoderOf({}),
  ) {
    this.problems = log.problems;
  }

  get length(): number {
    return this.records.length;
  }

  /** @throws RangeError outside the list. */
  protected record(i: number): R {
    const record = this.records[i];
    if (record === undefined)
      throw new RangeError(`${this.log.dataset} has ${this.length} images, asked for ${i}.`);
    return record;
  }

  /** The image of a record with the bytes of its file, or null with a problem added. */
  protected async load(
    { file }: ImageRecord,
    log: ProblemLog,
  ): Promise<{ readonly img: Image; readonly bytes: Uint8Array<ArrayBuffer> } | null> {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = await this.files.read(file);
    } catch (error) {
      log.add('image', file, `cannot be read: ${whyUnreadable(error)}`, 'left out');
      return null;
    }
    try {
      return { img: await this.decode(bytes, file), bytes };
    } catch (error) {
      // That no decoder was given is a mistake of the program, not of the file.
      if (error instanceof ImageFormatError && error.expected === decodedPixels) throw error;
      const message = (error as Error).message.replace(`${file}: `, '');
      log.add('image', file, `cannot be decoded: ${message}`, 'left out');
      return null;
    }
  }

  /** An image and the pictures that belong to it, all of one size; null with a problem added. */
  protected async pictures(files: readonly string[], log: ProblemLog): Promise<(Image | null)[]> {
    const images: (Image | null)[] = [];
    for (const file of files) {
      const img = (await this.load({ file }, log))?.img ?? null;
      images.push(img);
      const [height, width] = images[0]?.shape ?? [];
      if (img !== null && (img.shape[0] !== height || img.shape[1] !== width))
        log.add(
          'size',
          file,
          `${img.shape[1]} x ${img.shape[0]} pixels, the image has ${width} x ${height}`,
          'left out',
        );
    }
    return images;
  }
}
