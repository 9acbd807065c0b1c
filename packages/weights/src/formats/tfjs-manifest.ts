/**
 * The weights of tfjs models: a manifest in JSON, and the values in one or more shards.
 * Format: tfjs-core's io types (WeightsManifestConfig).
 */
import {
  arrayFromBytes,
  brief,
  elementCount,
  FormatError,
  type FormatPlace,
  itemSizes,
  type NamedArray,
  toFloat32Array,
  toInt32Array,
} from '@chaingrad/core';
import { checkBeside } from './beside.ts';
import { join } from './pieces.ts';
import { dequantize } from './quantize.ts';

/** How each element type of tfjs is stored. */
const storedAs = {
  float32: 'float32',
  int32: 'int32',
  uint8: 'uint8',
  bool: 'bool',
} as const;

/** Element types of quantized values. */
const packedAs = { uint8: 'uint8', uint16: 'uint16', float16: 'float16' } as const;

interface Group {
  readonly paths: readonly string[];
  readonly weights: readonly Weight[];
}

interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: keyof typeof storedAs;
  readonly packing: Packing | null;
}

interface Packing {
  readonly dtype: keyof typeof packedAs;
  readonly scale: number;
  readonly min: number;
}

/**
 * Decodes the weights of a manifest, in its order. Quantized values come out as float32 (or int32, rounded), float16 as float32.
 * @param manifest parsed JSON: the manifest itself, or a `model.json` that has one as `weightsManifest`.
 * @param shards the files that the manifest names, in the order of `tfjsShardPaths`.
 * @throws FormatError when the manifest is malformed, a name comes twice, or shapes and lengths disagree.
 */
export function readTfjsManifest(
  manifest: unknown,
  shards: readonly Uint8Array<ArrayBuffer>[],
  file = 'tfjs',
): Map<string, NamedArray> {
  const groups = parseManifest(manifest, file);
  const count = groups.reduce((n, { paths }) => n + paths.length, 0);
  if (shards.length !== count) throw new FormatError({ file }, `${count} shards`, `${shards.length}`);
  const arrays = new Map<string, NamedArray>();
  let first = 0;
  for (const { paths, weights } of groups) {
    const bytes = join(shards.slice(first, first + paths.length));
    first += paths.length;
    let at = 0;
    for (const weight of weights) {
      const place = { file, key: weight.name };
      if (arrays.has(weight.name)) throw new FormatError(place, 'every name once', 'the name twice');
      const type = weight.packing === null ? storedAs[weight.dtype] : packedAs[weight.packing.dtype];
      const length = elementCount(weight.shape, place) * itemSizes[type];
      if (at + length > bytes.length) {
        throw new FormatError(place, `${length} bytes at ${at}`, `${bytes.length - at}`);
      }
      const stored = arrayFromBytes(bytes.subarray(at, at + length), type, weight.shape);
      arrays.set(
        weight.name,
        weight.packing === null ? stored : unpack(stored, weight, weight.packing, place),
      );
      at += length;
    }
    if (at !== bytes.length)
      throw new FormatError({ file }, `${at} bytes in ${paths.join(', ')}`, `${bytes.length}`);
  }
  return arrays;
}

/**
 * The files that a manifest names, in order, relative to it.
 * @throws FormatError when the manifest is malformed, or a path leads out of the manifest's folder.
 */
export function tfjsShardPaths(manifest: unknown, file = 'tfjs'): string[] {
  return parseManifest(manifest, file).flatMap(({ paths }) => paths);
}

/** The texts of a `model.json` that chaingrad has put there. */
export function tfjsMetadata(manifest: unknown): Map<string, string> {
  const texts = isRecord(manifest) ? manifest['userDefinedMetadata'] : undefined;
  const entries = isRecord(texts) ? Object.entries(texts) : [];
  return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function parseManifest(json: unknown, file: string): Group[] {
  const groups = isRecord(json) ? json['weightsManifest'] : json;
  if (!Array.isArray(groups)) throw new FormatError({ file }, 'a weights manifest', 'something else');
  const parsed = groups.map((group: unknown) => {
    const { paths, weights } = isRecord(group) ? group : {};
    if (!Array.isArray(paths) || !Array.isArray(weights)) {
      throw new FormatError({ file }, "groups of 'paths' and 'weights'", brief(group));
    }
    return { paths: paths as string[], weights: weights.map((weight) => parseWeight(weight, file)) };
  });
  checkBeside(
    parsed.flatMap(({ paths }) => paths),
    file,
    'manifest',
  );
  return parsed;
}

function parseWeight(json: unknown, file: string): Weight {
  const { name, shape, dtype, quantization } = isRecord(json) ? json : {};
  if (typeof name !== 'string' || !Array.isArray(shape) || !shape.every((dim) => typeof dim === 'number')) {
    throw new FormatError({ file }, "weights with 'name', 'shape' and 'dtype'", brief(json));
  }
  const place = { file, key: name };
  if (!isKeyOf(storedAs, dtype)) {
    const expected = `an element type among ${Object.keys(storedAs).join(', ')}`;
    throw new FormatError(place, expected, brief(dtype), 'Convert the model without it.');
  }
  const packing = quantization === undefined ? null : parsePacking(quantization, dtype, place);
  return { name, shape, dtype, packing };
}

function parsePacking(json: unknown, weightType: Weight['dtype'], place: FormatPlace): Packing {
  const { dtype, scale, min } = isRecord(json) ? json : {};
  if (dtype === 'float16' && weightType === 'float32') return { dtype, scale: 1, min: 0 };
  const numbers = weightType === 'float32' || weightType === 'int32';
  if (!numbers || dtype === 'float16' || !isKeyOf(packedAs, dtype) || !finite(scale) || !finite(min)) {
    throw new FormatError(place, "a quantization with 'dtype', 'scale' and 'min'", brief(json));
  }
  return { dtype, scale, min };
}

const finite = (value: unknown): value is number => Number.isFinite(value);

/** Turns quantized values into numbers again: `q * scale + min` in float64, then one rounding to the wanted type. */
function unpack(
  stored: NamedArray,
  { shape, dtype }: Weight,
  packing: Packing,
  place: FormatPlace,
): NamedArray {
  if (packing.dtype === 'float16') return { shape, dtype: 'float32', data: toFloat32Array(stored, place) };
  const packed = stored.data as Uint8Array | Uint16Array;
  if (dtype === 'float32') return { shape, dtype, data: dequantize(packed, packing) };
  const { scale, min } = packing;
  const data = Float64Array.from(packed, (q) => Math.round(q * scale + min));
  const whole: NamedArray = { shape, dtype: 'float64', data };
  return { shape, dtype: 'int32', data: toInt32Array(whole, place) };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isKeyOf = <T extends object>(table: T, key: unknown): key is keyof T =>
  typeof key === 'string' && Object.hasOwn(table, key);
