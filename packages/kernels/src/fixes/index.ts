/** tfjs' own kernels that a backend lacks or has wrong (tfjs 4.22; test/kernels/fixes shows each). */
import { type KernelTable, kernel } from '../kernel.ts';
import { addN } from './add-n.ts';
import * as booleans from './booleans.ts';
import * as convolution from './convolution.ts';
import * as dilation from './dilation.ts';
import { einsum } from './einsum.ts';
import * as indexing from './indexing.ts';
import * as normalization from './normalization.ts';
import * as pooling from './pooling.ts';
import { stridedSlice, stridedSliceOnWasm } from './strided-slice.ts';

const everywhere: KernelTable = {
  AvgPoolGrad: kernel(pooling.avgPoolGrad),
  FusedBatchNorm: normalization.fusedBatchNorm,
  LogSoftmax: kernel(normalization.logSoftmax),
  StridedSlice: kernel(stridedSlice),
};

export const cpuFixes: KernelTable = {
  ...everywhere,
  TensorScatterUpdate: indexing.tensorScatterUpdate,
  UnsortedSegmentSum: kernel(indexing.unsortedSegmentSum),
};

export const webgpuFixes: KernelTable = {
  ...everywhere,
  AddN: addN,
  MaxPoolGrad: kernel(pooling.maxPoolGrad),
};

export const wasmFixes: KernelTable = {
  ...everywhere,
  AvgPool: kernel(pooling.avgPool),
  Cast: kernel(booleans.cast),
  Conv2D: kernel(convolution.withRoomForWindows('Conv2D')),
  Conv2DBackpropFilter: kernel(convolution.conv2dBackpropFilter),
  Conv3DBackpropFilterV2: kernel(convolution.conv3dBackpropFilter),
  Conv3DBackpropInputV2: kernel(convolution.conv3dBackpropInput),
  DepthwiseConv2dNative: kernel(convolution.depthwise('DepthwiseConv2dNative')),
  DepthwiseConv2dNativeBackpropFilter: kernel(convolution.depthwiseBackpropFilter),
  DepthwiseConv2dNativeBackpropInput: kernel(convolution.depthwiseBackpropInput),
  Dilation2DBackpropFilter: kernel(dilation.dilation2dBackpropFilter),
  Dilation2DBackpropInput: kernel(dilation.dilation2dBackpropInput),
  Einsum: einsum,
  FusedConv2D: kernel(convolution.withRoomForWindows('FusedConv2D')),
  FusedDepthwiseConv2D: kernel(convolution.depthwise('FusedDepthwiseConv2D')),
  GatherV2: kernel(indexing.gatherV2),
  MaxPool: kernel(pooling.maxPool),
  MaxPool3D: kernel(pooling.maxPool3d),
  MaxPool3DGrad: kernel(pooling.maxPool3dGrad),
  MaxPoolGrad: kernel(pooling.maxPoolGrad),
  MaxPoolWithArgmax: pooling.maxPoolWithArgmax,
  Reverse: kernel(booleans.reverse),
  StridedSlice: kernel(stridedSliceOnWasm),
  UnsortedSegmentSum: kernel(indexing.unsortedSegmentSum),
};
