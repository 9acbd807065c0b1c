/**
 * Writes the graph of a tfjs model in ONNX' operators, which the planner knows. TensorFlow's pictures are (N, H, W, C), ONNX'
 * (N, C, H, W): between them stand transposes, which move nothing, for the planner's values lie on the device as (N, H, W, C).
 */
import { FormatError, type NamedArray, UnknownNameError } from '@chaingrad/core';
import { OperatorError, UnsupportedForm, UnsupportedOperatorError } from '../errors.ts';
import type { Attribute, Door, Graph, Node } from '../graph.ts';
import { newestOpset } from '../ops/rule.ts';
import {
  type Dtype,
  type HostArray,
  hostArray,
  type Numbers,
  strided,
  stridesOf,
} from '../values/host-array.ts';
import { type GraphDef, type Ref, refOf, type Signed, type TfNode } from './graph-def.ts';
import { tfNaming } from './names.ts';
import { isControlFlow, translations } from './operators.ts';
import { ownRules } from './rules.ts';

export type AttributeValue = number | string | readonly number[];

const keyOf = ({ node, index }: Ref) => (index === 0 ? node : `${node}:${index}`);

/** The names of a value: as TensorFlow has it, and with its channels second where somebody has it so. */
interface Forms {
  readonly plain: string;
  picture?: string;
}

/** Axes of (N, ..., C) as those of (N, C, ...), and back. */
const channelsSecond = (rank: number) => [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, i) => i + 1)];
const channelsBehind = (rank: number) => [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];

export class Translator {
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, HostArray>();
  readonly #forms = new Map<string, Forms>();
  /** Turned constants: a filter that several layers share is one. */
  readonly #weights = new Map<string, string>();
  /** Nodes by the names of their outputs. */
  readonly #givers = new Map<string, number>();
  /** Every name of a value that is given. */
  readonly #names = new Set<string>();
  /** How many nodes take each value. */
  readonly #takers = new Map<string, number>();
  /** The node that is being translated. */
  #node!: TfNode;

  constructor(
    readonly graph: GraphDef,
    readonly arrays: ReadonlyMap<string, NamedArray>,
    wanted: readonly Ref[],
    order: readonly TfNode[],
  ) {
    for (const ref of [...wanted, ...order.flatMap(({ inputs }) => inputs)])
      this.#takers.set(keyOf(ref), (this.#takers.get(keyOf(ref)) ?? 0) + 1);
  }

  translate(node: TfNode): void {
    this.#node = node;
    try {
      translations[node.op]!(this, node);
    } catch (error) {
      const place = { file: this.graph.file, node: node.name, operator: node.op };
      if (error instanceof UnsupportedForm)
        throw new UnsupportedOperatorError(place, `not imported is ${error.message}`);
      throw error instanceof FormatError ? error : new OperatorError(place, error);
    }
  }

  /** Takes what goes in, under the name that the signature has for it. */
  door(key: string, { node }: Ref): string {
    const name = this.unique(key);
    this.#forms.set(node, { plain: name });
    return name;
  }

