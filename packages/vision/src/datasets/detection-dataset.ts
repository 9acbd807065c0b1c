import { checkOptions, type OptionKinds } from '@chaingrad/core';
import type { SliceableDataset } from '@chaingrad/training';
import { imageHeader, isTransposed, turnBoxes } from '../image/image-header.ts';
import type { Image } from '../image/index.ts';
import { resizeBbox, shrink } from '../transforms/index.ts';
import type { DetectionRecord } from './detection-record.ts';
import { asksFor, type DatasetOptions, datasetKinds, ImageDataset } from './image-dataset.ts';
import type { ProblemLog } from './problems.ts';

/** An image with what is in it. */
export interface DetectionExample {
  /** RGB, 0..255. */
  readonly img: Image;
  /** R * 4 values, rows of (yMin, xMin, yMax, xMax) in pixels. */
  readonly bbox: Float32Array;
  /** R labels, counting from 0. */
  readonly label: Int32Array;
  /** R flags: 1 for a box that is neither asked for nor an error to find (VOC's difficult, COCO's crowd). */
  readonly difficult: Uint8Array;
}

export interface DetectionDatasetOptions extends DatasetOptions {
  /** Names of the classes in the order of the labels; 'auto' (the default) takes those that occur, in alphabetical order. */
  readonly labelNames?: readonly string[] | 'auto';
  /** Whether images without any box are kept; else they are a problem. Default false. */
  readonly keepEmpty?: boolean;
}

export const detectionDatasetKinds: OptionKinds<DetectionDatasetOptions> = {
  ...datasetKinds,
  labelNames: 'any',
  keepEmpty: 'boolean',
};

