/** A file of weights of any format from anywhere. */
import { checkOptions, FormatError, type OptionKinds, pickOptions } from '@chaingrad/core';
import { type Beside, neighbour } from './formats/beside.ts';
import { Hdf5Weights, isHdf5 } from './formats/hdf5.ts';
import { isKerasArchive, kerasWeights } from './formats/keras.ts';
import { MemoryWeights } from './formats/memory-weights.ts';
import { NpzWeights } from './formats/npz.ts';
import { isLegacyPytorch, PytorchWeights } from './formats/pytorch.ts';
import { SafetensorsWeights } from './formats/safetensors.ts';
import { openManifest, readTfjsModel, type TfjsModel } from './formats/tfjs.ts';
import { readTfliteConstants, readTfliteGraph, type TfliteGraph } from './formats/tflite.ts';
import type { WeightFile, WeightFormat } from './formats/weight-file.ts';
import { withoutWrapper } from './formats/without-wrapper.ts';
import { ZipFile } from './formats/zip-file.ts';
import { findPretrained, type NpmSource, type Pretrained } from './pretrained.ts';
import { cachedFile, cacheKinds, otherCacheNames } from './sources/cache/cached-file.ts';
import { type ChainercvOptions, chainercvFile, chainercvKinds } from './sources/chainercv.ts';
import { retryKinds } from './sources/download/retry.ts';
import { openHttpRanges } from './sources/http-ranges.ts';
import { hubAddress } from './sources/hugging-face.ts';
import { node } from './sources/node.ts';
import { type PackagedOptions, packagedFile, packagedKinds } from './sources/npm.ts';
import { openRandomAccess, PartAccess, type RandomAccess } from './sources/random-access.ts';
import type { ByteSource } from './sources/read-bytes.ts';
import { SourceError } from './sources/source-error.ts';

/**
 * Where weights come from: a name of the pretrained table (`SSD300/voc0712`, `ssd-mobilenet-v2-oid`), an address, also of the
 * Hugging Face hub (`hf:owner/name/file`), a path in Node, a File or Blob, bytes, a stream; or the files of a tfjs model, the
 * manifest first.
 */
export type WeightSource = ByteSource | readonly File[];

export interface OpenOptions extends PackagedOptions, ChainercvOptions {
  /** The format, where the first bytes shall not decide. */
  readonly format?: WeightFormat | undefined;
  /**
   * 'whole' (default): a file of an address is downloaded into the cache. 'ranges': only the parts that are needed are
   * fetched, and not kept; a server that cannot send ranges is asked for the whole.
   */
  readonly fetch?: 'whole' | 'ranges' | undefined;
}

export const openKinds: OptionKinds<OpenOptions> = {
  ...packagedKinds,
  ...chainercvKinds,
  format: ['npz', 'safetensors', 'pytorch', 'hdf5', 'tfjs', 'tflite'],
  fetch: ['whole', 'ranges'],
};

/**
 * Opens a file of weights: npz, safetensors, PyTorch's, HDF5 (Keras), tfjs, TFLite.
 *
 * ```ts
 * await using file = await openWeights('https://example.org/vgg16.safetensors', { fetch: 'ranges' });
 * console.log(file.keys(), await file.info('conv1_1/conv/W'));
 * ```
 *
 * @throws SourceError, DownloadError when it cannot be read; FormatError when it is of no known format, or damaged;
 *   UnknownOptionError.
 */
export async function openWeights(source: WeightSource, options: OpenOptions = {}): Promise<WeightFile> {
  checkOptions('openWeights', options, openKinds, otherCacheNames);
  const entry = typeof source === 'string' ? findPretrained(source) : null;
  return entry === null ? openAny(source, options) : openPretrained(entry, options);
}

/**
 * Reads a tfjs model whole: its `model.json` and the arrays of its shards, which lie beside it.
 * @throws as `openWeights`; FormatError also where the file is no `model.json`.
 */
export async function openTfjsModel(source: WeightSource, options: OpenOptions = {}): Promise<TfjsModel> {
  checkOptions('openTfjsModel', options, openKinds, otherCacheNames);
  const entry = typeof source === 'string' ? findPretrained(source)?.source : undefined;
  const { access, beside } =
    typeof entry === 'object' && entry.kind === 'npm'
      ? await openPackaged(entry, options)
      : await openBeside(source, options);
  try {
    return await readTfjsModel(access, beside);
  } catch (error) {
    await access.close();
    throw error;
  }
}

/**
 * Reads the network of a TFLite file whole.
 * @throws as `openWeights`; FormatError also where the file is none of TFLite.
 */