  /** The name under which a value goes out: the signature's, or the file's where another value has that name. */
  output(key: string, ref: Ref): string {
    this.#node = this.graph.nodes.get(ref.node)!;
    const name = this.plain(ref);
    if (name === key || this.#names.has(key)) return name;
    this.#push('Identity', [name], {}, [this.unique(key)]);
    return key;
  }

  // ---- what a node takes ----------------------------------------------------------------------------------------

  /** The input at a place. @throws FormatError when the node does not have it. */
  ref(index: number): Ref {
    const ref = this.#node.inputs[index];
    if (ref === undefined)
      throw new FormatError(
        { file: this.graph.file, key: this.#node.name },
        `an input ${index}`,
        `${this.#node.inputs.length} inputs`,
      );
    return ref;
  }

  /** How many nodes or outputs take a value. */
  takers(ref: Ref): number {
    return this.#takers.get(keyOf(ref)) ?? 0;
  }

  /** The values of a constant, or null. */
  constant(ref: Ref): HostArray | null {
    let at = this.graph.nodes.get(ref.node)!;
    // No file has circles of them, but a hostile one.
    for (let i = 0; i < 64 && at.op === 'Identity' && at.inputs.length === 1; i++)
      at = this.graph.nodes.get(at.inputs[0]!.node)!;
    if (at.op !== 'Const') return null;
    const array = this.arrays.get(at.name);
    if (array === undefined)
      throw new FormatError(
        { file: this.graph.file, key: at.name },
        'the values of a constant in the manifest',
        'none',
      );
    return { dtype: array.dtype as Dtype, shape: array.shape, data: array.data as Numbers };
  }

  /** The numbers of a constant input. @throws UnsupportedForm when it is computed. */
  numbers(index: number, what: string): number[] {
    const array = this.constant(this.ref(index));
    if (array === null) throw new UnsupportedForm(`computed ${what}.`);
    return [...array.data];
  }

  /** The name of an input in its form of TensorFlow. */
  plain(ref: Ref): string {
    return this.#formsOf(ref).plain;
  }

  /** The names of all inputs, or of those from a place on. */
  plains(from = 0, to = this.#node.inputs.length): string[] {
    return this.#node.inputs.slice(from, to).map((ref) => this.plain(ref));
  }

  /** Whether a value came with channels second, out of a convolution or what follows it. */
  isPicture(ref: Ref): boolean {
    return this.#forms.get(keyOf(ref))?.picture !== undefined;
  }

  /** The name of an input with its channels second. */
  picture(ref: Ref, rank = 4): string {
    const forms = this.#formsOf(ref);
    forms.picture ??= this.emit('Transpose', [forms.plain], { perm: channelsSecond(rank) });
    return forms.picture;
  }

  #formsOf(ref: Ref): Forms {
    const key = keyOf(ref);
    const found = this.#forms.get(key);
    if (found !== undefined) return found;
    const array = this.graph.nodes.get(ref.node)?.op === 'Const' ? this.constant(ref) : null;
    if (array === null)
      throw new FormatError(
        { file: this.graph.file, key: this.#node.name },
        `inputs that '${ref.node}' gives`,
        `its output ${ref.index}`,
      );
    const forms: Forms = { plain: this.initializer(key, array) };
    this.#forms.set(key, forms);
    return forms;
  }

  // ---- constants ------------------------------------------------------------------------------------------------

  /** A constant of its own, under a name like the wanted one. */
  initializer(name: string, array: HostArray): string {
    const own = this.unique(name);
    this.initializers.set(own, array);
    return own;
  }

  integers(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.initializer('Const', hostArray('int64', shape, values));
  }

  float(value: number): string {
    return this.initializer('Const', hostArray('float32', [], [value]));
  }

  /** A constant input with its axes in another order and, on wish, another shape: under its own name, for it is a weight. */
  weight(ref: Ref, array: HostArray, perm: readonly number[], shape?: readonly number[]): string {
    const key = `${keyOf(ref)} ${perm} ${shape}`;
    const found = this.#weights.get(key);
    if (found !== undefined) return found;
    const strides = stridesOf(array.shape);
    const turned = strided(
      array,
      perm.map((axis) => array.shape[axis]!),
      perm.map((axis) => strides[axis]!),
    );
    const name = this.initializer(keyOf(ref), { ...turned, shape: shape ?? turned.shape });
    this.#weights.set(key, name);
    return name;
  }

  // ---- what it gives --------------------------------------------------------------------------------------------

  /** A node between those of the file. @returns the name of its output. */
  emit(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): string {
    const out = this.unique(`${this.#node.name}/${op}`);
    this.#push(op, inputs, attributes, [out]);
    return out;
  }

  /** Gives what the last emitted node gives. */
  is(name: string): void {
    const last = this.nodes.at(-1)!;
    const plain = this.unique(this.#node.name);
    if (last.outputs[0] === name) {
      this.nodes.pop();
      this.#append({ ...last, outputs: [plain] });
    } else this.#push('Identity', [name], {}, [plain]);
    this.#forms.set(this.#node.name, { plain });
  }

  /**
   * Makes a vector of constants the bias of the layer that gives a value, if that is one without a bias and nobody else takes
   * the value.
   */
  addBias(ref: Ref, bias: Ref): boolean {
    const layer = this.#only(ref, 'Conv', 'Gemm');
    if (layer?.inputs.length !== 2) return false;
    const array = this.constant(bias);
    const weight = this.initializers.get(layer.inputs[1]!);
    if (array?.shape.length !== 1 || array.shape[0] !== weight?.shape[0]) return false;
    this.#replace(layer, { ...layer, inputs: [...layer.inputs, this.plain(bias)] });
    this.pass(ref);
    return true;
  }

  /** Narrows the bounds of the Relu or Clip that gives a value, if nobody else takes it. */
  addBounds(ref: Ref, low: number, high: number): boolean {
    const node = this.#only(ref, 'Relu', 'Clip');
    if (node === null) return false;
    const bound = (name: string | undefined, none: number) =>
      name === undefined || name === '' ? none : (this.initializers.get(name)?.data[0] ?? Number.NaN);
    const [x, first, last] = node.inputs;
    const own =
      node.op === 'Relu'
        ? [0, Number.POSITIVE_INFINITY]
        : [bound(first, Number.NEGATIVE_INFINITY), bound(last, Number.POSITIVE_INFINITY)];
    const [from, to] = own.map((value) => Math.min(Math.max(value, low), high)) as [number, number];
    if (!(from <= to)) return false;
    const name = (value: number) => (Number.isFinite(value) ? this.float(value) : '');
    this.#replace(node, { ...node, op: 'Clip', inputs: [x!, name(from), name(to)] });
    this.pass(ref);
    return true;
  }

  /** The node that gives a value which one node alone takes, if it is of one of the operators. */
  #only(ref: Ref, ...ops: string[]): Node | null {
    const forms = this.#forms.get(keyOf(ref));
    const at = forms === undefined ? undefined : this.#givers.get(forms.picture ?? forms.plain);
    const node = at === undefined ? undefined : this.nodes[at]!;
    return node !== undefined && ops.includes(node.op) && this.takers(ref) === 1 ? node : null;
  }

  #replace(node: Node, other: Node): void {
    this.nodes[this.#givers.get(node.outputs[0]!)!] = other;
  }

  /** The node that gives the file's value: output 0 of the node that is being translated, and on wish the others. */
  give(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    count = 1,
  ): void {
    const refs = Array.from({ length: count }, (_, index) => ({ node: this.#node.name, index }));
    const outputs = refs.map((ref) => this.unique(keyOf(ref)));
    this.#push(op, inputs, attributes, outputs);
    refs.forEach((ref, i) => {
      this.#forms.set(keyOf(ref), { plain: outputs[i]! });
    });
  }

  /** As `give`, of a node whose output has its channels second. */
  givePicture(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    rank = 4,
  ): void {
    this.alias(this.emit(op, inputs, attributes), rank);
  }

  /** Gives a value, whose channels are second, as the file's. */
  alias(picture: string, rank = 4): void {
    const plain = this.unique(this.#node.name);
    this.#push('Transpose', [picture], { perm: channelsBehind(rank) }, [plain]);
    this.#forms.set(this.#node.name, { plain, picture });
  }

  /** Output `index` is the input. */
  pass(ref: Ref, index = 0): void {
    this.#forms.set(keyOf({ node: this.#node.name, index }), this.#formsOf(ref));
  }

  #push(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>>,
    outputs: string[],
  ) {
    const [domain, name] = op.startsWith('tf.') ? ['tf', op.slice(3)] : ['', op];
    const entries = Object.entries(attributes).map(([key, value]): [string, Attribute] => [
      key,
      attributeOf(value),
    ]);
    this.#append({
      name: this.#node.name,
      scope: null,
      op: name,
      domain,
      inputs,
      outputs,
      attributes: new Map(entries),
    });
  }

  #append(node: Node): void {
    for (const name of node.outputs) this.#givers.set(name, this.nodes.length);
    this.nodes.push(node);
  }

  unique(name: string): string {
    let own = name;
    for (let i = 1; this.#names.has(own); i++) own = `${name}#${i}`;
    this.#names.add(own);
    return own;
  }
}

function attributeOf(value: AttributeValue): Attribute {
  if (typeof value === 'string') return { kind: 'string', value };
  if (typeof value !== 'number') return { kind: 'ints', value };
  return Number.isInteger(value) ? { kind: 'int', value } : { kind: 'float', value };
}

/** Nodes that compute nothing: constants and what goes in. */
const isGiven = (op: string): boolean => op === 'Const' || op === 'Placeholder';

/** The nodes that give the wanted values, each behind what it takes. */
function inOrder(graph: GraphDef, wanted: readonly Ref[]): TfNode[] {
  const order: TfNode[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const stack = wanted.toReversed().map(({ node }) => node);
  while (stack.length > 0) {
    const name = stack.at(-1)!;
    const node = graph.nodes.get(name)!;
    if (state.has(name)) {
      stack.pop();
      if (state.get(name) === 'open') order.push(node);
      state.set(name, 'done');
      continue;
    }
    state.set(name, 'open');
    for (const { node: input } of node.inputs.toReversed()) {
      if (state.get(input) === 'open')
        throw new FormatError(
          { file: graph.file, key: name },
          'a graph without circles',
          `'${input}' on one`,
        );
      if (!state.has(input)) stack.push(input);
    }
  }
  return order;
}

/** Every node that is needed, whatever circles there are. */
function reachable(graph: GraphDef, wanted: readonly Ref[]): TfNode[] {
  const names = new Set(wanted.map(({ node }) => node));
  for (const name of names) for (const { node } of graph.nodes.get(name)!.inputs) names.add(node);
  return [...names].map((name) => graph.nodes.get(name)!);
}

/** @throws UnsupportedOperatorError that names the first node whose operator is not imported, and the other such operators. */
function refuseUnknown(graph: GraphDef, nodes: readonly TfNode[]): void {
  const missing = nodes.filter(({ op }) => !isGiven(op) && !Object.hasOwn(translations, op));
  const first = missing.find(({ op }) => isControlFlow(op)) ?? missing[0];
  if (first === undefined) return;
  const others = [...new Set(missing.map(({ op }) => op))].filter((op) => op !== first.op);
  throw new UnsupportedOperatorError(
    { file: graph.file, node: first.name, operator: first.op },
    `${isControlFlow(first.op) ? 'control flow' : `operator ${first.op} of TensorFlow`} is not imported.` +
      `${others.length > 0 ? ` Nor are ${others.join(', ')}.` : ''}`,
    'docs/onnx.md lists the operators that are imported. Cut the graph before it (option `outputs`).',
  );
}

/** A value that is asked for by its name. @throws UnknownNameError */
function signedOutput(graph: GraphDef, name: string): Signed {
  const ref = refOf(name);
  if (ref !== null && graph.nodes.has(ref.node)) return { key: name, ref };
  throw new UnknownNameError(`importTfjs outputs (${graph.file})`, name, [...graph.nodes.keys()].slice(-20));
}

/**
 * The graph in ONNX' operators.
 * @param outputs values to give in place of the model's outputs: names of nodes, or of their outputs as `name:1`.
 * @throws UnsupportedOperatorError, FormatError.
 */
export function translate(
  graph: GraphDef,
  arrays: ReadonlyMap<string, NamedArray>,
  outputs?: readonly string[],
): Graph {
  const signed = outputs === undefined ? graph.outputs : outputs.map((name) => signedOutput(graph, name));
  const wanted = signed.map(({ ref }) => ref);
  refuseUnknown(graph, reachable(graph, wanted));
  const order = inOrder(graph, wanted);
  const needed = new Set(order.map(({ name }) => name));
  const translator = new Translator(graph, arrays, wanted, order);
  const inputs = graph.inputs
    .filter(({ ref }) => needed.has(ref.node))
    .map(({ key, ref }): Door => {
      const { attributes } = graph.nodes.get(ref.node)!;
      const name = translator.door(key, ref);
      return { name, dtype: attributes.dtype('dtype', 'float32'), shape: attributes.shape('shape') };
    });
  for (const node of order) if (!isGiven(node.op)) translator.translate(node);
  return {
    file: graph.file,
    opset: newestOpset,
    producer: graph.producer,
    inputs,
    outputs: signed.map(({ key, ref }) => ({
      name: translator.output(key, ref),
      dtype: 'float32',
      shape: null,
    })),
    initializers: translator.initializers,
    nodes: translator.nodes,
    metadata: graph.metadata,
    naming: tfNaming,
    rules: ownRules,
  };
}
