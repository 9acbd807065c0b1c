/** Weights in another format: all of them, in fewer bits, in several files. */
import {
  type BinaryDtype,
  bytesOfArray,
  ChaingradError,
  checkOptions,
  elementCount,
  FormatError,
  findKey,
  InvalidArgumentError,
  isBinary,
  type NamedArray,
  type NameMap,
  type NameMapFor,
  NothingToDoError,
  readArray,
  Scatter,
  toFloat32Array,
} from '@chaingrad/core';
import { calibratedFilters } from './calibration.ts';
import { writeNpz } from './formats/npz.ts';
import { join } from './formats/pieces.ts';
import {
  type ArrayLoss,
  dequantize,
  dequantizeChannels,
  isReducible,
  lossOf,
  quantize,
  quantizeChannels,
  toHalf,
} from './formats/quantize.ts';
import { scaleName, writeSafetensors } from './formats/safetensors.ts';
import type { WeightFile } from './formats/weight-file.ts';
import { type NameMapName, resolveNames } from './names/index.ts';

type ReducedDtype = 'f16' | 'u8' | 'i8';

export interface ConvertOptions {
  /**
   * 'f16' halves what is float32; 'i8' (safetensors) and 'u8' (tfjs) quarter it: 'i8' with a scale for each output channel, as
   * convolutions round their filters that compute in 8 bits, 'u8' with one scale and minimum. Of a calibrated model 'i8' quarters those
   * filters, and halves all others. Arrays of one dimension or none stay
   * as they are. Default: everything stays as it is read; 'i8' and 'u8' are read as float32.
   */
  readonly dtype?: ReducedDtype | undefined;
  /** The most bytes of values in a file; more are divided. Default: one file. Not for npz. */
  readonly shards?: number | undefined;
  /** The names of another framework, to be turned into ours. */
  readonly names?: NameMapFor | NameMapName | undefined;
}

/** A file to be written beside the others. */
export interface ConvertedFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Conversion {
  /** The first is the one to open. */
  readonly files: readonly ConvertedFile[];
  /** What each array that was changed has lost. */
  readonly losses: readonly ArrayLoss[];
  /** Names that the target's format cannot hold (texts, None). */
  readonly left: readonly string[];
}

type BinaryArray = Extract<NamedArray, { dtype: BinaryDtype }>;

/**
 * Converts an opened file.
 * @param name the name of the file to be: `.npz`, `.safetensors` or `.json` (tfjs) say what format.
 * @throws InvalidArgumentError for another ending, or options that the format does not have; FormatError for damaged
 * content, and for values that fewer bits cannot hold; NothingToDoError when no array would be written.
 */
export async function convertWeights(
  file: WeightFile,
  name: string,
  options: ConvertOptions = {},
): Promise<Conversion> {
  const {
    dtype,
    shards = Number.POSITIVE_INFINITY,
    names,
  } = checkOptions(
    'convertWeights',
    options,
    { dtype: ['f16', 'u8', 'i8'], shards: 'number', names: 'any' },
    { parameterDtype: 'dtype', quantize: "dtype: 'u8'", maxBytes: 'shards' },
  );
  const [, stem, ending] = /^(.*)\.(npz|safetensors|json)$/.exec(name) ?? [];
  if (stem === undefined)
    throw new InvalidArgumentError('convert', 'a name in .npz, .safetensors or .json', name);
  if (dtype === 'u8' && ending !== 'json') {
    const advice = 'Only tfjs has a place for scale and minimum; i8 is for .safetensors.';
    throw new InvalidArgumentError('convert dtype u8', 'a name in .json (tfjs)', name, advice);
  }
  if (dtype === 'i8' && ending !== 'safetensors') {
    const advice = 'Only there has each channel its scale; u8 is for .json.';
    throw new InvalidArgumentError('convert dtype i8', 'a name in .safetensors', name, advice);
  }
  if (ending === 'npz' && Number.isFinite(shards)) {
    throw new InvalidArgumentError('convert shards', 'a name in .safetensors or .json', name);
  }
  if (!(shards > 0)) throw new InvalidArgumentError('convert shards', 'a number of bytes', shards);
  const map = resolveNames(names);
  if (typeof map === 'function') {
    throw new InvalidArgumentError(
      'convert names',
      'a map that needs no model',
      names,
      'Load it into a model, and save that.',
    );
  }
  const left: string[] = [];
  const losses: ArrayLoss[] = [];
  const holds = (array: NamedArray) =>
    isBinary(array) ||
    (array.dtype === 'str' ? ending === 'npz' : array.dtype === 'object-null' && ending !== 'json');
  const arrays = atLeastOne(converted(file, map, holds, left), file, left);
  const filters = new Set(dtype === 'i8' ? calibratedFilters(file) : []);
  const dtypeOf = (key: string) => (filters.size === 0 || filters.has(`/${key}`) ? dtype : 'f16');
  const reduced = reduce(arrays, dtypeOf, losses, file.file);
  const metadata = Object.fromEntries([...file.metadata].filter(([key]) => key.startsWith('chaingrad.')));
  const files =
    ending === 'json'
      ? await writeTfjs(reduced, stem, shards, metadata)
      : ending === 'npz'
        ? [{ name, bytes: writeNpz(await collect(reduced), { metadata }) }]
        : await writeShards(reduced, stem, shards, metadata);
  return { files, losses, left };
}

