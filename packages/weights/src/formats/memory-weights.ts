/** Arrays that are in memory already: of formats whose files are small, or that must be read as a whole. */
import { type ArrayInfo, isBinary, type NamedArray, UnknownNameError } from '@chaingrad/core';
import { noMetadata, type WeightFile, type WeightFormat } from './weight-file.ts';

export class MemoryWeights implements WeightFile {
  constructor(
    readonly file: string,
    readonly format: WeightFormat,
    readonly arrays: ReadonlyMap<string, NamedArray>,
    readonly metadata: ReadonlyMap<string, string> = noMetadata,
  ) {}

  keys(): string[] {
    return [...this.arrays.keys()];
  }

  has(key: string): boolean {
    return this.arrays.has(key);
  }

  async info(key: string): Promise<ArrayInfo> {
    const { shape, dtype } = this.#array(key);
    return { shape, dtype };
  }

  async *chunks(key: string): AsyncGenerator<NamedArray> {
    const array = this.#array(key);
    yield isBinary(array) ? ({ ...array, shape: [array.data.length] } as NamedArray) : array;
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #array(key: string): NamedArray {
    const array = this.arrays.get(key);
    if (array === undefined) throw new UnknownNameError(this.file, key);
    return array;
  }
}
