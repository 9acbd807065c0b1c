import { type ArrayFile, FormatError, type Link, type SerialEntry, type Serializable } from '@chaingrad/core';
import type { ScoreFunction } from './ssd/multibox-coder.ts';

/** What a detector's file tells beside the parameters, so that whoever loads it decodes alike. */
export interface DetectorAbout {
  /** The model by name, as the command line calls it. */
  readonly model: string;
  /** Names of the classes in the order of the labels. */
  readonly labelNames: readonly string[];
  /** How class outputs become scores. */
  readonly scoreFunction: ScoreFunction;
}

/** The key of the array that holds it: one string of JSON. NumPy reads it, Chainer passes it over. */
const KEY = 'chaingrad.about';

/**
 * A detector with what its file must tell, to be saved in place of the model alone.
 *
 * ```ts
 * await saveNpz('best.npz', describedDetector(model, { model: 'ssd300', labelNames, scoreFunction: 'softmax' }));
 * ```
 */
export const describedDetector = (model: Link, about: DetectorAbout): Serializable => ({
  *serialEntries(prefix = ''): Generator<SerialEntry> {
    yield* model.serialEntries(prefix);
    yield {
      key: prefix + KEY,
      kind: 'state',
      shape: [],
      optional: true,
      read: () => JSON.stringify(about),
      write() {},
    };
  },
});

/**
 * What a file tells about its detector; null where it tells nothing, as Chainer's files.
 * @throws FormatError when that part is damaged.
 */
export function readDetectorAbout(file: ArrayFile): DetectorAbout | null {
  if (!file.has(KEY)) return null;
  const array = file.read(KEY);
  const place = { file: file.file, key: KEY };
  const text = array.dtype === 'str' ? array.data[0] : undefined;
  if (text === undefined) throw new FormatError(place, 'a string', array.dtype);
  let about: unknown;
  try {
    about = JSON.parse(text);
  } catch (error) {
    throw new FormatError(place, 'JSON', (error as Error).message, undefined, error);
  }
  const { model, labelNames, scoreFunction } = (about ?? {}) as Partial<Record<keyof DetectorAbout, unknown>>;
  const areNames = Array.isArray(labelNames) && labelNames.every((name) => typeof name === 'string');
  if (
    typeof model !== 'string' ||
    !areNames ||
    (scoreFunction !== 'softmax' && scoreFunction !== 'sigmoid')
  ) {
    throw new FormatError(place, 'model, labelNames and scoreFunction', text.slice(0, 200));
  }
  return { model, labelNames: labelNames as string[], scoreFunction };
}
