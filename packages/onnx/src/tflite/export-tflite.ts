/** A link's forward pass as a TFLite model. */
import {
  checkOptions,
  type InputSpec,
  InvalidArgumentError,
  type Link,
  type OptionKinds,
  traceForward,
} from '@chaingrad/core';
import { writeFile } from '@chaingrad/weights';
import { numbers } from '../export/builder.ts';
import { Constant } from '../export/constant.ts';
import { OnnxExportError } from '../export/errors.ts';
import { fillOf, foldConstants } from '../export/fold.ts';
import { type GraphValue, mergeTraces } from '../export/merge.ts';
import { rewrite } from '../export/rewrite.ts';
import { TfliteEmitter } from './emitter.ts';
import { writeFlatbuffer } from './flatbuffer.ts';
import { tfliteRules } from './rules.ts';

export interface TfliteExportOptions {
  /** Names of the inputs. Default 'input', of several 'input_0', 'input_1', ... */
  readonly inputNames?: readonly string[] | undefined;
  /** Names of the outputs. Default 'output', of several 'output_0', 'output_1', ... */
  readonly outputNames?: readonly string[] | undefined;
  /** One line about the model. */
  readonly description?: string | undefined;
}

const kinds: OptionKinds<TfliteExportOptions> = {
  inputNames: 'object',
  outputNames: 'object',
  description: 'string',
};

const nameOf = (given: readonly string[] | undefined, kind: string, i: number, count: number) =>
  given?.[i] ?? (count === 1 ? kind : `${kind}_${i}`);

/**
 * A link as the bytes of a TFLite file, which LiteRT runs on phones and in pages. `forward` is traced in test mode as for
 * ONNX; sizes are fixed, arrays stay channels last, fixed batch normalizations go into the convolutions before them.
 *
 * ```ts
 * const bytes = await exportTflite(model, [[1, 300, 300, 3]]);
 * ```
 *
 * @param inputs one shape for each argument of `forward`, batch first, channels last.
 * @throws TraceError; OnnxExportError that names the kernel that TFLite has no operator for, with the path of its link.
 */
export async function exportTflite(
  link: Link,
  inputs: readonly InputSpec[],
  options: TfliteExportOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { inputNames, outputNames, description } = checkOptions('exportTflite', options, kinds);
  const whole = mergeTraces([traceForward(link, inputs)]);
  const constants = await foldConstants(whole);
  const graph = rewrite(whole, constants, { foldNormalization: true });
  for (const [what, names, count] of [
    ['inputNames', inputNames, graph.args.length],
    ['outputNames', outputNames, graph.outputs.length],
  ] as const)
    if (names !== undefined && names.length !== count)
      throw new InvalidArgumentError(`exportTflite ${what}`, `${count} names`, names.join(', '));

  const uses = new Map<GraphValue, number>();
  const use = (value: GraphValue) => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const kernel of graph.kernels) Object.values(kernel.inputs).forEach(use);
  for (const [, value] of graph.outputs) use(value);

  const e = new TfliteEmitter('/', constants, uses);
  const given = graph.args.map((arg, i) => e.input(nameOf(inputNames, 'input', i, graph.args.length), arg));
  for (const kernel of graph.kernels) {
    e.path = kernel.path;
    const [out] = kernel.outputs;
    const fill = fillOf(kernel);
    if (fill !== null) {
      const shape = e.shape(out!);
      const count = shape.reduce((a, b) => a * b, 1);
      e.alias(
        out!,
        e.constant(Constant.of(out!.dtype, shape, numbers(out!.dtype, new Array<number>(count).fill(fill)))),
      );
      continue;
    }
    const rule = tfliteRules[kernel.name];
    if (rule === undefined)
      throw new OnnxExportError(
        kernel.path,
        `kernel '${kernel.name.replace(/^onnx:/, '')}' has no translation into TFLite.`,
        'docs/onnx.md lists what has one.',
      );
    rule(e, kernel.inputs, kernel);
  }
  const results = graph.outputs.map(([, value], i) => {
    const index = e.index(value);
    e.rename(index, nameOf(outputNames, 'output', i, graph.outputs.length));
    return index;
  });
  const about = description ?? `${link.constructor.name} of chaingrad`;
  return writeFlatbuffer(await e.model(given, results, about), 'TFL3');
}

/**
 * Saves a link as a TFLite file; in Node. The file appears whole or not at all.
 *
 * @throws as `exportTflite`; SourceError when the file cannot be written.
 */
export async function saveTflite(
  file: string | URL,
  link: Link,
  inputs: readonly InputSpec[],
  options: TfliteExportOptions = {},
): Promise<void> {
  await writeFile(file, await exportTflite(link, inputs, options));
}
