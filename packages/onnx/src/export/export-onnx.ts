/** A link's forward pass as an ONNX model. */
import {
  type InputSpec,
  InvalidArgumentError,
  type Link,
  type Serializable,
  traceForward,
} from '@chaingrad/core';
import { writeFile, writeFiles } from '@chaingrad/weights';
import {
  create,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../proto/index.ts';
import { GraphBuilder, type Initializer } from './builder.ts';
import type { GraphType } from './constant.ts';
import { type Dim, dimOf, sameDim, type Varying } from './dims.ts';
import { ELEMENT_TYPES } from './element-types.ts';
import { channelsFirst, Emitter, identity, type Value } from './emitter.ts';
import { OnnxExportError } from './errors.ts';
import { fillOf, foldConstants } from './fold.ts';
import { type GraphValue, type KernelGraph, mergeTraces } from './merge.ts';
import type { GraphPort, OnnxAbout, OnnxExportOptions } from './options.ts';
import { rewrite } from './rewrite.ts';
import { onnxRules } from './rules/index.ts';
import { byteSize, dataPieces, FILE_LIMIT, filePieces, headPieces } from './serialize.ts';

/** The newest operator set whose operators are as the rules write them. */
const NEWEST_OPSET = 22;

/** ONNX' version of the file format, the oldest that has the operator set. */
const irVersion = (opset: number): bigint => (opset >= 21 ? 10n : opset >= 19 ? 9n : 8n);

/** What `exportOnnx` writes, before it is bytes: the model without its arrays, and these. */
export interface OnnxModel {
  readonly model: ModelProto;
  readonly initializers: readonly Initializer[];
}

/**
 * Traces `link.forward` in test mode and writes what it does as an ONNX graph. Values are read only where the file needs them.
 *
 * @param inputs one shape for each argument of `forward`, batch first, channels last: `[[1, 224, 224, 3]]`.
 * @throws TraceError, OnnxExportError with the path of the link whose `forward` cannot be exported.
 */
export async function buildOnnx(
  link: Link,
  inputs: readonly InputSpec[],
  options: OnnxExportOptions = {},
): Promise<OnnxModel> {
  const settings = checked(options, inputs);
  const { wrap } = settings;
  const builder = new GraphBuilder(settings.opset);
  const sizes = traceSizes(inputs, settings);
  const graph = mergeTraces(sizes.map((each) => traceForward(link, each, wrap?.forward as Forward)));
  const outer = wrap?.before(builder);
  let found = await emit(graph, builder, settings, outer?.args ?? null);
  for (const stage of wrap?.stages ?? []) {
    const args = stage.between(builder, found.outputs);
    const shapes = traceSizes(
      args.map(({ shape }) => shape),
      { ...settings, batch: 'dynamic', size: 'fixed' },
    );
    const part = mergeTraces(shapes.map((each) => traceForward(link, each, stage.forward as Forward)));
    const names = args.map(({ name }) => name);
    found = { ...found, outputs: (await emit(part, builder, settings, names)).outputs };
  }
  const given = outer?.inputs ?? found.inputs;
  const made = wrap === undefined ? found.outputs : wrap.after(builder, found.outputs);
  const ports = { inputs: given, outputs: named(builder, made, given, settings.outputNames) };
  const label = labels(graph, sizes);
  const name = settings.about.name ?? link.constructor.name;
  const model = create(ModelProtoSchema, {
    irVersion: irVersion(settings.opset),
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(settings.opset) })],
    producerName: 'chaingrad',
    docString: settings.about.description ?? '',
    metadataProps: Object.entries({
      ...metadataOf(name, settings.about, settings.layout),
      ...(link as Serializable).serialMetadata?.(),
    }).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
    graph: create(GraphProtoSchema, {
      name,
      node: builder.nodes,
      input: ports.inputs.map((port) => valueInfo(port, label)),
      output: ports.outputs.map((port) => valueInfo(port, label)),
    }),
  });
  return { model, initializers: usedBy(builder) };
}

/**
 * A link as the bytes of an ONNX file.
 *
 * ```ts
 * const bytes = await exportOnnx(model, [[1, 224, 224, 3]]);
 * ```
 *
 * @param inputs one shape for each argument of `forward`, batch first, channels last.
 * @throws TraceError, OnnxExportError with the path of the link whose `forward` cannot be exported; InvalidArgumentError for
 *   a file of more than 2 GB, which only `saveOnnx` can write.
 */
