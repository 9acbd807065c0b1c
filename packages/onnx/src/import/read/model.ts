/** An ONNX file's message as a graph: names resolved, order checked, nothing left that could surprise later. */
import { FormatError, type FormatPlace } from '@chaingrad/core';
import {
  type AttributeProto,
  AttributeType,
  fromBinary,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../proto/index.ts';
import type { Attribute, Door, Graph, Node } from '../graph.ts';
import { newestOpset } from '../ops/rule.ts';
import { onnxNaming } from '../plan/names.ts';
import type { HostArray } from '../values/host-array.ts';
import { dtypeName, knownDtype } from './element-types.ts';
import { checkWire } from './limits.ts';
import { type ExternalBytes, readTensor } from './tensor.ts';

const text = new TextDecoder();

/** Decodes the message of a file. @throws FormatError when it is none. */
export function decodeModel(bytes: Uint8Array<ArrayBuffer>, file: string): ModelProto {
  checkWire(bytes, file);
  try {
    return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });
  } catch (error) {
    throw new FormatError(
      { file },
      'an ONNX model',
      bytes.length === 0 ? 'an empty file' : (error as Error).message,
      'Is it an ONNX file? Otherwise it is damaged: fetch or write it again.',
      error,
    );
  }
}

/** Every array of the model whose values lie in another file. */
export function* externalTensors(model: ModelProto): Generator<TensorProto> {
  const isExternal = (tensor: TensorProto) => tensor.externalData.length > 0 || tensor.dataLocation === 1;
  for (const tensor of model.graph?.initializer ?? []) if (isExternal(tensor)) yield tensor;
  for (const node of model.graph?.node ?? [])
    for (const { t } of node.attribute) if (t !== undefined && isExternal(t)) yield t;
}

/**
 * The graph of a decoded model.
 * @throws FormatError when a node uses a value that nothing gives, a name is given twice, or an array is damaged.
 */
export function readGraph(model: ModelProto, file: string, external: ExternalBytes): Graph {
  const { graph } = model;
  if (graph === undefined) throw new FormatError({ file }, 'an ONNX model with a graph', 'none');
  const place = { file };
  const opset = opsetOf(model, file);
  if (graph.sparseInitializer.length > 0)
    throw new FormatError(place, 'dense initializers', 'sparse ones', 'Export them dense.');
  const initializers = new Map<string, HostArray>();
  for (const tensor of graph.initializer) {
    if (tensor.name === '' || initializers.has(tensor.name))
      throw new FormatError(place, 'initializers of different names', `'${tensor.name}' twice`);
    initializers.set(tensor.name, readTensor(tensor, file, external));
  }
  const nodes = graph.node.map((node, i) => readNode(node, i, file, external));
  const inputs = graph.input
    .filter(({ name }) => !initializers.has(name))
    .map((info) => readDoor(info, file));
  checkOrder(graph, initializers, nodes, file);
  return {
    file,
    opset,
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
    inputs,
    outputs: graph.output.map((info) => readDoor(info, file)),
    initializers,
    nodes,
    metadata: new Map(model.metadataProps.map(({ key, value }) => [key, value])),
    naming: onnxNaming,
  };
}

function opsetOf(model: ModelProto, file: string): number {
  const own = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  const version = Number(own?.version ?? 1);
  if (version < 1 || version > newestOpset) {
    throw new FormatError(
      { file },
      `operators of opset 1 to ${newestOpset}`,
      `opset ${own?.version}`,
      `Export with opset_version=${newestOpset} or less.`,
    );
  }
  return version;
}

function readDoor(info: ValueInfoProto, file: string): Door {
  const place = { file, key: info.name };
  const type = info.type?.value;
  if (type?.case !== 'tensorType')
    throw new FormatError(
      place,
      'an array going in or out',
      type?.case ?? 'no type',
      'Sequences, maps and optionals are not imported.',
    );
  const dtype = knownDtype(type.value.elemType);
  if (dtype === null)
    throw new FormatError(
      place,
      'numbers or booleans',
      dtypeName(type.value.elemType),
      'Such values are not imported.',
    );
  const shape =
    type.value.shape?.dim.map(({ value }) => {
      if (value.case === 'dimParam') return value.value === '' ? null : value.value;
      const size = value.case === 'dimValue' ? Number(value.value) : null;
      // Some exporters write open sizes as 0 or -1.
      return size !== null && Number.isSafeInteger(size) && size > 0 ? size : null;
    }) ?? null;
  return { name: info.name, dtype, shape };
}

