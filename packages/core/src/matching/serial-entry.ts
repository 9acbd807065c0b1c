import type { Tensor } from '@tensorflow/tfjs-core';
import type { Saved } from '../undo.ts';

/** What a file can hold under one key. Int32Array: integers that never leave the CPU, e.g. the order of an epoch. */
export type SerialValue = Tensor | Int32Array | number | string | boolean | null;

/**
 * One named value that is saved and loaded. Links and optimizers list theirs (where Chainer calls
 * `serialize(serializer)`), so that a loader can check the whole plan before it writes anything.
 */
export interface SerialEntry {
  /** Path without leading slash, Chainer's key to the letter: `extractor/conv1_1/W`, `l1/W/v`, `t`. */
  readonly key: string;
  readonly kind: 'parameter' | 'persistent' | 'state';
  /** The shape a loaded array must have; null, or a null dimension, takes any (uninitialized). Scalars have []. */
  readonly shape: readonly (number | null)[] | null;
  /** True where a file may lack it even in strict loading, e.g. the state of a parameter that is never updated. */
  readonly optional?: boolean;
  /** The present value; a tensor stays the owner's. */
  read(): SerialValue;
  /** Takes a loaded value; a tensor is cloned, the caller keeps its own. */
  write(value: SerialValue): void;
  /** Takes a loaded tensor and owns it from then on, without a copy. Where it is absent: `write`. */
  adopt?(tensor: Tensor): void;
  /**
   * Keeps the present value, so that it can be put back when another entry cannot be written. Where it is absent, what `read`
   * gave is written again.
   */
  save?(): Saved;
}

/** Anything that can be saved and loaded. */
export interface Serializable {
  /** @param prefix put before every key, e.g. `model:main/`. */
  serialEntries(prefix?: string): Iterable<SerialEntry>;
  /** Texts that a file of it carries along, e.g. the names of a detector's classes; each name begins with `chaingrad.`. */
  serialMetadata?(): Readonly<Record<string, string>>;
}
