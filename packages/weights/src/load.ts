/** The one door by which weights come in. */
import {
  checkOptions,
  InvalidArgumentError,
  Link,
  type MatchReport,
  type NameMapFor,
  type OptionKinds,
  type OtherNames,
  otherMatchNames,
  pickOptions,
  type Serializable,
  type TransferOptions,
  transferKinds,
  transferParams,
} from '@chaingrad/core';
import { applyCalibration, readCalibration } from './calibration.ts';
import type { WeightFile } from './formats/weight-file.ts';
import { type NameMapName, resolveNames } from './names/index.ts';
import {
  type OpenOptions,
  openAny,
  openKinds,
  openPretrained,
  openWeights,
  type WeightSource,
} from './open-weights.ts';
import { findPretrained, type Pretrained } from './pretrained.ts';
import { otherCacheNames } from './sources/cache/cached-file.ts';

export interface LoadOptions extends Omit<TransferOptions, 'names' | 'onProgress'>, OpenOptions {
  /** The names and layouts of another framework: a map, or the name of one of `nameMaps`. */
  readonly names?: NameMapFor | NameMapName | undefined;
}

export const loadKinds: OptionKinds<LoadOptions> = { ...transferKinds, ...openKinds };

export const otherLoadNames: OtherNames = { ...otherCacheNames, ...otherMatchNames };

/**
 * Loads weights of any format from anywhere into a model, or into an optimizer.
 *
 * ```ts
 * const report = await load(model, 'vgg16-397923af.pth', { names: 'torchvision-vgg16' });
 * console.log(report.summary());
 * ```
 *
 * Shapes must be equal: nothing is broadcast or reshaped. Files are read piece by piece into the tensors that the model then
 * has. Whatever goes wrong, the model is as it was. What a file tells of the inputs of convolutions (`calibrate`) is set where their
 * filters came from it under the same path; all others compute in float from then on, as their ranges were of other weights.
 * @param source a name of the pretrained table (of the model's class: `voc0712`), an address, a path, a File or Blob, bytes, a
 *   stream; or an opened file, which stays open.
 * @param options `match` is 'exact' and `onMismatch` 'throw' where they are not given.
 * @returns what was copied, and what was not.
 * @throws MismatchError when the file does not fit; NothingToDoError when no name does; UnknownOptionError.
 * @throws FormatError when it is damaged; SourceError, DownloadError when it cannot be read.
 */
export async function load(
  target: Serializable,
  source: WeightSource | WeightFile,
  options: LoadOptions = {},
): Promise<MatchReport> {
  checkOptions('load', options, loadKinds, otherLoadNames);
  if (isWeightFile(source)) return loadOpened(target, source, options);
  const entry = typeof source === 'string' ? findPretrained(source, tableOf(target)) : null;
  await using file = entry === null ? await openAny(source, options) : await openPretrained(entry, options);
  return await loadOpened(target, file, entry === null ? options : withEntry(options, entry));
}

/** The options that an entry of the table implies, where they are not given. */
export const withEntry = <O extends LoadOptions>(options: O, { names, match }: Pretrained<object>): O => ({
  ...options,
  names: options.names ?? names,
  match: options.match ?? match,
});

/** @throws as `load`. */
export async function loadOpened(
  target: Serializable,
  file: WeightFile,
  options: LoadOptions,
): Promise<MatchReport> {
  // Before anything is changed.
  const calibration = readCalibration(file);
  const report = await transferParams(file, target, {
    ...pickOptions(options, transferKinds),
    match: options.match ?? 'exact',
    onMismatch: options.onMismatch ?? 'throw',
    names: resolveNames(options.names),
  });
  if (target instanceof Link) applyCalibration(target, file.file, calibration, report, options);
  return report;
}

export const isWeightFile = (source: unknown): source is WeightFile =>
  typeof source === 'object' && source !== null && 'chunks' in source && 'format' in source;

type Table = Readonly<Record<string, Pretrained<object>>>;

/** The pretrained weights of a model's class. */
const tableOf = (target: Serializable): Table =>
  target instanceof Link ? ((target.constructor as { pretrained?: Table }).pretrained ?? {}) : {};

/**
 * Loads an npz file, Chainer's or ours, into a link or an optimizer (Chainer's `load_npz`): `load`, and no other format.
 *
 * Unlike Chainer, names must be the same on both sides (see `match`), nothing is broadcast, no pickle is run, and a file that
 * does not fit changes nothing.
 * @throws as `load`.
 */
export async function loadNpz(
  source: WeightSource,
  target: Serializable,
  options: Omit<LoadOptions, 'format'> = {},
): Promise<MatchReport> {
  if (target === undefined)
    throw new InvalidArgumentError('loadNpz', 'a source, then a link or an optimizer', 'one');
  const { format: _, ...kinds } = loadKinds;
  checkOptions('loadNpz', options, kinds, otherLoadNames);
  await using file = await openWeights(source, { ...pickOptions(options, openKinds), format: 'npz' });
  return await loadOpened(target, file, options);
}