function readNode(node: NodeProto, index: number, file: string, external: ExternalBytes): Node {
  const name = node.name === '' ? `#${index}` : node.name;
  const attributes = new Map<string, Attribute>();
  for (const attribute of node.attribute) {
    if (attributes.has(attribute.name))
      throw new FormatError(
        { file, key: name },
        'attributes of different names',
        `'${attribute.name}' twice`,
      );
    attributes.set(attribute.name, readAttribute(attribute, { file, key: name }, external));
  }
  return {
    name,
    op: node.opType,
    domain: node.domain === 'ai.onnx' ? '' : node.domain,
    inputs: node.input,
    outputs: node.output,
    attributes,
    scope: scopeOf(node),
  };
}

/** PyTorch notes the modules around a node, the innermost last, and behind them its operation: `['', 'layer1', 'relu']`. */
function scopeOf({ metadataProps }: NodeProto): string | null {
  const scopes = metadataProps.find(({ key }) => key === 'pkg.torch.onnx.name_scopes')?.value;
  return scopes?.split("'").at(-4) || null;
}

function readAttribute(attribute: AttributeProto, place: FormatPlace, external: ExternalBytes): Attribute {
  switch (kindOf(attribute)) {
    case AttributeType.FLOAT:
      return { kind: 'float', value: attribute.f };
    case AttributeType.INT:
      return { kind: 'int', value: Number(attribute.i) };
    case AttributeType.STRING:
      return { kind: 'string', value: text.decode(attribute.s) };
    case AttributeType.FLOATS:
      return { kind: 'floats', value: attribute.floats };
    case AttributeType.INTS:
      return { kind: 'ints', value: attribute.ints.map(Number) };
    case AttributeType.STRINGS:
      return { kind: 'strings', value: attribute.strings.map((s) => text.decode(s)) };
    case AttributeType.TENSOR:
      if (attribute.t === undefined) throw new FormatError(place, `an array in '${attribute.name}'`, 'none');
      // Strings and the like are refused only where a rule asks for them.
      if (knownDtype(attribute.t.dataType) === null) return { kind: 'other', value: null };
      return {
        kind: 'tensor',
        value: readTensor(attribute.t, place.file, external, `${place.key}: ${attribute.name}`),
      };
    default:
      return { kind: 'other', value: null };
  }
}

/** The first versions of the format did not say which field of an attribute is meant. */
function kindOf(a: AttributeProto): AttributeType {
  if (a.type !== AttributeType.UNDEFINED) return a.type;
  if (a.t !== undefined) return AttributeType.TENSOR;
  if (a.ints.length > 0) return AttributeType.INTS;
  if (a.floats.length > 0) return AttributeType.FLOATS;
  if (a.strings.length > 0) return AttributeType.STRINGS;
  if (a.s.length > 0) return AttributeType.STRING;
  return a.f !== 0 ? AttributeType.FLOAT : AttributeType.INT;
}

function checkOrder(
  graph: GraphProto,
  initializers: ReadonlyMap<string, HostArray>,
  nodes: readonly Node[],
  file: string,
): void {
  const known = new Set([...graph.input.map(({ name }) => name), ...initializers.keys()]);
  for (const node of nodes) {
    const place = { file, key: node.name };
    for (const input of node.inputs) {
      if (input !== '' && !known.has(input))
        throw new FormatError(place, 'inputs that are given before', `'${input}'`);
    }
    for (const output of node.outputs) {
      if (output === '') continue;
      if (known.has(output)) throw new FormatError(place, 'outputs of new names', `'${output}' again`);
      known.add(output);
    }
  }
  for (const { name } of graph.output)
    if (!known.has(name))
      throw new FormatError({ file, key: name }, 'outputs that a node gives', 'none that does');
}
