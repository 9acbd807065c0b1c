/** What a folder of labelled pictures consists of. */

export const labelFormats = ['Pascal VOC', 'COCO', 'YOLO', 'LabelMe', 'CreateML'] as const;
export type LabelFormat = (typeof labelFormats)[number];

/** Annotations of one kind in one place, with the folder of their pictures. */
export interface LayoutPart {
  readonly format: LabelFormat;
  /** What the pictures are for, where the folder says it: a list's name, or train, val or test; else ''. */
  readonly name: string;
  /** A folder, or one JSON file. */
  readonly annotations: string;
  /** Folder of the pictures. */
  readonly images: string;
  /** A text file that names the pictures of the part, one a line. */
  readonly list?: string;
  /** The classes by their numbers, where the annotations hold only numbers. */
  readonly classes?: readonly string[];
}

/** A part of a data set under the names that people give it. */
const NAMES: readonly [name: string, pattern: RegExp][] = [
  ['train', /^(instances_)?train(ing|set)?(\d{4})?$/],
  ['val', /^(instances_)?(val|valid|validation|dev)(set)?(\d{4})?$/],
  ['test', /^(instances_)?(test(ing|set)?|eval(uation)?)(\d{4})?$/],
];

/** train, val or test for a word that means it; null for any other. */
export const partNameOf = (word: string): string | null =>
  NAMES.find(([, pattern]) => pattern.test(word.toLowerCase()))?.[0] ?? null;

/** What a path says its pictures are for; '' where it says nothing. */
export function partOfPath(...paths: readonly string[]): string {
  for (const path of paths) {
    for (const step of path.split('/').reverse()) {
      const stem = step.replace(/\.json$/i, '');
      for (const word of [stem, ...stem.split(/[-_.\s]+/)]) {
        const name = partNameOf(word);
        if (name !== null) return name;
      }
    }
  }
  return '';
}