export async function exportOnnx(
  link: Link,
  inputs: readonly InputSpec[],
  options: OnnxExportOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const { model, initializers } = await buildOnnx(link, inputs, options);
  const size = initializers.reduce((sum, each) => sum + byteSize(each), 0);
  if (size > FILE_LIMIT) {
    throw new InvalidArgumentError(
      'exportOnnx',
      'parameters of less than 2 GB',
      `${size} bytes`,
      'Use saveOnnx.',
    );
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of filePieces(model, initializers)) pieces.push(piece);
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

export interface SaveOnnxOptions extends OnnxExportOptions {
  /**
   * Whether the arrays go into a file of their own beside the first, `m.onnx.data`, or how many bytes of them may stay in the
   * first. Default: as many as one ONNX file can hold, 2 GB.
   */
  readonly externalData?: boolean | number | undefined;
}

/** What `saveOnnx` wrote. */
export interface SavedOnnx {
  /** The file, and the one with its arrays if they stand apart. */
  readonly files: readonly (string | URL)[];
  /** Bytes of all arrays. */
  readonly arrayBytes: number;
  /** Nodes of the graph. */
  readonly operators: number;
  readonly opset: number;
}

/**
 * Saves a link as an ONNX file; in Node. The file appears whole or not at all, array after array, so that little memory is
 * needed. In a page: `new Blob([await exportOnnx(model, inputs)])`.
 *
 * ```ts
 * await saveOnnx('model.onnx', model, [[1, 224, 224, 3]]);
 * ```
 *
 * @throws as `exportOnnx`; SourceError when the file cannot be written.
 */
export async function saveOnnx(
  file: string | URL,
  link: Link,
  inputs: readonly InputSpec[],
  { externalData, ...options }: SaveOnnxOptions = {},
): Promise<SavedOnnx> {
  const { model, initializers } = await buildOnnx(link, inputs, options);
  const arrayBytes = initializers.reduce((sum, each) => sum + byteSize(each), 0);
  const told = {
    arrayBytes,
    operators: model.graph!.node.length,
    opset: Number(model.opsetImport[0]!.version),
  };
  if (externalData === false && arrayBytes > FILE_LIMIT)
    throw new InvalidArgumentError('saveOnnx externalData', 'true for more than 2 GB', externalData);
  const most = Math.min(typeof externalData === 'number' ? externalData : FILE_LIMIT, FILE_LIMIT);
  if (externalData !== true && arrayBytes <= most) {
    await writeFile(file, filePieces(model, initializers));
    return { files: [file], ...told };
  }
  const data = typeof file === 'string' ? `${file}.data` : new URL(`${file.href}.data`);
  const name = String(data).split(/[\\/]/).at(-1)!;
  const location = typeof file === 'string' && !/^file:/i.test(file) ? name : decodeURIComponent(name);
  await writeFiles([
    { path: file, content: headPieces(model, initializers, location) },
    { path: data, content: dataPieces(initializers) },
  ]);
  return { files: [file, data], ...told };
}

// ---- settings -------------------------------------------------------------------------------------------------------

interface Settings extends OnnxExportOptions {
  readonly opset: number;
  readonly layout: 'NCHW' | 'NHWC';
  readonly batch: 'dynamic' | 'fixed';
  readonly size: 'dynamic' | 'fixed';
  readonly sizeMultiple: number;
  readonly foldBatchNormalization: boolean;
  readonly about: OnnxAbout;
}

function checked(options: OnnxExportOptions, inputs: readonly InputSpec[]): Settings {
  const { opset = 17, layout = 'NCHW', batch = 'dynamic', size = 'fixed', sizeMultiple = 1 } = options;
  const wrong = (what: string, expected: string, got: unknown) =>
    new InvalidArgumentError(`exportOnnx ${what}`, expected, got);
  if (!Number.isInteger(opset) || opset < 17 || opset > NEWEST_OPSET) {
    throw wrong('opset', `17 to ${NEWEST_OPSET}`, opset);
  }
  if (layout !== 'NCHW' && layout !== 'NHWC') throw wrong('layout', "'NCHW' or 'NHWC'", layout);
  for (const [what, value] of Object.entries({ batch, size })) {
    if (value !== 'dynamic' && value !== 'fixed') throw wrong(what, "'dynamic' or 'fixed'", value);
  }
  if (!Number.isInteger(sizeMultiple) || sizeMultiple < 1) {
    throw wrong('sizeMultiple', 'a positive integer', sizeMultiple);
  }
  const { inputNames, foldBatchNormalization = false, about = {} } = options;
  if (inputNames !== undefined && options.wrap === undefined && inputNames.length !== inputs.length) {
    throw wrong('inputNames', `${inputs.length} names`, inputNames.join(', '));
  }
  return { ...options, opset, layout, batch, size, sizeMultiple, foldBatchNormalization, about };
}

const shapeOf = (input: InputSpec): readonly number[] => ('shape' in input ? input.shape : input);

/** Added to the height and the width, trace by trace: halves and quarters of the sums are odd here and even there. */
const HEIGHTS = [0, 1, 2, 3, 5, 8, 13, 21];
const WIDTHS = [0, 2, 1, 5, 3, 13, 8, 34];

/** The inputs' shapes of each trace: equal ones where nothing may vary. */
function traceSizes(inputs: readonly InputSpec[], { batch, size, sizeMultiple }: Settings): InputSpec[][] {
  const count = size === 'dynamic' ? HEIGHTS.length : batch === 'dynamic' ? 2 : 1;
  const own = inputs.map(shapeOf).find((shape) => shape.length > 0)?.[0];
  return Array.from({ length: count }, (_, t) =>
    inputs.map((input) => {
      const shape = [...shapeOf(input)];
      if (batch === 'dynamic' && shape.length > 0 && shape[0] === own) shape[0] = t + 2;
      if (size === 'dynamic' && shape.length === 4) {
        shape[1]! += HEIGHTS[t]! * sizeMultiple;
        shape[2]! += WIDTHS[t]! * sizeMultiple;
      }
      return 'shape' in input ? { ...input, shape } : shape;
    }),
  );
}

type Forward = Parameters<typeof traceForward>[2];

// ---- the graph ------------------------------------------------------------------------------------------------------

/** What a stage gives, and where it stands in what `forward` gave. */
type PlacedPort = GraphPort & { readonly place?: string };

/**
 * Translates all kernels of a stage.
 * @param args names of its inputs; null where they are those of the graph.
 * @returns the border of the stage.
 */
async function emit(
  whole: KernelGraph,
  builder: GraphBuilder,
  settings: Settings,
  args: readonly string[] | null,
): Promise<{ inputs: readonly GraphPort[]; outputs: readonly PlacedPort[] }> {
  const constants = await foldConstants(whole);
  const graph = rewrite(whole, constants, { foldNormalization: settings.foldBatchNormalization });
  const e = new Emitter(builder, '/');
  const { layout } = settings;
  const borderOrder = (rank: number) => (layout === 'NCHW' && rank === 4 ? channelsFirst(4) : identity(rank));
  const values = new Map<GraphValue, Value>();
  const find = (value: GraphValue): Value => {
    const known = values.get(value);
    if (known !== undefined) return known;
    const constant = value.constant ?? constants.get(value);
    if (value.size !== null) {
      const made = e.size(value.size, value.dtype);
      values.set(value, made);
      return made;
    }
    if (constant == null) throw new OnnxExportError(e.path, 'an array that no kernel made is used.');
    const made = e.constant(constant);
    values.set(value, made);
    return made;
  };

  const inputs = graph.args.map((arg, i): GraphPort => {
    const order = borderOrder(arg.shape.length);
    const wanted = settings.inputNames?.[i] ?? (graph.args.length === 1 ? 'input' : `input_${i}`);
    const name = args === null ? builder.unique(wanted) : args[i]!;
    values.set(arg, e.made(name, arg.shape, arg.dtype, order));
    return { name, shape: order.map((axis) => arg.shape[axis]!), dtype: arg.dtype };
  });

  for (const kernel of graph.kernels) {
    e.path = kernel.path;
    const fill = fillOf(kernel);
    const rule = onnxRules[kernel.name];
    if (fill === null && rule === undefined) {
      throw new OnnxExportError(kernel.path, `kernel '${kernel.name}' has no translation into ONNX.`);
    }
    const given = Object.fromEntries(Object.entries(kernel.inputs).map(([key, value]) => [key, find(value)]));
    const [first] = kernel.outputs;
    const made = fill === null ? rule!(e, given, kernel) : e.filled(fill, first!.shape, first!.dtype);
    [made].flat().forEach((value, i) => {
      values.set(kernel.outputs[i]!, value as Value);
    });
  }

  e.path = '/';
  const outputs = graph.outputs.map(([place, value]): PlacedPort => {
    const result = find(value);
    const order = borderOrder(value.shape.length);
    return {
      place,
      name: e.at(result, order),
      shape: order.map((axis) => result.shape[axis]!),
      dtype: result.dtype,
    };
  });
  return { inputs, outputs };
}

/** Gives the outputs their names. */
function named(
  builder: GraphBuilder,
  outputs: readonly PlacedPort[],
  inputs: readonly GraphPort[],
  names: readonly string[] | undefined,
): GraphPort[] {
  if (names !== undefined && names.length !== outputs.length) {
    throw new InvalidArgumentError('exportOnnx outputNames', `${outputs.length} names`, names.join(', '));
  }
  const taken = new Set(inputs.map(({ name }) => name));
  return outputs.map((output, i) => {
    const { place } = output;
    const own =
      place === undefined
        ? output.name
        : place === ''
          ? 'output'
          : /^\d/.test(place)
            ? `output_${place}`
            : place;
    const wanted = names?.[i] ?? own;
    if (wanted === output.name && !taken.has(wanted)) {
      taken.add(wanted);
      return output;
    }
    const name = builder.unique(wanted);
    // What goes out twice, or comes in, needs a node of its own.
    if (taken.has(output.name) || !builder.rename(output.name, name)) {
      const copy = builder.one('/', 'Identity', [output.name]);
      builder.rename(copy, name);
    }
    taken.add(name);
    return { ...output, name };
  });
}

/** The arrays that nodes take, in the order in which they take them. */
function usedBy({ nodes, initializers }: GraphBuilder): Initializer[] {
  const used = new Set(nodes.flatMap((node) => node.input));
  return initializers.filter(({ name }) => used.has(name));
}

// ---- what stands beside the graph -----------------------------------------------------------------------------------

/** Names for sizes that vary: 'N', 'H', 'W' for the inputs' own. */
function labels(graph: KernelGraph, sizes: readonly InputSpec[][]): (dim: Varying) => string | null {
  const known: { name: string; dim: Dim }[] = [];
  const of = (input: number, axis: number) => dimOf(sizes.map((each) => shapeOf(each[input]!)[axis]!));
  graph.args.forEach(({ shape }, i) => {
    if (shape.length > 0) known.push({ name: 'N', dim: of(i, 0) });
    if (shape.length === 4) known.push({ name: 'H', dim: of(i, 1) }, { name: 'W', dim: of(i, 2) });
  });
  return (dim) => known.find((each) => sameDim(each.dim, dim))?.name ?? null;
}

function valueInfo(
  { name, shape, dtype }: GraphPort,
  label: (dim: Varying) => string | null,
): ValueInfoProto {
  const dim = shape.map((size, axis) => {
    const value =
      typeof size === 'number'
        ? { case: 'dimValue' as const, value: BigInt(size) }
        : {
            case: 'dimParam' as const,
            value: typeof size === 'string' ? size : (label(size) ?? `${name}_${axis}`),
          };
    return create(TensorShapeProto_DimensionSchema, { value });
  });
  const tensor = create(TypeProto_TensorSchema, {
    elemType: ELEMENT_TYPES[dtype as GraphType],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}

function metadataOf(name: string, about: OnnxAbout, layout: string): Record<string, string> {
  const { classNames, mean, inputRange, more } = about;
  return {
    model: name,
    layout,
    ...(classNames === undefined ? {} : { class_names: JSON.stringify(classNames) }),
    ...(mean === undefined ? {} : { mean: JSON.stringify(mean) }),
    ...(inputRange === undefined ? {} : { input_range: JSON.stringify(inputRange) }),
    ...more,
  };
}
