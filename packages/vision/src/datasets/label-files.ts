/** The way out: labelled pictures as a folder that `findLayout` and other programs read. */
import { checkOptions, escapeMarkup } from '@chaingrad/core';
import { VisionOptionError } from '../errors.ts';
import { stemOf } from './paths.ts';

/** A picture with its boxes, as a folder of labels holds it. */
export interface LabelledImage {
  /** Its name, without folders. */
  readonly file: string;
  readonly size: readonly [height: number, width: number];
  /** R * 4 values, rows of (yMin, xMin, yMax, xMax) in pixels. */
  readonly bbox: ArrayLike<number>;
  /** R labels, counting from 0. */
  readonly label: ArrayLike<number>;
  /** Default 'train'. */
  readonly part?: 'train' | 'val' | 'test';
}

export interface LabelFilesOptions {
  readonly format: 'Pascal VOC' | 'COCO' | 'YOLO';
  /** Names of the classes in the order of the labels. */
  readonly labelNames: readonly string[];
}

export interface LabelFiles {
  /** Texts by their paths in the folder. */
  readonly files: ReadonlyMap<string, string>;
  /** Where each picture belongs, in the order that they were given. */
  readonly images: readonly string[];
}

type Part = NonNullable<LabelledImage['part']>;

interface Row extends LabelledImage {
  readonly part: Part;
  readonly stem: string;
}

const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

const rowsOf = ({ bbox, label }: LabelledImage) =>
  Array.from(label, (class_, i) => ({
    label: class_,
    box: [bbox[4 * i]!, bbox[4 * i + 1]!, bbox[4 * i + 2]!, bbox[4 * i + 3]!] as const,
  }));

const partsOf = (rows: readonly Row[]): Map<Part, Row[]> =>
  new Map(
    [...new Set(rows.map(({ part }) => part))].map((part) => [part, rows.filter((row) => row.part === part)]),
  );

type Writer = (rows: readonly Row[], names: readonly string[]) => LabelFiles;

const writers: Readonly<Record<LabelFilesOptions['format'], Writer>> = {
  'Pascal VOC'(rows, names) {
    const files = new Map<string, string>();
    for (const row of rows) {
      const [height, width] = row.size;
      const objects = rowsOf(row).map(({ label, box }) => {
        // VOC counts pixels from 1.
        const [yMin, xMin, yMax, xMax] = box.map((value) => rounded(value + 1));
        const bndbox = `<bndbox><xmin>${xMin}</xmin><ymin>${yMin}</ymin><xmax>${xMax}</xmax><ymax>${yMax}</ymax></bndbox>`;
        return `  <object><name>${escapeMarkup(names[label]!)}</name><difficult>0</difficult>${bndbox}</object>\n`;
      });
      files.set(
        `Annotations/${row.stem}.xml`,
        `<annotation>\n  <filename>${escapeMarkup(row.file)}</filename>\n` +
          `  <size><width>${width}</width><height>${height}</height><depth>3</depth></size>\n${objects.join('')}</annotation>\n`,
      );
    }
    for (const [part, list] of partsOf(rows))
      files.set(`ImageSets/Main/${part}.txt`, list.map(({ stem }) => `${stem}\n`).join(''));
    return { files, images: rows.map(({ file }) => `JPEGImages/${file}`) };
  },

  COCO(rows, names) {
    const files = new Map<string, string>();
    const categories = names.map((name, i) => ({ id: i + 1, name }));
    for (const [part, list] of partsOf(rows)) {
      const images = list.map(({ file, size: [height, width] }, i) => ({
        id: i + 1,
        file_name: file,
        width,
        height,
      }));
      const annotations = list
        .flatMap((row, i) => rowsOf(row).map((object) => ({ ...object, image: i + 1 })))
        .map(({ label, box: [yMin, xMin, yMax, xMax], image }, i) => {
          const [width, height] = [rounded(xMax - xMin), rounded(yMax - yMin)];
          const bbox = [rounded(xMin), rounded(yMin), width, height];
          const area = rounded(width * height);
          return { id: i + 1, image_id: image, category_id: label + 1, bbox, area, iscrowd: 0 };
        });
      files.set(
        `annotations/instances_${part}.json`,
        `${JSON.stringify({ images, annotations, categories }, null, 1)}\n`,
      );
    }
    return { files, images: rows.map(({ part, file }) => `${part}/${file}`) };
  },

  YOLO(rows, names) {
    const files = new Map<string, string>();
    for (const row of rows) {
      const [height, width] = row.size;
      const lines = rowsOf(row).map(({ label, box: [yMin, xMin, yMax, xMax] }) =>
        [
          label,
          ...[
            (xMin + xMax) / 2 / width,
            (yMin + yMax) / 2 / height,
            (xMax - xMin) / width,
            (yMax - yMin) / height,
          ].map((value) => rounded(value, 6)),
        ].join(' '),
      );
      files.set(`labels/${row.part}/${row.stem}.txt`, lines.map((line) => `${line}\n`).join(''));
    }
    const parts = [...partsOf(rows).keys()].map((part) => `${part}: images/${part}\n`);
    const quoted = names.map((name, i) => `  ${i}: '${name.replaceAll("'", "''")}'\n`);
    files.set('data.yaml', `${parts.join('')}names:\n${quoted.join('')}`);
    return { files, images: rows.map(({ part, file }) => `images/${part}/${file}`) };
  },
};

/**
 * The files of a folder of labelled pictures, in a format that this library and others read.
 *
 * ```ts
 * const { files, images } = labelFiles(pictures, { format: 'YOLO', labelNames: ['cat', 'dog'] });
 * ```
 *
 * Coordinates are written to a hundredth of a pixel (YOLO: a millionth of the side). Pictures of the same name, endings left out,
 * get a number.
 *
 * @throws VisionOptionError for a label without a name, or a picture's name with a folder. UnknownOptionError.
 */
export function labelFiles(pictures: readonly LabelledImage[], options: LabelFilesOptions): LabelFiles {
  const { format, labelNames } = checkOptions('labelFiles', options, {
    format: ['Pascal VOC', 'COCO', 'YOLO'],
    labelNames: 'object',
  });
  const taken = new Set<string>();
  const rows = pictures.map((picture): Row => {
    const { file, label, part = 'train' } = picture;
    if (/[/\\]/.test(file)) throw new VisionOptionError('labelFiles', 'file', 'a name without folders', file);
    const unknown = Array.from(label).find((class_) => labelNames[class_] === undefined);
    if (unknown !== undefined)
      throw new VisionOptionError(
        'labelFiles',
        `label of ${file}`,
        `0 to ${labelNames.length - 1}, one for each name`,
        unknown,
      );
    const ending = file.slice(stemOf(file).length);
    let stem = stemOf(file);
    for (let n = 2; taken.has(stem.toLowerCase()); n++) stem = `${stemOf(file)}-${n}`;
    taken.add(stem.toLowerCase());
    return { ...picture, part, stem, file: stem + ending };
  });
  return writers[format](rows, labelNames);
}
