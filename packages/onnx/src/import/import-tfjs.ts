/** `importTfjs`: a graph-model of TensorFlow.js as a Chain. */
import { type OpenOptions, openTfjsModel, type WeightSource } from '@chaingrad/weights';
import type * as tf from '@tensorflow/tfjs-core';
import { chainOf } from './run/build.ts';
import type { OnnxChain, OnnxOutput } from './run/onnx-chain.ts';
import { readGraphDef } from './tfjs/graph-def.ts';
import { translate } from './tfjs/translator.ts';

export interface ImportTfjsOptions extends Omit<OpenOptions, 'format'> {
  /** Values of the graph to give in place of its outputs, by the names of their nodes. What they do not need is left out. */
  readonly outputs?: readonly string[] | undefined;
}

/**
 * Reads a graph-model of TensorFlow.js (`model.json` and its shards) as a `Chain` that infers and trains: what `importOnnx` makes
 * of an ONNX file. Inputs and outputs are the model's own: pictures are (N, H, W, C).
 *
 * ```ts
 * const model = await importTfjs('node_modules/@vladmandic/human/models/faceres.json');
 * ```
 *
 * @param source where weights come from: a path or address of `model.json`, a list of Files (`model.json` first), a name of the
 *   pretrained table.
 * @returns the network. Its parameters are the constants of the graph, by their names as paths: filters (out, in, kh, kw), of
 *   depthwise convolutions (out, 1, kh, kw), matrices of dense layers (out, in), as everywhere in chaingrad.
 * @throws UnknownNameError when `outputs` names no node; FormatError when a file is damaged, or no graph-model;
 *   UnsupportedOperatorError when the graph has an operator without a rule (docs/onnx.md), or control flow; SourceError,
 *   DownloadError when it cannot be read; UnknownOptionError.
 */
export async function importTfjs<Out extends OnnxOutput = tf.Tensor>(
  source: WeightSource,
  options: ImportTfjsOptions = {},
): Promise<OnnxChain<Out>> {
  const { outputs, ...opening } = options;
  const model = await openTfjsModel(source, opening);
  return chainOf<Out>(translate(readGraphDef(model), model.arrays, outputs), { layout: 'as-is' });
}
