/** TensorFlow's GraphDef, as `model.json` has it: nodes with what they take and their attributes, checked. */
import { brief, FormatError, type FormatPlace } from '@chaingrad/core';
import type { TfjsModel } from '@chaingrad/weights';
import type { Dtype } from '../values/host-array.ts';

/** A value of the graph: one output of a node. */
export interface Ref {
  readonly node: string;
  readonly index: number;
}

export interface TfNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly Ref[];
  readonly attributes: Attributes;
}

/** What goes in or out of a model, as its signature names it. */
export interface Signed {
  readonly key: string;
  readonly ref: Ref;
}

export interface GraphDef {
  readonly file: string;
  /** By name. */
  readonly nodes: ReadonlyMap<string, TfNode>;
  readonly inputs: readonly Signed[];
  readonly outputs: readonly Signed[];
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
}

const dtypes: Readonly<Record<string, Dtype>> = {
  DT_FLOAT: 'float32',
  DT_DOUBLE: 'float64',
  DT_HALF: 'float16',
  DT_BFLOAT16: 'bfloat16',
  DT_INT32: 'int32',
  DT_INT64: 'int64',
  DT_UINT8: 'uint8',
  DT_INT8: 'int8',
  DT_INT16: 'int16',
  DT_UINT16: 'uint16',
  DT_BOOL: 'bool',
};

