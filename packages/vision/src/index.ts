/**
 * ChainerCV's part: models, transforms, data sets, evaluation and drawing.
 *
 * @module @chaingrad/vision
 */
export * from './datasets/index.ts';
export * from './errors.ts';
export * from './evaluations/index.ts';
export * from './extensions/index.ts';
export * from './image/index.ts';
export * from './models/index.ts';
export type { Rng } from './rng.ts';
export * from './transforms/index.ts';
export * from './utils/index.ts';
export * from './visualizations/index.ts';
