/** What running a program needs of the network that holds its weights. */
import type { Link } from '@chaingrad/core';
import type * as tf from '@tensorflow/tfjs-core';
import type { Program } from '../plan/program.ts';

export interface Network {
  readonly program: Program;
  /** The link at a path. @throws StructureMismatchError when there is none any more. */
  linkAt(path: readonly string[]): Link;
  /** The values of the parameter or persistent at a path. @throws StructureMismatchError when there is none any more. */
  weightAt(path: readonly string[]): tf.Tensor;
  /** The tensor behind a name of the file, or null where it is no weight. */
  sourceOf(name: string): tf.Tensor | null;
}