/** What is written of an array: as it is, in half, or quantized; with one scale, or with one for each channel. */
type Written = NamedArray & {
  readonly quantization?: { readonly scale: number; readonly min: number };
  readonly scales?: Float32Array<ArrayBuffer>;
};

/** @throws NothingToDoError at the end when there was none: an empty file is a loss of everything. */
async function* atLeastOne<T>(arrays: AsyncIterable<T>, { file }: WeightFile, left: readonly string[]) {
  let any = false;
  for await (const array of arrays) {
    any = true;
    yield array;
  }
  const found =
    left.length === 0 ? 'it has no arrays' : `the format cannot hold ${left.slice(0, 4).join(', ')}`;
  if (!any) throw new NothingToDoError(`${file}: nothing would be written: ${found}.`);
}

async function* converted(
  file: WeightFile,
  map: NameMap | undefined,
  holds: (array: NamedArray) => boolean,
  left: string[],
): AsyncGenerator<[string, NamedArray]> {
  for (const [ours, key, transform] of map === undefined
    ? file.keys().map((key) => [key, key, undefined] as const)
    : mappedKeys(file, map)) {
    const array = await readArray(file, key);
    if (!holds(array)) left.push(key);
    else if (transform === undefined) yield [ours, array];
    else {
      const place = { file: file.file, key };
      const plan = transform(array.shape);
      if (plan === null)
        throw new FormatError(place, `a shape of ${map!.title}`, `(${array.shape.join(', ')})`);
      const data = new Float32Array(plan.shape.reduce((a, b) => a * b, 1));
      new Scatter(plan).write(data, toFloat32Array(array, place));
      yield [ours, { shape: plan.shape, dtype: 'float32', data }];
    }
  }
}

/** Of each of our names the one in the file. */
function mappedKeys(file: WeightFile, map: NameMap) {
  return Object.entries(map.names).map(([ours, { from, transform }]) => {
    const key = [from]
      .flat()
      .map((name) => findKey(file, name))
      .find((found) => found !== undefined);
    if (key === undefined)
      throw new ChaingradError(`${file.file}: no '${[from].flat()[0]}', as ${map.title} has it.`);
    return [ours, key, transform] as const;
  });
}

