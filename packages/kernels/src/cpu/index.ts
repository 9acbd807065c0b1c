import * as names from '../attrs.ts';
import { type KernelTable, kernel } from '../kernel.ts';
import * as convolution from './convolution.ts';
import * as pooling from './pooling.ts';
import { sparseArgMax, sparseMatMul } from './sparse.ts';

/** Our kernels for tfjs' cpu backend: plain loops. */
export const cpuKernels: KernelTable = {
  [names.CONV_2D]: kernel(convolution.conv2d),
  [names.CONV_2D_BACKPROP_INPUT]: kernel(convolution.conv2dBackpropInput),
  [names.CONV_2D_BACKPROP_FILTER]: kernel(convolution.conv2dBackpropFilter),
  [names.MAX_POOL_2D]: kernel(pooling.maxPool2d),
  [names.MAX_POOL_2D_GRAD]: kernel(pooling.maxPool2dGrad),
  [names.AVG_POOL_2D]: kernel(pooling.avgPool2d),
  [names.AVG_POOL_2D_GRAD]: kernel(pooling.avgPool2dGrad),
  [names.SPARSE_MAT_MUL]: kernel(sparseMatMul),
  [names.SPARSE_ARG_MAX]: kernel(sparseArgMax),
};
