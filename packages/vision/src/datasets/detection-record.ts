/** Annotations of one image, and what is left of them once they are checked. */
import { listNames } from '@chaingrad/core';
import type { DetectionExample } from './detection-dataset.ts';
import type { ImageRecord } from './image-dataset.ts';
import type { ProblemLog } from './problems.ts';

/** An annotated image before it is decoded. */
export interface DetectionRecord extends ImageRecord, Omit<DetectionExample, 'img'> {
  /** Height and width as annotated. */
  readonly size: readonly [height: number, width: number];
}

/** A box as an annotation has it: where the file says it is, and what it says is in it. */
export interface AnnotatedBox {
  readonly name: string;
  readonly box: readonly [yMin: number, xMin: number, yMax: number, xMax: number];
  readonly difficult: boolean;
  /** COCO's mask and area, not yet checked. */
  readonly segmentation?: unknown;
  readonly area?: unknown;
}

/** The box around points, of which there may be any number: more than a function takes as arguments. */
export function boxAround(xs: readonly number[], ys: readonly number[]): AnnotatedBox['box'] {
  const least = (values: readonly number[]) =>
    values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const most = (values: readonly number[]) =>
    values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return [least(ys), least(xs), most(ys), most(xs)];
}

/** What an annotation file says about one image; boxes not yet checked. */
export interface Annotation {
  /** The annotation, for messages. */
  readonly source: string;
  readonly file: string;
  readonly size: readonly [height: number, width: number];
  readonly boxes: readonly AnnotatedBox[];
  /** Whether there are objects that could not be read: then the image is none without objects. */
  readonly incomplete?: boolean;
}

/** Names for 'auto': those that occur, in alphabetical order. */
export const namesOf = (annotations: readonly Annotation[]): string[] =>
  [...new Set(annotations.flatMap(({ boxes }) => boxes.map(({ name }) => name)))].sort();

/** The classes: the number of each by its name, and all of them for messages. */
export interface Labels {
  readonly numbers: ReadonlyMap<string, number>;
  readonly told: string;
}

export const labelsOf = (names: readonly string[]): Labels => ({
  numbers: new Map(names.map((name, label) => [name, label])),
  told: listNames(names),
});

/**
 * Checks the boxes of an annotation: cuts them to the image, drops those without area there, with an unknown label, or there
 * twice.
 * @param slack a box may reach this far out of the image without being a problem: conventions differ by a pixel.
 * @returns null when nothing is left, and there should be something or empty images are not kept.
 */
export function checkedRecord(
  { source, file, size, boxes, incomplete = false }: Annotation,
  labels: Labels,
  keepEmpty: boolean,
  log: ProblemLog,
  slack: number,
): DetectionRecord | null {
  const bbox: number[] = [];
  const label: number[] = [];
  const difficult: number[] = [];
  const [height, width] = size;
  const seen = new Map<string, number>();
  boxes.forEach(({ name, box, difficult: isDifficult }, i) => {
    const what = `object ${i + 1} (${name.slice(0, 100)})`;
    const index = labels.numbers.get(name);
    const key = JSON.stringify([name, ...box]);
    const twin = seen.get(key);
    seen.set(key, twin ?? i);
    const shown = `(ymin ${box[0]}, xmin ${box[1]}, ymax ${box[2]}, xmax ${box[3]})`;
    const [yMin, xMin, yMax, xMax] = box;
    const cut = [
      Math.max(0, yMin),
      Math.max(0, xMin),
      Math.min(height, yMax),
      Math.min(width, xMax),
    ] as const;
    if (index === undefined) {
      log.add('label', source, `${what}: the label is not one of ${labels.told}`, 'box left out');
    } else if (!box.every(Number.isFinite) || !(yMax > yMin && xMax > xMin)) {
      log.add('box', source, `${what}: the box ${shown} has no area`, 'box left out');
    } else if (twin !== undefined) {
      log.add('duplicate', source, `${what}: the same box as object ${twin + 1}`, 'box left out');
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
  const annotated = incomplete || boxes.length > 0;
  // What is annotated and cannot be used is there all the same: such an image does not show a background.
  if (label.length === 0 && (annotated || !keepEmpty)) {
    log.add('empty', source, annotated ? 'no usable object' : 'no objects', 'image left out');
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