export interface PreloadOptions {
  /** Much larger images are shrunk to this many pixels along the longer side, boxes too. Default: as they are. */
  readonly maxSide?: number;
  /** Pixels of so many bytes are kept; the images after that are decoded, and shrunk, each time they are asked for. Default all. */
  readonly maxBytes?: number;
  /** Is told after every image. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Images with boxes: what `openVocDataset` and `openCocoDataset` give.
 *
 * Annotations are read at once, images when they are asked for; `preload` decodes them all and keeps the pixels.
 */
export class DetectionDataset
  extends ImageDataset<DetectionRecord>
  implements SliceableDataset<DetectionExample>
{
  /** Larger images are shrunk to this side, as `preload` was asked to. */
  #maxSide = Number.POSITIVE_INFINITY;

  /** @throws DatasetError when the image is missing, broken or of another size than annotated; RangeError outside the list. */
  async get(i: number): Promise<DetectionExample> {
    const loaded = (await this.#loaded(this.record(i), this.log.withPolicy('refuse')))!;
    const isWhole = this.record(i).img === undefined && this.#maxSide < Number.POSITIVE_INFINITY;
    const { img, bbox, label, difficult } = isWhole ? shrunk(loaded, this.#maxSide) : loaded;
    return { img, bbox, label, difficult };
  }

  /** What of an example is asked for. The image is decoded for 'img' and 'bbox': how it is turned decides about the boxes. */
  async getKeys<K extends keyof DetectionExample>(
    i: number,
    keys: readonly K[],
  ): Promise<Pick<DetectionExample, K>> {
    if (asksFor(keys, 'img', 'bbox')) return this.get(i);
    const { label, difficult } = this.record(i);
    return { label, difficult } as Partial<DetectionExample> as Pick<DetectionExample, K>;
  }

  /**
   * Decodes every image.
   * @returns a dataset that holds the pixels, as bytes, as far as `maxBytes` goes, without the images that were skipped as problems.
   * @throws DatasetError for an image that the policy refuses.
   */
  async preload(options: PreloadOptions = {}): Promise<DetectionDataset> {
    const {
      maxSide = Number.POSITIVE_INFINITY,
      maxBytes = Number.POSITIVE_INFINITY,
      onProgress,
    } = checkOptions('DetectionDataset.preload', options, {
      maxSide: 'number',
      maxBytes: 'number',
      onProgress: 'function',
    });
    const log = this.log.continued();
    const records: DetectionRecord[] = [];
    let kept = 0;
    for (const [i, record] of this.records.entries()) {
      const loaded = await this.#loaded(record, log);
      if (loaded !== null) {
        const small = shrunk(loaded, maxSide);
        const { byteLength } = small.img.data;
        records.push(kept + byteLength <= maxBytes ? small : record);
        if (kept + byteLength <= maxBytes) kept += byteLength;
      }
      onProgress?.(i + 1, this.length);
    }
    return this.#with(records, log, maxSide);
  }

  #with(records: DetectionRecord[], log: ProblemLog, maxSide: number): DetectionDataset {
    const dataset = new DetectionDataset(this.files, records, this.labelNames, log, this.decode);
    dataset.#maxSide = maxSide;
    return dataset;
  }

  /** A dataset of these records, which may be of several parts of the same folder. */
  withRecords(records: readonly DetectionRecord[]): DetectionDataset {
    return this.#with([...records], this.log, this.#maxSide);
  }

  /** Some of the images, e.g. for a quick try. */
  subset(indices: Iterable<number>): DetectionDataset {
    const records = Array.from(indices, (i) => this.record(i));
    return this.#with(records, this.log, this.#maxSide);
  }

  /**
   * The record with its image, its boxes those of the image as a viewer shows it.
   *
   * Programs that label turn a photo by its EXIF orientation, or do not: the annotated size tells. Where both are of the
   * same size (a photo upside down, a square) nothing does: that is a problem.
   */
  async #loaded(
    record: DetectionRecord,
    log: ProblemLog,
  ): Promise<(DetectionRecord & { img: Image }) | null> {
    if (record.img !== undefined) return { ...record, img: record.img };
    const loaded = await this.load(record, log);
    if (loaded === null) return null;
    const { img, bytes } = loaded;
    const [height, width] = img.shape;
    const [annotatedHeight, annotatedWidth] = record.size;
    const header = imageHeader(bytes);
    const orientation = header?.orientation ?? 1;
    const fits = height === annotatedHeight && width === annotatedWidth;
    if (fits && (orientation === 1 || record.bbox.length === 0)) return { ...record, img };
    if (fits && (!isTransposed(orientation) || height === width)) {
      log.add(
        'size',
        record.file,
        `its EXIF orientation (${orientation}) turns or mirrors it and leaves its size as it is: nothing tells whether its boxes are of the picture before or after; save it without the orientation`,
        'left out',
      );
      return null;
    }
    if (fits) return { ...record, img };
    const [storedHeight, storedWidth] = header?.size ?? [0, 0];
    const ofStored = storedHeight === annotatedHeight && storedWidth === annotatedWidth;
    if (ofStored && isTransposed(orientation) && height === storedWidth && width === storedHeight) {
      const bbox = turnBoxes(record.bbox, record.size, orientation);
      return { ...record, size: [height, width], bbox, img };
    }
    const turned =
      height === annotatedWidth && width === annotatedHeight ? ', as if turned by its EXIF orientation' : '';
    log.add(
      'size',
      record.file,
      `is ${width} x ${height}, its annotation says ${annotatedWidth} x ${annotatedHeight}${turned}`,
      'left out',
    );
    return null;
  }
}

/** The record with its image as bytes, no side much longer than `maxSide`. */
function shrunk(
  record: DetectionRecord & { img: Image },
  maxSide: number,
): DetectionRecord & { img: Image<Uint8Array> } {
  const [height, width] = record.img.shape;
  const { data, shape } = shrink(record.img, maxSide);
  const size = [shape[0], shape[1]] as const;
  const bbox =
    height === size[0] && width === size[1] ? record.bbox : resizeBbox(record.bbox, [height, width], size);
  return {
    ...record,
    size,
    bbox,
    img: { data: data instanceof Uint8Array ? data : new Uint8Array(data), shape },
  };
}