export async function openTfliteGraph(
  source: WeightSource,
  options: OpenOptions = {},
): Promise<{ readonly file: string; readonly graph: TfliteGraph }> {
  checkOptions('openTfliteGraph', options, openKinds, otherCacheNames);
  const entry = typeof source === 'string' ? findPretrained(source)?.source : undefined;
  const { access } =
    typeof entry === 'object' && entry.kind === 'npm'
      ? await openPackaged(entry, options)
      : await openBeside(source, options);
  try {
    const file = access.name;
    return { file, graph: readTfliteGraph(await access.read(0, access.size), file) };
  } finally {
    await access.close();
  }
}

/** A file, and how those beside it are opened. */
interface Opened {
  readonly access: RandomAccess;
  readonly beside: Beside;
}

/** Opens the weights of an entry of the pretrained table. */
export async function openPretrained(
  { source }: Pick<Pretrained<object>, 'source'>,
  options: OpenOptions,
): Promise<WeightFile> {
  if (typeof source === 'string') return openAny(source, options);
  if (source.kind === 'chainercv') {
    return openFormat(await openRandomAccess(await chainercvFile(source, options), signalOf(options)), 'npz');
  }
  const { access, beside } = await openPackaged(source, options);
  return openFormat(access, undefined, beside);
}

async function openPackaged(
  { package: name, version, part, files }: NpmSource,
  options: OpenOptions,
): Promise<Opened> {
  const open = async (file: (typeof files)[number]) =>
    openRandomAccess(await packagedFile({ package: name, version, ...file }, options), signalOf(options));
  const whole = await open(files[0]!);
  const access = part === undefined ? whole : new PartAccess(whole, ...part);
  const beside = async (path: string) => {
    const other = files.find(({ file }) => file.endsWith(`/${path}`));
    if (other === undefined)
      throw new SourceError(access.name, 'a file of the package', path, 'Install it anew.');
    return open(other);
  };
  return { access, beside };
}

/**
 * Opens a source that is no name.
 * @param part the bytes that are looked at where the whole is of no known format.
 */
export async function openAny(
  source: WeightSource,
  options: OpenOptions,
  part?: readonly [start: number, end: number],
): Promise<WeightFile> {
  const { access, beside } = await openBeside(source, options, part);
  return openFormat(access, options.format, beside, Array.isArray(source) ? undefined : part);
}

async function openBeside(
  source: WeightSource,
  options: OpenOptions,
  part?: readonly [start: number, end: number],
): Promise<Opened> {
  if (Array.isArray(source)) return openFiles(source as readonly File[], options);
  const access = await openSource(source as ByteSource, options, async (file) => {
    await refusePage(file);
    const isKnown = options.format !== undefined || part !== undefined || (await sniff(file)) !== null;
    if (!isKnown) throw await unknownFormat(file);
  });
  const beside = async (path: string) => {
    const other = neighbour(source as ByteSource, path);
    if (other !== null) return openSource(other, options, refusePage);
    const advice = 'Give its path or address, or a list of Files: [model.json, ...shards].';
    throw new SourceError(access.name, `the shard ${path}`, 'a manifest alone', advice);
  };
  return { access, beside };
}

/** A list of Files, as a page gets them from the user. */
async function openFiles(files: readonly File[], options: OpenOptions): Promise<Opened> {
  const [first] = files;
  if (first === undefined) throw new SourceError('files', 'at least one File', 'none', 'Choose some.');
  const access = await openRandomAccess(first, signalOf(options));
  const beside = async (path: string) => {
    const file = files.find(({ name }) => name === path.replace(/^.*[/\\]/, ''));
    if (file === undefined)
      throw new SourceError(first.name, `the shard ${path}`, 'no such File', 'Choose it, too.');
    return openRandomAccess(file, signalOf(options));
  };
  return { access, beside };
}

/** @param check looks at a file of an address before the cache keeps it, and throws where it is none of weights. */
async function openSource(
  source: ByteSource,
  options: OpenOptions,
  check: (file: RandomAccess) => Promise<void>,
): Promise<RandomAccess> {
  const url = webAddress(source);
  if (url === null) return openRandomAccess(source, signalOf(options));
  const ranged =
    options.fetch === 'ranges' ? await openHttpRanges(url, pickOptions(options, retryKinds)) : null;
  if (ranged !== null) return ranged;
  const named = { ...signalOf(options), name: url };
  const file = await cachedFile(url, {
    ...pickOptions(options, cacheKinds),
    async check(source) {
      await using access = await openRandomAccess(source, named);
      await check(access);
      await options.check?.(source);
    },
  });
  return openRandomAccess(file, named);
}

