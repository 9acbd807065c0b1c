/** `importTflite`: a TFLite network as a Chain. */
import { type OpenOptions, openTfliteGraph, type WeightSource } from '@chaingrad/weights';
import type * as tf from '@tensorflow/tfjs-core';
import { chainOf } from './run/build.ts';
import type { OnnxChain, OnnxOutput } from './run/onnx-chain.ts';
import { translate } from './tfjs/translator.ts';
import { TfliteConverter } from './tflite/converter.ts';

export interface ImportTfliteOptions extends Omit<OpenOptions, 'format'> {
  /** Values of the graph to give in place of its outputs, by the names of their arrays. What they do not need is left out. */
  readonly outputs?: readonly string[] | undefined;
}

/**
 * Reads a TFLite file as a `Chain` that infers and trains: what `importOnnx` makes of an ONNX file. Inputs and outputs are the
 * model's own: pictures are (N, H, W, C).
 *
 * ```ts
 * const model = await importTflite('detector.tflite');
 * ```
 *
 * @param source where weights come from: a path or address, a File or Blob, bytes, a name of the pretrained table.
 * @returns the network. Its parameters are the constants of the graph, by their names as paths: filters (out, in, kh, kw), of
 *   depthwise convolutions (out, 1, kh, kw), matrices of dense layers (out, in), as everywhere in chaingrad.
 * @throws UnknownNameError when `outputs` names no array; FormatError when the file is damaged, or has several subgraphs;
 *   UnsupportedOperatorError when it has an operator without a translation (docs/onnx.md), or computes in quantized integers;
 *   SourceError, DownloadError when it cannot be read; UnknownOptionError.
 */
export async function importTflite<Out extends OnnxOutput = tf.Tensor>(
  source: WeightSource,
  options: ImportTfliteOptions = {},
): Promise<OnnxChain<Out>> {
  const { outputs, ...opening } = options;
  const { file, graph } = await openTfliteGraph(source, opening);
  const converted = new TfliteConverter(graph, file).convert();
  return chainOf<Out>(translate(converted.graph, converted.arrays, outputs), { layout: 'as-is' });
}
