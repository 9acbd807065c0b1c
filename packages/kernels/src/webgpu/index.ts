import * as names from '../attrs.ts';
import { type KernelTable, kernel } from '../kernel.ts';
import * as pooling from './pooling.ts';
import { reduction, running } from './reductions.ts';
import { sparseArgMax, sparseMatMul } from './sparse.ts';
import { transpose } from './transpose.ts';

const reductions = ['All', 'Any', 'ArgMax', 'ArgMin', 'Max', 'Min', 'Prod', 'Sum'];

/** Our WGSL kernels for tfjs' webgpu backend. */
export const webgpuKernels: KernelTable = {
  [names.MAX_POOL_2D]: kernel(pooling.maxPool2d),
  [names.MAX_POOL_2D_GRAD]: kernel(pooling.maxPool2dGrad),
  [names.SPARSE_MAT_MUL]: kernel(sparseMatMul),
  [names.SPARSE_ARG_MAX]: kernel(sparseArgMax),
  ...Object.fromEntries(reductions.map((name) => [name, kernel(reduction(name))])),
  Cumprod: kernel(running('Cumprod')),
  Cumsum: kernel(running('Cumsum')),
  Transpose: kernel(transpose),
};
