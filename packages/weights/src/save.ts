/** The one door by which weights go out. */
import {
  checkOptions,
  InvalidArgumentError,
  type NamedArray,
  type NameMapFor,
  type OptionKinds,
  type OtherNames,
  type Serializable,
} from '@chaingrad/core';
import { calibrationMetadata } from './calibration.ts';
import { collectArrays } from './collect-arrays.ts';
import { writeNpz } from './formats/npz.ts';
import { writeSafetensors } from './formats/safetensors.ts';
import { type NameMapName, resolveNames } from './names/index.ts';
import { sourceName } from './sources/read-bytes.ts';
import { writeFile } from './sources/write-file.ts';

export interface SaveOptions {
  /**
   * The type in which parameters are written. 'float16' and 'bfloat16' halve the file and lose precision; statistics and
   * optimizer states stay float32. Default 'float32'. bfloat16 is for safetensors only.
   */
  readonly parameterDtype?: 'float32' | 'float16' | 'bfloat16' | undefined;
  /**
   * 'chainer-sequential' for a file that Chainer shall read, if a Sequential has three links or more; 'torch' and `kerasNames`
   * for PyTorch and Keras. Other maps that change layouts are for reading only.
   */
  readonly names?: NameMapFor | NameMapName | undefined;
  /** npz: deflates the arrays, as Chainer does by default. Without it the file is a little larger, and much faster. */
  readonly compression?: boolean | undefined;
  /** More text to carry along than the target does by itself; each name begins with `chaingrad.`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

export interface SerializeOptions extends SaveOptions {
  /** Default 'npz'. */
  readonly format?: string | undefined;
}

const saveKinds: OptionKinds<SaveOptions> = {
  parameterDtype: ['float32', 'float16', 'bfloat16'],
  names: 'any',
  compression: 'boolean',
  metadata: 'object',
};

const otherSaveNames: OtherNames = {
  dtype: 'parameterDtype',
  half: "parameterDtype: 'float16'",
  sequentialOrder: "names: 'chainer-sequential'",
  compress: 'compression',
};

/** Makes the bytes of a file of what is saved. */
export type Writer = (target: Serializable, options: SaveOptions) => Promise<Uint8Array<ArrayBuffer>>;

const arrayWriter =
  (write: (arrays: [string, NamedArray][], options: SaveOptions) => Uint8Array<ArrayBuffer>): Writer =>
  async (target, { names, ...options }) =>
    write(await collectArrays(target, { ...options, names: resolveNames(names) }), {
      ...options,
      metadata: { ...target.serialMetadata?.(), ...options.metadata, ...calibrationMetadata(target) },
    });

const writers = new Map<string, Writer>([
  ['npz', arrayWriter((arrays, { compression, metadata }) => writeNpz(arrays, { compression, metadata }))],
  ['safetensors', arrayWriter((arrays, { metadata }) => writeSafetensors(arrays, metadata))],
]);

/** Formats of packages that `save` knows once they are imported. */
const elsewhere: Readonly<Record<string, string>> = { onnx: '@chaingrad/onnx', tflite: '@chaingrad/onnx' };

/**
 * Lets `save` and `serialize` write another format.
 * @param format the ending of its files.
 */
export function registerWriter(format: string, writer: Writer): void {
  writers.set(format, writer);
}

function writerOf(format: string, where: string): Writer {
  const writer = writers.get(format);
  if (writer !== undefined) return writer;
  const known = [...writers.keys()].map((name) => `.${name}`).join(', ');
  const home = Object.hasOwn(elsewhere, format) ? elsewhere[format] : undefined;
  const advice = home === undefined ? '' : `Import '${home}' first, which writes it.`;
  throw new InvalidArgumentError(
    where,
    `a format among ${known}`,
    format === '' ? 'none' : `.${format}`,
    advice,
  );
}

/**
 * A link or an optimizer as the bytes of a file. The keys are Chainer's: `extractor/conv1_1/W`.
 *
 * ```ts
 * const blob = new Blob([await serialize(model, { format: 'safetensors' })]);
 * ```
 *
 * Names without a value (uninitialized parameters, None) are noted beside the arrays; Chainer sees them as missing.
 * @throws InvalidArgumentError, FormatError for values that the file cannot hold; UnknownOptionError.
 */
export async function serialize(
  target: Serializable,
  options: SerializeOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  checkOptions('serialize', options, { ...saveKinds, format: 'string' }, otherSaveNames);
  const { format = 'npz', ...rest } = options;
  return writerOf(format, 'serialize format')(target, rest);
}

/**
 * Saves a link or an optimizer to a file, in Node; its ending says the format: npz, safetensors, and onnx and tflite once
 * `@chaingrad/onnx` is imported. The file appears whole or not at all.
 *
 * ```ts
 * await save('mine.safetensors', model);
 * ```
 *
 * @param file a path or a `file:` URL. In a page: `serialize`.
 * @throws SourceError when it cannot be written; as `serialize`.
 */
export async function save(
  file: string | URL,
  target: Serializable,
  options: SaveOptions = {},
): Promise<void> {
  checkOptions('save', options, saveKinds, otherSaveNames);
  const name = sourceName(file);
  const ending = /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  await writeFile(file, await writerOf(ending, `save ${name}`)(target, options));
}

/** Saves a link or an optimizer as an npz file, whatever its name (Chainer's `save_npz`): Chainer's `load_npz` reads it. */
export async function saveNpz(
  file: string | URL,
  target: Serializable,
  options: SaveOptions = {},
): Promise<void> {
  checkOptions('saveNpz', options, saveKinds, otherSaveNames);
  await writeFile(file, await serialize(target, { ...options, format: 'npz' }));
}
