export * from './errors.ts';
export * from './evaluations/index.ts';
export * from './image/index.ts';
export * from './models/index.ts';
export type { Rng } from './rng.ts';
export * from './ssd/index.ts';
export * from './transforms/index.ts';
export * from './utils/index.ts';
export * from './visualizations/index.ts';
