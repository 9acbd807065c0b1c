/** The calibration of a model in the file of its weights. */
import {
  type Calibration,
  calibrationOf,
  FormatError,
  isInputRange,
  Link,
  listNames,
  type MatchReport,
  roundableConvolutions,
  type Serializable,
  setCalibration,
} from '@chaingrad/core';
import type { WeightFile } from './formats/weight-file.ts';
import { jsonMetadata } from './json-metadata.ts';

/** Where the metadata of a file hold it, as JSON. */
const key = 'chaingrad.calibration';

/** The metadata that a writer must add; none where no convolution computes in 8 bits. */
export function calibrationMetadata(target: Serializable): Record<string, string> {
  const calibration = target instanceof Link ? calibrationOf(target) : {};
  return Object.keys(calibration).length === 0 ? {} : { [key]: JSON.stringify(calibration) };
}

/**
 * The ranges of the inputs of a model's convolutions that a file tells; empty where it tells none.
 * @throws FormatError when that part is damaged.
 */
export function readCalibration(file: Pick<WeightFile, 'file' | 'metadata'>): Calibration {
  const found = jsonMetadata(file, key);
  if (found === null) return {};
  const { value: calibration, text, place } = found;
  if (
    typeof calibration !== 'object' ||
    calibration === null ||
    Array.isArray(calibration) ||
    !Object.entries(calibration).every(([path, range]) => path.startsWith('/') && isInputRange(range))
  ) {
    const expected = "paths that begin with '/', each with two numbers around 0, at most 1e30 apart";
    throw new FormatError(place, expected, text);
  }
  return calibration as Calibration;
}

/** The paths of the filters of the convolutions that a file tells ranges for. */
export const calibratedFilters = (file: Pick<WeightFile, 'file' | 'metadata'>): string[] =>
  Object.keys(readCalibration(file)).map(filterOf);

/** What a range needs to be found for. */
interface Loaded {
  readonly at?: string | undefined;
  readonly rename?: ((path: string) => string) | undefined;
}

/**
 * Gives the convolutions whose filters a model has just got from a file the ranges that the file has for them, and takes those of all
 * others away: they were of other weights. Ranges that no convolution gets, though nothing in the report says why, are told by a warning.
 * @param calibration what the file tells, with its own paths.
 */
export function applyCalibration(
  model: Link,
  file: string,
  calibration: Calibration,
  { copied, ...rest }: MatchReport,
  { at = '', rename = (path) => path }: Loaded,
): void {
  const inner = at.replace(/^\/+|\/+$/g, '');
  const root = inner === '' ? '' : `/${inner}`;
  const given = new Map(Object.entries(calibration));
  const taken = new Set(copied);
  const found: Record<string, Calibration[string]> = {};
  for (const [path] of roundableConvolutions(model)) {
    const place = path === '/' ? root || '/' : root + path;
    const range = given.get(place);
    const filter = filterOf(path);
    if (range === undefined || !taken.has(filter) || rename(filter).replace(/^\/?/, '/') !== filter) continue;
    found[path] = range;
    given.delete(place);
  }
  setCalibration(model, found);
  const told = new Set([
    ...rest.unusedInSrc,
    ...rest.ignored,
    ...[...rest.mismatched, ...rest.partial].map(({ name }) => name),
  ]);
  const lost = [...given.keys()].filter(
    (place) => `${place}/`.startsWith(`${root}/`) && !told.has(filterOf(place.slice(root.length))),
  );
  if (lost.length > 0)
    console.warn(`${file}: calibrated for 8 bits, but no such convolution was loaded: ${listNames(lost)}`);
}

const filterOf = (path: string): string => (path === '/' ? '/W' : `${path}/W`);
