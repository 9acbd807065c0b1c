/**
 * Links, chains, functions, optimizers, and transfer of parameters by name.
 *
 * @module @chaingrad/core
 */
export {
  DisposedTensorError,
  type InputRange,
  isInputRange,
  NoBackendError,
  nodeModule,
  SecondGradientError,
} from '@chaingrad/kernels';
export type { ArraySource } from './arrays/array-source.ts';
export * from './arrays/format-error.ts';
export { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat, halvesToFloats } from './arrays/half.ts';
export * from './arrays/named-array.ts';
export { readArray } from './arrays/read-array.ts';
export * from './backend.ts';
export * from './backward.ts';
export * from './calibration.ts';
export * from './chain.ts';
export { ChainDict } from './chain-dict.ts';
export { ChainList } from './chain-list.ts';
export * from './configuration.ts';
export * from './display.ts';
export * from './errors.ts';
export { yieldToEventLoop } from './event-loop.ts';
export * from './functions/index.ts';
export * from './initializers.ts';
export { type CopyMode, Link } from './link.ts';
export * from './link-hook.ts';
export * from './links/index.ts';
export { type NameFilter, nameMatcher } from './matching/name-filter.ts';
export {
  type ArrayPlan,
  type ArrayTransform,
  type MappedName,
  mappedName,
  type NameMap,
  type NameMapFor,
} from './matching/name-map.ts';
export {
  type ClassRows,
  findKey,
  type MatchOptions,
  type MatchReport,
  type Mismatch,
  MismatchError,
} from './matching/plan.ts';
export { Scatter } from './matching/scatter.ts';
export * from './matching/serial-entry.ts';
export {
  getShapeMismatchNames,
  otherMatchNames,
  type TransferOptions,
  type TransferSource,
  transferKinds,
  transferParams,
} from './matching/transfer.ts';
export {
  type Trace,
  type TracedKernel,
  type TracedTensor,
  TraceError,
  traceForward,
} from './meta/trace.ts';
export * from './optimizer/index.ts';
export {
  checkOptions,
  nearestName,
  type OptionKind,
  type OptionKinds,
  type OtherNames,
  pickOptions,
  valueText,
} from './options.ts';
export { Parameter, type PartialShape, withoutValues } from './parameter.ts';
export * from './persistent.ts';
export * from './pickable-sequential-chain.ts';
export * from './random.ts';
export * from './replace.ts';
export * from './reporter.ts';
export { roundHalfEven } from './round-half-even.ts';
export * from './sequential.ts';
export type { InputSpec, Summary, SummaryRow } from './summary.ts';
export * from './tensors.ts';
