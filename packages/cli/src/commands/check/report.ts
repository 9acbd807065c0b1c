/** Counts of what is in a folder of labelled images. */
import { createHash } from 'node:crypto';
import type { DatasetProblem, DetectionExample, DetectionLayout, DetectionRecord } from '@chaingrad/vision';
import type { PartFiles } from './unique.ts';

/** Objects below this side, in pixels of the network, are hardly seen. */
const SMALL = 10;
/** Classes with fewer boxes are hardly learnt. */
const FEW = 20;

export interface ClassReport {
  readonly name: string;
  readonly boxes: number;
  readonly images: number;
  /** Square root of the area, in pixels of the network. */
  readonly medianSide: number;
  readonly smallestSide: number;
  /** Boxes of less than 10 pixels. */
  readonly small: number;
}

export interface Report {
  readonly layout: string;
  readonly notes: readonly string[];
  /** Images of each list or part. */
  readonly parts: Readonly<Record<string, number>>;
  /** Side of the network's input. */
  readonly size: number;
  readonly images: number;
  readonly withoutObjects: number;
  readonly classes: readonly ClassReport[];
  /** Files that show the very same picture. */
  readonly duplicates: readonly (readonly string[])[];
  readonly warnings: readonly string[];
  readonly problems: readonly DatasetProblem[];
}

export class FolderReport {
  readonly #sides: number[][];
  readonly #imagesOf: number[];
  readonly #byPixels = new Map<string, string[]>();
  #images = 0;
  #withoutObjects = 0;

  constructor(
    readonly layout: DetectionLayout,
    readonly parts: PartFiles,
    readonly labelNames: readonly string[],
    readonly size: number,
  ) {
    this.#sides = labelNames.map(() => []);
    this.#imagesOf = labelNames.map(() => 0);
  }

  add({ file }: DetectionRecord, { img, bbox, label }: DetectionExample): void {
    this.#images++;
    if (label.length === 0) this.#withoutObjects++;
    const [height, width] = img.shape;
    label.forEach((l, r) => {
      const [yMin, xMin, yMax, xMax] = bbox.subarray(4 * r, 4 * r + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      // The network sees the image squeezed into a square.
      this.#sides[l]!.push(this.size * Math.sqrt(((yMax - yMin) / height) * ((xMax - xMin) / width)));
    });
    for (const l of new Set(label)) this.#imagesOf[l]!++;
    const pixels = createHash('sha1')
      .update(`${height} ${width} `)
      .update(Uint8Array.from(img.data))
      .digest('hex');
    const twins = this.#byPixels.get(pixels);
    if (twins === undefined) this.#byPixels.set(pixels, [file]);
    else twins.push(file);
  }

  finish(problems: readonly DatasetProblem[]): Report {
    const classes = this.labelNames.map((name, l): ClassReport => {
      const sides = [...this.#sides[l]!].sort((a, b) => a - b);
      return {
        name,
        boxes: sides.length,
        images: this.#imagesOf[l]!,
        medianSide: sides[sides.length >> 1] ?? 0,
        smallestSide: sides[0] ?? 0,
        small: sides.filter((side) => side < SMALL).length,
      };
    });
    const duplicates = [...this.#byPixels.values()].filter((files) => files.length > 1);
    return {
      layout: this.layout.description,
      notes: this.layout.notes,
      parts: Object.fromEntries(
        [...this.parts].filter(([name]) => name !== '').map(([name, files]) => [name, files.length]),
      ),
      size: this.size,
      images: this.#images,
      withoutObjects: this.#withoutObjects,
      classes,
      duplicates,
      warnings: [...this.#classWarnings(classes), ...this.#duplicateWarnings(duplicates)],
      problems,
    };
  }

  *#classWarnings(classes: readonly ClassReport[]): Generator<string> {
    if (classes.length === 0) yield 'no image has an object: there is nothing to learn';
    for (const { name, boxes, small } of classes) {
      if (small > 0) {
        yield `${name}: ${small} of ${boxes} boxes are smaller than ${SMALL} pixels at ${this.size} x ${this.size}: ` +
          'cut the images into tiles, or take a larger network (--model ssd512)';
      }
      if (boxes < FEW) yield `${name}: only ${boxes === 1 ? '1 box' : `${boxes} boxes`}: label more`;
    }
  }

  *#duplicateWarnings(duplicates: readonly (readonly string[])[]): Generator<string> {
    for (const files of duplicates) yield `the same picture: ${files.join(', ')}`;
    const files = (...names: string[]) => names.flatMap((name) => this.parts.get(name) ?? []);
    // trainval holds val, which is tested only where there is no test.
    const [learnt, tested] = this.parts.has('test')
      ? [files('train', 'trainval'), files('test')]
      : [files('train'), files('val')];
    const learntOnes = new Set(learnt);
    const both = new Set(tested.filter((file) => learntOnes.has(file)));
    if (both.size > 0)
      yield `${both.size} images are learnt and tested: ${[...both].slice(0, 5).join(', ')}${both.size > 5 ? ', ...' : ''}`;
  }
}
