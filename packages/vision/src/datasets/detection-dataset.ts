import type { Image } from '../image/index.ts';
import { resize, resizeBbox } from '../transforms/index.ts';
import { type DatasetOptions, ImageDataset, type ImageRecord } from './image-dataset.ts';
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

/** An annotated image before it is decoded. */
export interface DetectionRecord extends ImageRecord, Omit<DetectionExample, 'img'> {
  /** Height and width as annotated. */
  readonly size: readonly [height: number, width: number];
}

export interface DetectionDatasetOptions extends DatasetOptions {
  /** Names of the classes in the order of the labels; 'auto' (the default) takes those that occur, in alphabetical order. */
  readonly labelNames?: readonly string[] | 'auto';
  /** Whether images without any box are kept; else they are a problem. Default false. */
  readonly keepEmpty?: boolean;
}

export interface PreloadOptions {
  /** Larger images are shrunk to this many pixels along the longer side, boxes too. Default: as they are. */
  readonly maxSide?: number;
  /** Is told after every image. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Images with boxes: what `openVocDataset` and `openCocoDataset` give.
 *
 * Annotations are read at once, images when they are asked for; `preload` decodes them all and keeps the pixels.
 */
export class DetectionDataset extends ImageDataset<DetectionRecord> {
  /** @throws DatasetError when the image is missing, broken or of another size than annotated; RangeError outside the list. */
  async get(i: number): Promise<DetectionExample> {
    const record = this.record(i);
    const { bbox, label, difficult } = record;
    return { img: (await this.load(record, this.log.withPolicy('refuse')))!, bbox, label, difficult };
  }

  /**
   * Decodes every image.
   * @returns a dataset that holds the pixels, as bytes, without the images that were skipped as problems.
   * @throws DatasetError for an image that the policy refuses.
   */
  async preload({
    maxSide = Number.POSITIVE_INFINITY,
    onProgress,
  }: PreloadOptions = {}): Promise<DetectionDataset> {
    const log = this.log.withPolicy(this.log.policy);
    log.problems.push(...this.problems);
    const records: DetectionRecord[] = [];
    for (const [i, record] of this.records.entries()) {
      const img = await this.load(record, log);
      if (img !== null) records.push(shrunk({ ...record, img }, maxSide));
      onProgress?.(i + 1, this.length);
    }
    return new DetectionDataset(this.files, records, this.labelNames, log, this.decode);
  }

  /** Some of the images, e.g. for a quick try. */
  subset(indices: Iterable<number>): DetectionDataset {
    const records = Array.from(indices, (i) => this.record(i));
    return new DetectionDataset(this.files, records, this.labelNames, this.log, this.decode);
  }

  protected override async load(record: DetectionRecord, log: ProblemLog): Promise<Image | null> {
    const img = await super.load(record, log);
    if (img === null || img === record.img) return img;
    const [height, width] = img.shape;
    const [annotatedHeight, annotatedWidth] = record.size;
    if (height === annotatedHeight && width === annotatedWidth) return img;
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

/** The record with its image as bytes, no side longer than `maxSide`. */
function shrunk(record: DetectionRecord & { img: Image }, maxSide: number): DetectionRecord {
  const [height, width, channels] = record.img.shape;
  const factor = maxSide / Math.max(height, width);
  if (!(factor < 1))
    return { ...record, img: { data: new Uint8Array(record.img.data), shape: record.img.shape } };
  const size = [Math.max(1, Math.round(height * factor)), Math.max(1, Math.round(width * factor))] as const;
  const { data } = resize(record.img, size, { interpolation: 'area' });
  for (let i = 0; i < data.length; i++) data[i] = Math.round(data[i]!);
  return {
    ...record,
    size,
    bbox: resizeBbox(record.bbox, [height, width], size),
    img: { data: new Uint8Array(data), shape: [...size, channels] },
  };
}

/** A box as an annotation has it: where the file says it is, and what it says is in it. */
export interface AnnotatedBox {
  readonly name: string;
  readonly box: readonly [yMin: number, xMin: number, yMax: number, xMax: number];
  readonly difficult: boolean;
}

/** What an annotation file says about one image; boxes not yet checked. */
export interface Annotation {
  /** The annotation, for messages. */
  readonly source: string;
  readonly file: string;
  readonly size: readonly [height: number, width: number];
  readonly boxes: readonly AnnotatedBox[];
}

/** Names for 'auto': those that occur, in alphabetical order. */
export const namesOf = (annotations: readonly Annotation[]): string[] =>
  [...new Set(annotations.flatMap(({ boxes }) => boxes.map(({ name }) => name)))].sort();

/**
 * Checks the boxes of an annotation: cuts them to the image, drops those without area there or with an unknown label.
 * @param slack a box may reach this far out of the image without being a problem: conventions differ by a pixel.
 * @returns null when nothing is left and empty images are not kept.
 */
export function checkedRecord(
  { source, file, size, boxes }: Annotation,
  labelNames: readonly string[],
  keepEmpty: boolean,
  log: ProblemLog,
  slack: number,
): DetectionRecord | null {
  const bbox: number[] = [];
  const label: number[] = [];
  const difficult: number[] = [];
  const [height, width] = size;
  boxes.forEach(({ name, box, difficult: isDifficult }, i) => {
    const what = `object ${i + 1} (${name})`;
    const index = labelNames.indexOf(name);
    const shown = `(ymin ${box[0]}, xmin ${box[1]}, ymax ${box[2]}, xmax ${box[3]})`;
    const [yMin, xMin, yMax, xMax] = box;
    const cut = [
      Math.max(0, yMin),
      Math.max(0, xMin),
      Math.min(height, yMax),
      Math.min(width, xMax),
    ] as const;
    if (index < 0) {
      log.add('label', source, `${what}: the label is not one of ${labelNames.join(', ')}`, 'box left out');
    } else if (!box.every(Number.isFinite) || !(yMax > yMin && xMax > xMin)) {
      log.add('box', source, `${what}: the box ${shown} has no area`, 'box left out');
    } else if (!(cut[2] > cut[0] && cut[3] > cut[1])) {
      log.add(
        'box',
        source,
        `${what}: the box ${shown} is outside the image of ${width} x ${height}`,
        'box left out',
      );
    } else {
      const sticksOut = Math.max(-yMin, -xMin, yMax - height, xMax - width);
      if (sticksOut > slack) {
        log.add(
          'box',
          source,
          `${what}: the box ${shown} reaches out of the image of ${width} x ${height}`,
          'cut to it',
        );
      }
      bbox.push(...cut);
      label.push(index);
      difficult.push(isDifficult ? 1 : 0);
    }
  });
  if (label.length === 0 && !keepEmpty) {
    log.add('empty', source, boxes.length === 0 ? 'no objects' : 'no usable object', 'image left out');
    return null;
  }
  return {
    file,
    size,
    bbox: Float32Array.from(bbox),
    label: Int32Array.from(label),
    difficult: Uint8Array.from(difficult),
  };
}
