import { ChaingradError, FormatError } from '@chaingrad/core';
import type { WeightFile } from './formats/weight-file.ts';
import { jsonMetadata } from './json-metadata.ts';

/** What a file of ours tells of its model beside the parameters, so that whoever loads it builds the same and decodes alike. */
export interface About {
  /** The model's class, e.g. `SSD300`. */
  readonly model: string;
  /** Classes without the background. */
  readonly nFgClass: number;
  /** Names of the classes in the order of the labels, or null where they have none. */
  readonly labelNames: readonly string[] | null;
  /** How class outputs become scores. */
  readonly scoreFunction: 'softmax' | 'sigmoid';
  /** Side of the input in pixels, where the class has several. */
  readonly insize?: number;
  /** Tiles along a side of an image, for detectors that look at it in parts. */
  readonly tiles?: number;
  /** How detectors suppress overlapping boxes, where not hard. */
  readonly nms?: 'soft';
}

/** Where the metadata of a file hold it, as JSON. */
const key = 'chaingrad.about';

/** The metadata that a writer must add. */
export const aboutMetadata = (about: About): Record<string, string> => ({ [key]: JSON.stringify(about) });

/**
 * What a file tells of its model; null where it tells nothing, as other programs' files.
 * @throws FormatError when that part is damaged.
 */
export function readAbout(file: Pick<WeightFile, 'file' | 'metadata'>): About | null {
  const found = jsonMetadata(file, key);
  if (found === null) return null;
  const { value: about, text, place } = found;
  const { model, nFgClass, labelNames, scoreFunction, insize, tiles, nms } = (about ?? {}) as Partial<
    Record<keyof About, unknown>
  >;
  const names = labelNames ?? null;
  const areNames = Array.isArray(names) && names.every((name) => typeof name === 'string');
  const isFunction = scoreFunction === 'softmax' || scoreFunction === 'sigmoid';
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
  const more = Object.entries({ insize, tiles }).filter(([, value]) => value !== undefined);
  if (
    typeof model !== 'string' ||
    !isCount(nFgClass) ||
    !(names === null || areNames) ||
    !isFunction ||
    !more.every(([, value]) => isCount(value)) ||
    !(nms === undefined || nms === 'soft')
  ) {
    throw new FormatError(
      place,
      "model, nFgClass, labelNames, scoreFunction, numbers, and nms 'soft' or none",
      text.slice(0, 200),
    );
  }
  return {
    model,
    nFgClass: nFgClass as number,
    labelNames: names as string[] | null,
    scoreFunction,
    ...(Object.fromEntries(more) as Pick<About, 'insize' | 'tiles'>),
    ...(nms === undefined ? {} : { nms }),
  };
}

/** A file of another model. */
export class OtherModelError extends ChaingradError {
  constructor(
    readonly file: string,
    /** The class of which the file is. */
    readonly model: string,
    readonly expected: string,
  ) {
    super(
      `${file}: expected weights of ${expected}, got those of ${model}. Use ${model}.fromPretrained('${file}').`,
    );
  }
}
