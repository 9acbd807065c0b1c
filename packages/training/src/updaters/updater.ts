import type { Optimizer, Serializable } from '@chaingrad/core';

/** Runs a synchronous function with reports going to the trainer's observation. */
export type ReportScope = <R>(fn: () => R) => R;

/** One step of training, and how far it is (Chainer's `Updater`). */
export interface Updater extends Serializable {
  /** Updates so far. */
  readonly iteration: number;
  /** Sweeps over the examples so far. */
  readonly epoch: number;
  readonly epochDetail: number;
  /** `epochDetail` before the last update; null before the first. */
  readonly previousEpochDetail: number | null;
  /** True when the last batch reached the end of the examples. */
  readonly isNewEpoch: boolean;
  /** @throws UnknownNameError */
  getOptimizer(name: string): Optimizer;
  getAllOptimizers(): ReadonlyMap<string, Optimizer>;
  /** One step. Values are reported within `scope`, synchronously. */
  update(scope: ReportScope): Promise<void>;
  finalize(): void | Promise<void>;
}
