/** `importOnnx`: an ONNX file as a Chain. */
import { InvalidArgumentError } from '@chaingrad/core';
import { type ByteSource, type ReadBytesOptions, readBytes, sourceName } from '@chaingrad/weights';
import type * as tf from '@tensorflow/tfjs-core';
import { type ExternalData, readExternal } from './read/external-data.ts';
import { decodeModel, readGraph } from './read/model.ts';
import { chainOf } from './run/build.ts';
import type { OnnxChain, OnnxOutput } from './run/onnx-chain.ts';

export interface ImportOnnxOptions extends Omit<ReadBytesOptions, 'range'> {
  /** How pictures (float arrays of rank 4) go in and come out. Default 'NCHW', as the file has it; inside they are NHWC. */
  readonly layout?: 'NCHW' | 'NHWC';
  /** Values of the graph to give in place of its outputs: features for a head of one's own. What they do not need is left out. */
  readonly outputs?: readonly string[];
  /** The files beside the model that hold its large arrays, by name, where the model is no file of a folder. */
  readonly externalData?: ExternalData;
}

/**
 * Reads an ONNX file as a `Chain` that infers and trains.
 *
 * ```ts
 * const model = await importOnnx('mobilenetv3.onnx');
 * model.disableUpdate().linkAt('/classifier/3').enableUpdate();
 * ```
 *
 * @param source a path, an address, a File or Blob, bytes, a stream.
 * @returns the network; its parameters are the file's initializers, by their names as paths.
 * @throws UnknownNameError when `outputs` names no value; FormatError when the file is damaged; UnsupportedOperatorError when it has an operator without a rule (docs/onnx.md
 *   lists those that have one); SourceError, DownloadError when it cannot be read.
 */
export async function importOnnx<Out extends OnnxOutput = tf.Tensor>(
  source: ByteSource,
  options: ImportOnnxOptions = {},
): Promise<OnnxChain<Out>> {
  const { layout = 'NCHW', outputs, externalData, ...reading } = options;
  if (layout !== 'NCHW' && layout !== 'NHWC')
    throw new InvalidArgumentError('importOnnx layout', "'NCHW' | 'NHWC'", layout);
  const file = sourceName(source);
  const model = decodeModel(await readBytes(source, reading), file);
  const external = await readExternal(model, source, file, externalData, reading.signal);
  return chainOf<Out>(readGraph(model, file, external), {
    layout: layout === 'NHWC' ? 'channels-last' : 'as-is',
    outputs,
  });
}
