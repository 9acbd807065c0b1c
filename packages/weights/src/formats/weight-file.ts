/** A file of weights of any format, read array by array. */
import type { ArrayInfo, NamedArray } from '@chaingrad/core';

export type WeightFormat = 'npz' | 'safetensors' | 'tfjs' | 'tflite' | 'hdf5' | 'pytorch';

/**
 * An opened file of weights. Its list of names is in memory, the values are not: they are read when asked for.
 * Close it when done (`await using file = await openWeights(...)`).
 */
export interface WeightFile extends AsyncDisposable {
  /** The file's name, for messages. */
  readonly file: string;
  readonly format: WeightFormat;
  /** The names of the arrays, in the file's order. */
  keys(): string[];
  has(key: string): boolean;
  /** Shape and element type. @throws FormatError when what the file says of the array cannot be. */
  info(key: string): Promise<ArrayInfo>;
  /**
   * The values piece by piece, as flat arrays of a few megabytes in C order; strings and None come in one piece.
   * @throws FormatError for damaged content, at the end at the latest.
   */
  chunks(key: string): AsyncIterable<NamedArray>;
  close(): Promise<void>;
}

/** How much of a file is read at once. */
export const chunkLength = 1 << 22;
