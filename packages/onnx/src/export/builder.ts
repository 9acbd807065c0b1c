/** Nodes and initializers of an ONNX graph, each once: a node that would repeat another gives the other's outputs. */
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeType,
  create,
  type NodeProto,
  NodeProtoSchema,
} from '../proto/index.ts';
import { Constant, type GraphType } from './constant.ts';

/** A number that ONNX wants as a float: whole numbers are integers otherwise. */
export class Float {
  constructor(readonly value: number) {}
}

export type NodeAttributes = Readonly<
  Record<string, number | Float | string | readonly number[] | readonly Float[] | undefined>
>;

/** An array of the file, and its name. */
export interface Initializer {
  readonly name: string;
  readonly constant: Constant;
}

export class GraphBuilder {
  readonly nodes: NodeProto[] = [];
  readonly initializers: Initializer[] = [];
  readonly #names = new Set<string>();
  readonly #repeated = new Map<string, string[]>();
  readonly #constants = new Map<string, string>();
  readonly #stored = new Map<Constant, string>();

  constructor(
    /** The version of ONNX' operator set. */
    readonly opset: number,
  ) {}

  /** A name that nothing has yet. */
  unique(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#names.has(name); i++) name = `${wanted}_${i}`;
    this.#names.add(name);
    return name;
  }

  /**
   * Adds a node.
   * @param path of the link it is for; the node is named after it.
   * @param inputs names; '' leaves an optional one out.
   * @returns the names of its outputs.
   */
  node(
    path: string,
    opType: string,
    inputs: readonly string[],
    attrs: NodeAttributes = {},
    count = 1,
  ): string[] {
    const given = [...inputs];
    while (given.at(-1) === '') given.pop();
    const attribute = Object.entries(attrs)
      .filter((entry): entry is [string, NonNullable<NodeAttributes[string]>] => entry[1] !== undefined)
      .map(([name, value]) => attributeProto(name, value));
    const key = JSON.stringify([opType, given, attrs, count]);
    const known = this.#repeated.get(key);
    if (known !== undefined) return known;
    const name = this.unique(`${path === '/' ? '' : path}/${opType}`);
    const output = Array.from({ length: count }, (_, i) =>
      count === 1 ? name : this.unique(`${name}.${i}`),
    );
    this.nodes.push(create(NodeProtoSchema, { name, opType, input: given, output, attribute }));
    this.#repeated.set(key, output);
    return output;
  }

  /** A node with one output. */
  one(path: string, opType: string, inputs: readonly string[], attrs: NodeAttributes = {}): string {
    return this.node(path, opType, inputs, attrs)[0]!;
  }

  /** The name of an array that goes into the file. */
  initializer(constant: Constant): string {
    const stored = this.#stored.get(constant);
    if (stored !== undefined) return stored;
    const { values, dtype, shape, label } = constant;
    // Small arrays are told apart by their values, large ones by what they are made from.
    const key =
      values !== null && values.length <= 64 ? JSON.stringify([dtype, shape, [...values].map(String)]) : null;
    const known = key === null ? undefined : this.#constants.get(key);
    const name = known ?? this.unique(label ?? `const/${this.#constants.size}`);
    if (known === undefined) this.initializers.push({ name, constant });
    if (key !== null) this.#constants.set(key, name);
    this.#stored.set(constant, name);
    return name;
  }

  /** Indices: a list of int64. */
  ints(values: readonly number[]): string {
    return this.initializer(Constant.of('int64', [values.length], BigInt64Array.from(values, BigInt)));
  }

  /** An array of float32. */
  floats(values: ArrayLike<number>, shape: readonly number[] = [values.length]): string {
    return this.initializer(Constant.of('float32', shape, Float32Array.from(values)));
  }

  /** A number of rank 0. */
  scalar(value: number, dtype: GraphType = 'float32'): string {
    return this.initializer(Constant.of(dtype, [], numbers(dtype, [value])));
  }

  /** Gives a node's output another name. False when the name is not a node's output. */
  rename(from: string, to: string): boolean {
    const maker = this.nodes.find((node) => node.output.includes(from));
    if (maker === undefined) return false;
    maker.output = maker.output.map((name) => (name === from ? to : name));
    for (const node of this.nodes) node.input = node.input.map((name) => (name === from ? to : name));
    return true;
  }
}

export function numbers(dtype: GraphType, values: readonly number[]) {
  if (dtype === 'float32') return Float32Array.from(values);
  if (dtype === 'int32') return Int32Array.from(values);
  if (dtype === 'int64') return BigInt64Array.from(values, BigInt);
  return Uint8Array.from(values);
}

function attributeProto(name: string, value: NonNullable<NodeAttributes[string]>): AttributeProto {
  if (value instanceof Float) {
    return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.value });
  }
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  }
  if (typeof value === 'string') {
    const s = new TextEncoder().encode(value);
    return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s });
  }
  if (value.some((each) => each instanceof Float)) {
    const floats = (value as readonly Float[]).map((each) => each.value);
    return create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats });
  }
  const ints = (value as readonly number[]).map(BigInt);
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints });
}
