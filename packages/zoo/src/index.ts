/** Weights from anywhere: pretrained models by name, and readers of other frameworks' files. */
export {
  type ByteRange,
  type ByteSource,
  DownloadError,
  type ReadBytesOptions,
  type ReadProgress,
  readBytes,
  SourceError,
} from '@chaingrad/core';
export * from './chainer-cache.ts';
export * from './prepare-model.ts';
export * from './pretrained-error.ts';
export * from './pretrained-models.ts';
export * from './tfjs.ts';
export * from './tflite.ts';