async function* reduce(
  arrays: AsyncIterable<[string, NamedArray]>,
  dtypeOf: (key: string) => ReducedDtype | undefined,
  losses: ArrayLoss[],
  file: string,
): AsyncGenerator<[string, Written]> {
  for await (const [key, array] of arrays) {
    const place = { file, key };
    const dtype = dtypeOf(key);
    if (dtype === undefined || !isReducible(array)) yield [key, array];
    else if (dtype === 'f16') {
      const half = toHalf(array, place);
      losses.push(lossOf(key, array, toFloat32Array(half, place)));
      yield [key, half];
    } else if (dtype === 'i8') {
      const channels = quantizeChannels(array, place);
      const { shape } = array;
      losses.push(lossOf(key, array, dequantizeChannels(channels, elementCount(shape.slice(1), place))));
      yield [key, { shape, dtype: 'int8', ...channels }];
    } else {
      const { shape, data, scale, min } = quantize(array, place);
      losses.push(lossOf(key, array, dequantize(data, { scale, min })));
      yield [key, { shape, dtype: 'uint8', data, quantization: { scale, min } }];
    }
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Bytes of an array, its scales included. */
const sizeOf = (array: Written): number =>
  (isBinary(array) ? array.data.byteLength : 0) + (array.scales?.byteLength ?? 0);

/** Groups of arrays of at most so many bytes; an array that is larger is alone. */
function grouped(arrays: readonly [string, Written][], limit: number): [string, Written][][] {
  const groups: [string, Written][][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const entry of arrays) {
    const length = sizeOf(entry[1]);
    if (size + length > limit || groups.length === 0) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)!.push(entry);
    size += length;
  }
  return groups;
}

const numbered = (stem: string, i: number, count: number, ending: string): string =>
  `${stem}-${`${i + 1}`.padStart(5, '0')}-of-${`${count}`.padStart(5, '0')}.${ending}`;

/** One safetensors file, or several with the index that Hugging Face's tools write. */
async function writeShards(
  arrays: AsyncIterable<[string, Written]>,
  stem: string,
  limit: number,
  metadata: Readonly<Record<string, string>>,
): Promise<ConvertedFile[]> {
  const all = await collect(arrays);
  const names = new Set(all.map(([key]) => key));
  const groups = grouped(all, limit).map((group) => group.flatMap((entry) => withScales(entry, names)));
  if (groups.length <= 1)
    return [{ name: `${stem}.safetensors`, bytes: writeSafetensors(groups[0] ?? [], metadata) }];
  const files = groups.map((_, i) => numbered(stem, i, groups.length, 'safetensors'));
  const weightMap = Object.fromEntries(groups.flatMap((group, i) => group.map(([key]) => [key, files[i]!])));
  const total = all.reduce((n, [, array]) => n + sizeOf(array), 0);
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  return [
    { name: `${stem}.safetensors.index.json`, bytes: json(index) },
    ...groups.map((group, i) => ({ name: files[i]!, bytes: writeSafetensors(group, metadata) })),
  ];
}

/**
 * An array, and its scales beside it where it has any.
 * @param names of all arrays.
 * @throws FormatError where another array has the name of the scales.
 */
function withScales([key, array]: [string, Written], names: ReadonlySet<string>): [string, NamedArray][] {
  const { scales } = array;
  if (scales === undefined) return [[key, array]];
  const name = scaleName(key);
  if (names.has(name)) {
    const place = { file: 'safetensors', key: name };
    throw new FormatError(place, `a free name for the scales of '${key}'`, 'another array', 'Rename it.');
  }
  return [
    [key, array],
    [name, { shape: [scales.length], dtype: 'float32', data: scales }],
  ];
}

/** A weights manifest of tfjs, with its shards. */
async function writeTfjs(
  arrays: AsyncIterable<[string, Written]>,
  stem: string,
  limit: number,
  metadata: Readonly<Record<string, string>>,
): Promise<ConvertedFile[]> {
  const groups = grouped(await collect(arrays), limit);
  const shards = groups.map((group, i) => ({
    name: numbered(stem, i, groups.length, 'bin'),
    bytes: join(group.map(([key, array]) => bytesOfArray(forTfjs(array, key)))),
  }));
  const weightsManifest = groups.map((group, i) => ({
    paths: [shards[i]!.name.replace(/^.*[/\\]/, '')],
    weights: group.map(([name, array]) => tfjsEntry(name, array)),
  }));
  return [
    { name: `${stem}.json`, bytes: json({ weightsManifest, userDefinedMetadata: metadata }) },
    ...shards,
  ];
}

/** tfjs knows float32, int32, bool and, quantized, float16 and uint8. */
function forTfjs(array: Written, key: string): BinaryArray {
  if (array.quantization !== undefined || ['float32', 'float16', 'int32', 'bool'].includes(array.dtype)) {
    return array as BinaryArray;
  }
  return { shape: array.shape, dtype: 'float32', data: toFloat32Array(array, { file: 'tfjs', key }) };
}

function tfjsEntry(name: string, array: Written): object {
  const { shape, dtype, quantization } = array;
  if (quantization !== undefined) {
    return {
      name,
      shape,
      dtype: 'float32',
      quantization: { dtype: 'uint8', ...quantization, original_dtype: 'float32' },
    };
  }
  if (dtype === 'float16') {
    return { name, shape, dtype: 'float32', quantization: { dtype: 'float16', original_dtype: 'float32' } };
  }
  return { name, shape, dtype: forTfjs(array, name).dtype };
}

const json = (value: unknown): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
