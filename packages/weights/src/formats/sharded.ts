/** Several safetensors files as one, by the index that Hugging Face's tools write. */
import { type ArrayInfo, FormatError, type NamedArray, UnknownNameError } from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import { type Beside, checkBeside } from './beside.ts';
import { SafetensorsWeights, scaleName } from './safetensors.ts';
import type { WeightFile } from './weight-file.ts';

export class ShardedWeights implements WeightFile {
  readonly format = 'safetensors';

  private constructor(
    readonly file: string,
    readonly places: ReadonlyMap<string, SafetensorsWeights>,
    readonly metadata: ReadonlyMap<string, string>,
  ) {}

  /**
   * @param index the parsed JSON.
   * @throws FormatError when a shard lacks what the index says of it, or lies elsewhere than beside it.
   */
  static async open(index: unknown, file: string, beside: Beside): Promise<ShardedWeights> {
    const map = (index as { weight_map?: unknown }).weight_map;
    const entries =
      typeof map === 'object' && map !== null ? Object.entries(map as Record<string, unknown>) : [];
    const paths: readonly unknown[] = [...new Set(entries.map(([, path]) => path))];
    checkBeside(paths, file, 'index');
    const accesses: RandomAccess[] = [];
    const opened = new Map<unknown, SafetensorsWeights>();
    try {
      for (const path of paths) {
        const access = await beside(path);
        accesses.push(access);
        opened.set(path, await SafetensorsWeights.open(access));
      }
      const places = new Map<string, SafetensorsWeights>();
      const promised = new Map(entries);
      for (const [key, path] of entries) {
        const shard = opened.get(path)!;
        if (shard.hasScale(key)) continue;
        if (!shard.has(key))
          throw new FormatError({ file: shard.file, key }, 'an array that the index promises', 'none');
        const elsewhere = promised.get(scaleName(key));
        if ((await shard.info(key)).dtype === 'int8' && elsewhere !== undefined)
          throw new FormatError({ file: shard.file, key }, 'its scales in the same file', `${elsewhere}`);
        places.set(key, shard);
      }
      const metadata = [...opened.values()].flatMap((shard) => [...shard.metadata]);
      return new ShardedWeights(file, places, new Map(metadata));
    } catch (error) {
      for (const access of accesses) await access.close();
      throw error;
    }
  }

  keys(): string[] {
    return [...this.places.keys()];
  }

  has(key: string): boolean {
    return this.places.has(key);
  }

  info(key: string): Promise<ArrayInfo> {
    return this.#place(key).info(key);
  }

  chunks(key: string): AsyncIterable<NamedArray> {
    return this.#place(key).chunks(key);
  }

  async close(): Promise<void> {
    for (const shard of new Set(this.places.values())) await shard.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #place(key: string): SafetensorsWeights {
    const place = this.places.get(key);
    if (place === undefined) throw new UnknownNameError(this.file, key);
    return place;
  }
}
