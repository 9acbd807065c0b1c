import type { ArrayInfo, NamedArray } from './named-array.ts';

/**
 * Named arrays that are read when they are asked for: an opened file of weights. The list of names is in memory, the values
 * are not. Core reads no files itself; `@chaingrad/weights` opens them.
 */
export interface ArraySource {
  /** The file's name, for messages. */
  readonly file: string;
  /** The names of the arrays, in the file's order. */
  keys(): string[];
  has(key: string): boolean;
  /** Shape and element type. @throws FormatError when what the file says of the array cannot be. */
  info(key: string): Promise<ArrayInfo>;
  /**
   * The values piece by piece, as flat arrays of a few megabytes in C order; strings and None come in one piece. A piece is
   * good until the next one is asked for: its memory is used again, or freed.
   * @throws FormatError for damaged content, at the end at the latest.
   */
  chunks(key: string): AsyncIterable<NamedArray>;
}
