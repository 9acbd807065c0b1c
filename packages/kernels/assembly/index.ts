/**
 * Everything the TypeScript side calls. An exported function `(item, args, scratch)` with a class of arguments is a job: its
 * items are independent and may run on any thread. The other functions compute sizes.
 */
export { activationGradient } from './activation';
export { bytesProduct, bytesScratch, packBytes, packedBytes } from './bytes';
export { conv, convScratch, packFilter } from './conv';
export { depthwise, depthwiseFilter, depthwiseFilterItems, depthwiseInput, transpose } from './depthwise';
export { depthwise3x3Scratch } from './depthwise-3x3';
export { direct, directScratch, planeSize } from './direct';
export { gatherGradient, scatterGradient } from './filter-gradient/pixels';
export { multiplyGradient, sumsPosition } from './filter-gradient/sums';
export {
  finishGradient, panelPosition, stripPosition, tilesGradient, tilesGradientScratch, transformGradient,
  transformGradientScratch,
} from './filter-gradient/tiles';
export { addRows, dotRows, matMul, matMulScratch } from './matmul';
export { avgPool, avgPoolGradient, maxPool, maxPoolGradient, sumRows } from './pool';
export { update } from './update';
export { filterPosition, winogradFilter, winogradFilter6 } from './winograd/filter';
export { tilesScratch } from './winograd/input';
export { winograd, winograd6, winogradInput, winogradOutput, winogradScratch } from './winograd/jobs';
export { packedPosition } from './winograd/tiles';