/** @throws FormatError for a page, e.g. of a server that wants a password. */
async function refusePage(access: RandomAccess): Promise<void> {
  const start = await access.read(0, Math.min(512, access.size));
  if (/^\s*<(!doctype\s+)?html\b/i.test(String.fromCharCode(...start))) throw await unknownFormat(access);
}

const signalOf = ({ signal }: OpenOptions) => ({ signal });

/** The address of a source that must be fetched; null for what is at hand, or a path. */
export function webAddress(source: ByteSource): string | null {
  if (source instanceof URL) return source.protocol === 'file:' ? null : source.href;
  if (typeof source !== 'string') return null;
  const hub = hubAddress(source);
  if (hub !== null) return hub;
  if (/^[a-z][a-z0-9+.-]+:/i.test(source)) return /^file:/i.test(source) ? null : source;
  // In a page a bare name is an address relative to it.
  return node() === null
    ? new URL(source, globalThis.document?.baseURI ?? globalThis.location?.href).href
    : null;
}

const names: Readonly<Record<string, WeightFormat>> = {
  npz: 'npz',
  safetensors: 'safetensors',
  json: 'tfjs',
  tflite: 'tflite',
  h5: 'hdf5',
  hdf5: 'hdf5',
  keras: 'hdf5',
  pth: 'pytorch',
  pt: 'pytorch',
};

/** What a file is, by its first bytes; where several formats begin alike (zip), by its entries; null where it is none. */
async function sniff(access: RandomAccess): Promise<WeightFormat | null> {
  const start = await access.read(0, Math.min(16, access.size));
  const text = String.fromCharCode(...start);
  if (isHdf5(start)) return 'hdf5';
  if (isLegacyPytorch(start)) return 'pytorch';
  if (text.slice(4, 8) === 'TFL3') return 'tflite';
  if (text.startsWith('PK')) return sniffArchive(access);
  const ending = endingOf(access.name);
  // A length of eight bytes, then JSON.
  if (start[8] === 0x7b && ending !== 'tfjs') return 'safetensors';
  if (/^\s*[[{]/.test(text)) return 'tfjs';
  return null;
}

async function unknownFormat(access: RandomAccess): Promise<FormatError> {
  const start = String.fromCharCode(...(await access.read(0, Math.min(16, access.size))));
  return new FormatError(
    { file: access.name },
    `a file of weights (${[...new Set(Object.values(names))].join(', ')})`,
    access.size === 0 ? 'an empty file' : JSON.stringify(start),
    'Is it the page of a website in place of the file? Otherwise convert it first.',
  );
}

/** The format that the ending of a name stands for. */
function endingOf(name: string): WeightFormat | undefined {
  const ending = /\.(\w+)(?:\?.*)?$/.exec(name)?.[1]?.toLowerCase() ?? '';
  return Object.hasOwn(names, ending) ? names[ending] : undefined;
}

async function sniffArchive(access: RandomAccess): Promise<WeightFormat> {
  const { records } = await ZipFile.open(access);
  if ([...records.keys()].some((name) => /^[^/]+\/data\.pkl$/.test(name))) return 'pytorch';
  return isKerasArchive(records) ? 'hdf5' : 'npz';
}

async function openFormat(
  access: RandomAccess,
  format: WeightFormat | undefined,
  beside?: (path: string) => Promise<RandomAccess>,
  part?: readonly [start: number, end: number],
): Promise<WeightFile> {
  try {
    const found = format ?? (await sniff(access));
    if (found === null) {
      if (part === undefined || access.size < part[1]) throw await unknownFormat(access);
      return await openFormat(new PartAccess(access, ...part), undefined, beside);
    }
    return withoutWrapper(await openAs(found, access, beside));
  } catch (error) {
    await access.close();
    throw error;
  }
}

async function openAs(
  format: WeightFormat,
  access: RandomAccess,
  beside?: (path: string) => Promise<RandomAccess>,
): Promise<WeightFile> {
  switch (format) {
    case 'npz':
      return await NpzWeights.open(access);
    case 'safetensors':
      return await SafetensorsWeights.open(access);
    case 'pytorch':
      return await PytorchWeights.open(access);
    case 'hdf5':
      return await Hdf5Weights.open(await kerasWeights(access));
    case 'tfjs':
      return await openManifest(access, beside!);
    case 'tflite': {
      const arrays = readTfliteConstants(await access.read(0, access.size), access.name);
      await access.close();
      return new MemoryWeights(access.name, 'tflite', arrays);
    }
  }
}
