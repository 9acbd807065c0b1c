/** JSON files that name others beside them: tfjs layers-models and weight manifests, indexes of safetensors. */

import { FormatError, type NamedArray } from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import type { Beside } from './beside.ts';
import { MemoryWeights } from './memory-weights.ts';
import { ShardedWeights } from './sharded.ts';
import { readTfjsManifest, tfjsMetadata, tfjsShardPaths } from './tfjs-manifest.ts';
import type { WeightFile } from './weight-file.ts';

/** A manifest is a list of names and shapes. */
const maxManifest = 1 << 26;

/**
 * Opens what a JSON file describes: a manifest of tfjs, or an index of safetensors files.
 * @throws FormatError as `readTfjsManifest`, `ShardedWeights.open`.
 */
export async function openManifest(access: RandomAccess, beside: Beside): Promise<WeightFile> {
  const file = access.name;
  if (access.size > maxManifest)
    throw new FormatError({ file }, `a manifest of at most ${maxManifest} bytes`, `${access.size}`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await access.read(0, access.size)));
  } catch (error) {
    throw new FormatError({ file }, 'a manifest in JSON', (error as Error).message, undefined, error);
  }
  if (typeof json === 'object' && json !== null && 'weight_map' in json) {
    await access.close();
    return ShardedWeights.open(json, file, beside);
  }
  const shards: Uint8Array<ArrayBuffer>[] = [];
  for (const path of tfjsShardPaths(json, file)) {
    await using shard = await beside(path);
    shards.push(await shard.read(0, shard.size));
  }
  const arrays: Map<string, NamedArray> = readTfjsManifest(json, shards, file);
  await access.close();
  return new MemoryWeights(file, 'tfjs', arrays, tfjsMetadata(json));
}