/** TensorFlow's numbers of element types, which some files have in place of the names. */
const dtypeNumbers: Readonly<Record<number, string>> = {
  1: 'DT_FLOAT',
  2: 'DT_DOUBLE',
  3: 'DT_INT32',
  4: 'DT_UINT8',
  5: 'DT_INT16',
  6: 'DT_INT8',
  9: 'DT_INT64',
  10: 'DT_BOOL',
  14: 'DT_BFLOAT16',
  17: 'DT_UINT16',
  19: 'DT_HALF',
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The attributes of a node. Each is read as its operator means it; another kind is a FormatError. */
export class Attributes {
  constructor(
    private readonly all: Readonly<Record<string, unknown>>,
    private readonly place: FormatPlace,
  ) {}

  private field(name: string, ...kinds: string[]): unknown {
    const attribute = Object.hasOwn(this.all, name) ? this.all[name] : undefined;
    if (attribute === undefined) return undefined;
    const kind = isRecord(attribute) ? kinds.find((k) => Object.hasOwn(attribute, k)) : undefined;
    // Empty lists and zeros are left out where JSON was written from protobuf.
    if (kind === undefined && isRecord(attribute) && Object.keys(attribute).length === 0) return undefined;
    if (kind === undefined) return this.wrong(name, `of kind ${kinds.join(' or ')}`, attribute);
    return (attribute as Record<string, unknown>)[kind];
  }

  private wrong(name: string, expected: string, got: unknown): never {
    throw new FormatError(this.place, `attribute '${name}' ${expected}`, brief(got));
  }

  private numberOf(name: string, value: unknown): number {
    const number = typeof value === 'string' && value !== '' ? Number(value) : value;
    return typeof number === 'number' ? number : this.wrong(name, 'with numbers', value);
  }

  private textOf(name: string, value: unknown): string {
    if (Array.isArray(value))
      return value.map((code) => String.fromCharCode(this.numberOf(name, code))).join('');
    if (typeof value !== 'string') return this.wrong(name, 'with texts', value);
    try {
      return atob(value);
    } catch {
      return this.wrong(name, 'in base64', value);
    }
  }

  private list(name: string, kind: string): unknown[] | null {
    const list = this.field(name, 'list');
    if (list === undefined) return null;
    const items = isRecord(list) ? (list[kind] ?? []) : null;
    return Array.isArray(items) ? items : this.wrong(name, 'that is a list', list);
  }

  number(name: string, fallback: number): number {
    const value = this.field(name, 'i', 'f');
    return value === undefined ? fallback : this.numberOf(name, value);
  }

  flag(name: string, fallback = false): boolean {
    const value = this.field(name, 'b');
    return value === undefined
      ? fallback
      : typeof value === 'boolean'
        ? value
        : this.wrong(name, 'that is true or false', value);
  }

  text(name: string, fallback: string): string {
    const value = this.field(name, 's');
    return value === undefined ? fallback : this.textOf(name, value);
  }

  texts(name: string): string[] {
    return (this.list(name, 's') ?? []).map((value) => this.textOf(name, value));
  }

  integers(name: string): number[] | null {
    return (
      this.list(name, 'i')?.map((value) => {
        const number = this.numberOf(name, value);
        return Number.isSafeInteger(number) ? number : this.wrong(name, 'with integers', value);
      }) ?? null
    );
  }

  /** @throws FormatError for strings, complex numbers and other values that are no plain numbers. */
  dtype(name: string, fallback: Dtype): Dtype {
    const value = this.field(name, 'type');
    if (value === undefined) return fallback;
    const key = typeof value === 'number' ? dtypeNumbers[value] : value;
    if (typeof key !== 'string' || !Object.hasOwn(dtypes, key))
      return this.wrong(name, 'that is a type of numbers or booleans', value);
    return dtypes[key]!;
  }

  /** Sizes, null where they are open; null as a whole where the rank is. */
  shape(name: string): (number | null)[] | null {
    const shape = this.field(name, 'shape');
    if (!isRecord(shape) || shape['unknownRank'] === true) return null;
    const dims = shape['dim'] ?? [];
    if (!Array.isArray(dims)) return this.wrong(name, "with a list 'dim'", shape);
    if (dims.length > 64) return this.wrong(name, 'of at most 64 axes', dims.length);
    return dims.map((dim: unknown) => {
      const size = this.numberOf(name, isRecord(dim) ? (dim['size'] ?? 0) : dim);
      return Number.isSafeInteger(size) && size > 0 ? size : null;
    });
  }
}

/** `name`, `name:1`; null for `^name`, which only says what runs before. */
export function refOf(text: string): Ref | null {
  if (text.startsWith('^')) return null;
  const [node = '', ...rest] = text.split(':');
  const index = Number(rest.at(-1) ?? 0);
  return { node, index: Number.isSafeInteger(index) ? index : -1 };
}

/**
 * The graph of a model.
 * @throws FormatError when the model is none of a graph (a layers-model), a name comes twice, or a node takes what there is not.
 */
export function readGraphDef({ file, json }: TfjsModel): GraphDef {
  const topology = json['modelTopology'];
  const list = isRecord(topology) ? topology['node'] : undefined;
  if (!Array.isArray(list)) {
    const layers = isRecord(topology) && ('model_config' in topology || 'config' in topology);
    throw new FormatError(
      { file },
      "a graph-model: a 'modelTopology' with nodes",
      layers ? 'a layers-model' : brief(topology),
      layers ? 'Its weights can be loaded into a chain of the same layers: load(source, chain).' : undefined,
    );
  }
  const nodes = new Map<string, TfNode>();
  for (const each of list) {
    const node = readNode(each, file);
    if (nodes.has(node.name))
      throw new FormatError({ file, key: node.name }, 'every name once', 'the name twice');
    nodes.set(node.name, node);
  }
  const known = (ref: Ref, place: FormatPlace) => {
    if (!nodes.has(ref.node)) throw new FormatError(place, 'inputs that the graph has', `'${ref.node}'`);
    return ref;
  };
  for (const { name, inputs } of nodes.values()) for (const ref of inputs) known(ref, { file, key: name });
  const signature =
    json['signature'] ??
    (isRecord(json['userDefinedMetadata']) ? json['userDefinedMetadata']['signature'] : undefined);
  const signed = (side: 'inputs' | 'outputs'): Signed[] => {
    const entries = isRecord(signature) && isRecord(signature[side]) ? Object.entries(signature[side]) : [];
    return entries.flatMap(([key, info]) => {
      const name = isRecord(info) ? info['name'] : undefined;
      const ref = typeof name === 'string' ? refOf(name) : null;
      if (ref === null)
        throw new FormatError({ file, key }, `${side} of the signature with names`, brief(info));
      // Signatures name inputs that conversion has folded away.
      if (side === 'inputs' && !nodes.has(ref.node)) return [];
      return [{ key: key.replace(/:0$/, ''), ref: known(ref, { file, key }) }];
    });
  };
  const taken = new Set([...nodes.values()].flatMap(({ inputs }) => inputs.map(({ node }) => node)));
  const ends = () =>
    [...nodes.values()]
      .filter(({ name, op }) => !taken.has(name) && op !== 'NoOp' && op !== 'Const' && op !== 'Placeholder')
      .map(({ name }) => ({ key: name, ref: { node: name, index: 0 } }));
  const given = signed('inputs');
  const doors = [...nodes.values()]
    .filter(({ name, op }) => op === 'Placeholder' && !given.some(({ ref }) => ref.node === name))
    .map(({ name }) => ({ key: name, ref: { node: name, index: 0 } }));
  const outputs = signed('outputs');
  return {
    file,
    nodes,
    inputs: [...given, ...doors],
    outputs: outputs.length > 0 ? outputs : ends(),
    producer: [json['generatedBy'], json['convertedBy']]
      .filter((text) => typeof text === 'string')
      .join(', '),
    metadata: new Map(
      Object.entries(isRecord(json['userDefinedMetadata']) ? json['userDefinedMetadata'] : {}).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string',
      ),
    ),
  };
}

function readNode(json: unknown, file: string): TfNode {
  const { name, op, input = [], attr = {} } = isRecord(json) ? json : {};
  const isText = (value: unknown) => typeof value === 'string';
  if (
    typeof name !== 'string' ||
    typeof op !== 'string' ||
    !Array.isArray(input) ||
    !input.every(isText) ||
    !isRecord(attr)
  )
    throw new FormatError({ file }, "nodes with 'name', 'op', 'input' and 'attr'", brief(json));
  const inputs = (input as string[]).map(refOf).filter((ref) => ref !== null);
  return { name, op, inputs, attributes: new Attributes(attr, { file, key: name }) };
}
