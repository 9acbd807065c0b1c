/**
 * Weights from anywhere, to anywhere: `load`, `save`, `openWeights`, `convertWeights`, the pretrained table, and the cache.
 *
 * @module @chaingrad/weights
 */
export * from './about.ts';
export { readCalibration } from './calibration.ts';
export * from './convert.ts';
export { crc32, crc32c } from './formats/crc32.ts';
export { MemoryWeights } from './formats/memory-weights.ts';
export type { ArrayLoss } from './formats/quantize.ts';
export type { TfjsModel } from './formats/tfjs.ts';
export {
  readTflite,
  type TfliteActivation,
  type TfliteConvolution,
  type TfliteGraph,
  type TfliteModel,
  type TfliteOperator,
  type TfliteOptions,
  type TfliteTensor,
} from './formats/tflite.ts';
export type { WeightFile, WeightFormat } from './formats/weight-file.ts';
export {
  type FromPretrainedSpec,
  fromPretrained,
  type PretrainedClass,
} from './from-pretrained.ts';
export * from './label-names.ts';
export { type LoadOptions, load, loadNpz } from './load.ts';
export * from './names/index.ts';
export {
  type OpenOptions,
  openTfjsModel,
  openTfliteGraph,
  openWeights,
  type WeightSource,
} from './open-weights.ts';
export * from './pretrained.ts';
export {
  registerWriter,
  type SaveOptions,
  type SerializeOptions,
  save,
  saveNpz,
  serialize,
  type Writer,
} from './save.ts';
export { type CacheOptions, cachedFile, damageOf } from './sources/cache/cached-file.ts';
export { cacheFolder, openCache } from './sources/cache/open-cache.ts';
export type { CacheEntry, CacheStore, PartialFile } from './sources/cache/store.ts';
export { chainerCachePath } from './sources/chainercv.ts';
export { type DownloadOptions, type DownloadTarget, download } from './sources/download/download.ts';
export type { RetryOptions } from './sources/download/retry.ts';
export { openHttpRanges } from './sources/http-ranges.ts';
export { isAlive, type Lock, type LockOwner, takeLock } from './sources/lock-file.ts';
export { npmBaseUrl } from './sources/npm.ts';
export { openRandomAccess, type RandomAccess } from './sources/random-access.ts';
export * from './sources/read-bytes.ts';
export * from './sources/source-error.ts';
export { type FileContent, partName, writeFile, writeFiles } from './sources/write-file.ts';
