/** A file of weights of any format, read array by array. */
import type { ArraySource } from '@chaingrad/core';

export type WeightFormat = 'npz' | 'safetensors' | 'tfjs' | 'tflite' | 'hdf5' | 'pytorch';

/**
 * An opened file of weights. Its list of names is in memory, the values are not: they are read when asked for.
 * Close it when done (`await using file = await openWeights(...)`).
 */
export interface WeightFile extends ArraySource, AsyncDisposable {
  readonly format: WeightFormat;
  /** Text that the writer added, e.g. a detector's class names (`chaingrad.about`). */
  readonly metadata: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

export const noMetadata: ReadonlyMap<string, string> = new Map();
