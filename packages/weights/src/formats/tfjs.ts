/** JSON files that name others beside them: tfjs layers-models and weight manifests, indexes of safetensors. */

import { brief, FormatError, type NamedArray } from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import type { Beside } from './beside.ts';
import { MemoryWeights } from './memory-weights.ts';
import { ShardedWeights } from './sharded.ts';
import { readTfjsManifest, tfjsMetadata, tfjsShardPaths } from './tfjs-manifest.ts';
import type { WeightFile } from './weight-file.ts';

/** A manifest is a list of names and shapes. */
const maxManifest = 1 << 26;

/** A tfjs model: all that its `model.json` says, and the arrays of its manifest. */
export interface TfjsModel {
  /** Where it came from, for messages. */
  readonly file: string;
  readonly json: Readonly<Record<string, unknown>>;
  readonly arrays: ReadonlyMap<string, NamedArray>;
}

/**
 * Opens what a JSON file describes: a manifest of tfjs, or an index of safetensors files.
 * @throws FormatError as `readTfjsManifest`, `ShardedWeights.open`.
 */
export async function openManifest(access: RandomAccess, beside: Beside): Promise<WeightFile> {
  const file = access.name;
  const json = await readJson(access);
  await access.close();
  if (typeof json === 'object' && json !== null && 'weight_map' in json)
    return ShardedWeights.open(json, file, beside);
  return new MemoryWeights(file, 'tfjs', await readArrays(json, file, beside), tfjsMetadata(json));
}

/** Reads a whole tfjs model. @throws FormatError as `readTfjsManifest`. */
export async function readTfjsModel(access: RandomAccess, beside: Beside): Promise<TfjsModel> {
  const file = access.name;
  const json = await readJson(access);
  await access.close();
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new FormatError(
      { file },
      "a tfjs model, JSON with 'modelTopology' and 'weightsManifest'",
      brief(json),
    );
  return { file, json: json as Record<string, unknown>, arrays: await readArrays(json, file, beside) };
}

async function readJson(access: RandomAccess): Promise<unknown> {
  const file = access.name;
  if (access.size > maxManifest)
    throw new FormatError({ file }, `a manifest of at most ${maxManifest} bytes`, `${access.size}`);
  try {
    return JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(await access.read(0, access.size)),
    ) as unknown;
  } catch (error) {
    throw new FormatError({ file }, 'a manifest in JSON', (error as Error).message, undefined, error);
  }
}

async function readArrays(json: unknown, file: string, beside: Beside): Promise<Map<string, NamedArray>> {
  const shards: Uint8Array<ArrayBuffer>[] = [];
  for (const path of tfjsShardPaths(json, file)) {
    await using shard = await beside(path);
    shards.push(await shard.read(0, shard.size));
  }
  return readTfjsManifest(json, shards, file);
}
