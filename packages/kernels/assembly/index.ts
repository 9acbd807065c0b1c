/** Everything the TypeScript side calls. A job is `(item, args, scratch)`: items are independent and may run on any thread. */
export { activationGradient } from './activation';
export {
  filterPosition, packedPosition, winograd, winograd6, winogradFilter, winogradFilter6, winogradInput, winogradOutput, winogradScratch,
} from './winograd';
export { conv, convScratch, packFilter } from './conv';
export { depthwise, depthwiseFilter, depthwiseInput, transpose } from './depthwise';
export {
  finishGradient, gatherGradient, multiplyGradient, panelPosition, scatterGradient, stripPosition, sumsPosition, tilesGradient,
  tilesGradientScratch, transformGradient,
} from './filter-gradient';
export { addRows, dotRows, matMul, matMulScratch } from './matmul';
export { avgPool, avgPoolGradient, maxPool, maxPoolGradient, sumRows } from './pool';
export { update } from './update';
