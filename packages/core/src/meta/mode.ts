/**
 * Shapes without values: while this mode runs, every kernel only computes shapes, and parameters that find
 * their shape wait until the end of it to draw their values on the real backend.
 */
import type { DataType, Tensor } from '@tensorflow/tfjs-core';

export interface MetaMode {
  /** A tensor with a shape and no values, valid inside the mode. */
  placeholder(shape: readonly number[], dtype: DataType): Tensor;
  /** Runs `settle` on the real backend when the mode ends: draw the values, or go back to having none. */
  defer(settle: (draw: boolean) => void): void;
  /** Says that values are wanted where there are none: a trace of this pass would not be true. `operation` is what wants them. */
  miss(operation: string): void;
}

let active: MetaMode | null = null;

/** The running mode, or null when tensors have values. */
export const metaMode = (): MetaMode | null => active;

export function setMetaMode(mode: MetaMode | null): void {
  active = mode;
}
