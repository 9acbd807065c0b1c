/** Weights from anywhere: pretrained models by name, files of every framework, a cache, and readers by themselves. */
export {
  type ByteRange,
  type ByteSource,
  DownloadError,
  type ReadBytesOptions,
  type ReadProgress,
  readBytes,
  SourceError,
} from '@chaingrad/core';
export { type CacheOptions, cachedFile, damageOf } from './cache/cached-file.ts';
export { cacheFolder, openCache } from './cache/open-cache.ts';
export type { CacheEntry, CacheStore, PartialFile } from './cache/store.ts';
export * from './chainer-cache.ts';
export * from './convert.ts';
export { type DownloadOptions, type DownloadTarget, download } from './download/download.ts';
export type { RetryOptions } from './download/retry.ts';
export { openHttpRanges } from './files/http-ranges.ts';
export { openRandomAccess, type RandomAccess } from './files/random-access.ts';
export { readArray } from './formats/read-array.ts';
export type { WeightFile, WeightFormat } from './formats/weight-file.ts';
export * from './load.ts';
export * from './names/index.ts';
export { type OpenOptions, openWeights, type WeightSource } from './open-weights.ts';
export * from './prepare-model.ts';
export * from './pretrained-error.ts';
export * from './pretrained-models.ts';
export type { ArrayLoss } from './quantize.ts';
export * from './tfjs.ts';
export * from './tflite.ts';
export * from './zoo-files.ts';
