/**
 * The training loop: iterators, updaters, Trainer, triggers, extensions, snapshots.
 *
 * @module @chaingrad/training
 */
export * from './convert.ts';
export * from './datasets/index.ts';
export * from './errors.ts';
export type { ExampleContext, ExampleTransform } from './example-transform.ts';
export * from './extension.ts';
export * from './extensions/index.ts';
export * from './iterators/index.ts';
export { type LoadSnapshotOptions, loadSnapshot, type ResumeReport } from './load-snapshot.ts';
export { encodePng, type Pixels } from './png.ts';
export { RunningMeans, readScalar } from './running-means.ts';
export * from './stores/index.ts';
export * from './trainer.ts';
export * from './triggers/index.ts';
export * from './updaters/index.ts';
