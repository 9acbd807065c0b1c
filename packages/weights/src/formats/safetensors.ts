/** safetensors files by parts: the header, then each array's bytes. */
import { type ArrayInfo, type NamedArray, UnknownNameError } from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import { numbers } from './npz.ts';
import { parseSafetensorsHeader, type SafetensorsHeader, safetensorsDataOffset } from './safetensors-file.ts';
import { chunkLength, type WeightFile } from './weight-file.ts';

const nullInfo = { shape: [], dtype: 'object-null', data: null } as const;

export class SafetensorsWeights implements WeightFile {
  readonly format = 'safetensors';

  private constructor(
    readonly access: RandomAccess,
    readonly header: SafetensorsHeader,
    readonly dataOffset: number,
  ) {}

  /** @throws FormatError when the header is unsound, or does not describe the rest of the file. */
  static async open(access: RandomAccess): Promise<SafetensorsWeights> {
    const start = await access.read(0, Math.min(8, access.size));
    const dataOffset = safetensorsDataOffset(start, access.size, access.name);
    const json = await access.read(8, dataOffset);
    const header = parseSafetensorsHeader(json, access.size - dataOffset, access.name);
    return new SafetensorsWeights(access, header, dataOffset);
  }

  get file(): string {
    return this.access.name;
  }

  keys(): string[] {
    return [...this.header.entries.keys(), ...this.header.nulls];
  }

  has(key: string): boolean {
    return this.header.entries.has(key) || this.header.nulls.has(key);
  }

  async info(key: string): Promise<ArrayInfo> {
    if (this.header.nulls.has(key)) return nullInfo;
    const { shape, dtype } = this.#entry(key);
    return { shape, dtype };
  }

  async *chunks(key: string): AsyncGenerator<NamedArray> {
    if (this.header.nulls.has(key)) return yield nullInfo;
    const { dtype, begin, end } = this.#entry(key);
    yield* numbers(this.#bytes(begin + this.dataOffset, end + this.dataOffset), dtype, true);
  }

  close(): Promise<void> {
    return this.access.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#bytes(start: number, end: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let at = start; at < end; at += chunkLength) {
      yield await this.access.read(at, Math.min(end, at + chunkLength));
    }
  }

  #entry(key: string) {
    const entry = this.header.entries.get(key);
    if (entry === undefined) throw new UnknownNameError(this.file, key);
    return entry;
  }
}
