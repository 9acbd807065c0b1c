/**
 * A network as a list of nodes, from which every side builds the same thing: an ONNX file, tfjs calls, layers.
 *
 * Shapes are those of one image, (H, W, C); parameters have chaingrad's names and shapes (OIHW; out, in).
 */
export type Activation = 'relu' | 'relu6' | null;
export type Shape = readonly [height: number, width: number, channels: number];

interface NodeBase {
  readonly name: string;
  /** Names of the values that it takes; the input of the network is `x`. */
  readonly inputs: readonly string[];
  readonly shape: Shape;
}

export interface ConvNode extends NodeBase {
  readonly op: 'conv';
  readonly W: string;
  readonly b: string;
  readonly inShape: Shape;
  readonly ksize: number;
  readonly stride: number;
  /** top, bottom, left, right */
  readonly pad: readonly [number, number, number, number];
  readonly dilate: number;
  readonly groups: number;
  readonly act: Activation;
}

export interface PoolNode extends NodeBase {
  readonly op: 'maxpool';
  readonly ksize: number;
  readonly stride: number;
  readonly pad: readonly [number, number, number, number];
}

export interface L2NormNode extends NodeBase {
  readonly op: 'l2norm';
  readonly scale: string;
}

export interface AddNode extends NodeBase {
  readonly op: 'add';
}

export interface DenseNode extends NodeBase {
  readonly op: 'dense';
  readonly W: string;
  readonly b: string;
  /** Flattened in (C, H, W) order, as the weights expect. */
  readonly inShape: Shape;
  readonly act: Activation;
}

export interface SoftmaxNode extends NodeBase {
  readonly op: 'softmax';
}

/** Rows of `values` numbers from several feature maps, one under the other: shape is (1, rows, values). */
export interface BoxesNode extends NodeBase {
  readonly op: 'boxes';
  readonly values: number;
}

export type Node = ConvNode | PoolNode | L2NormNode | AddNode | DenseNode | SoftmaxNode | BoxesNode;

export interface Graph {
  readonly name: string;
  readonly input: Shape;
  readonly nodes: readonly Node[];
  readonly outputs: readonly string[];
  /** Shapes of the parameters by name. */
  readonly params: ReadonlyMap<string, readonly number[]>;
}

export interface ConvOptions {
  readonly stride?: number;
  /** Pixels on each side, or TensorFlow's 'same'. Default 0. */
  readonly pad?: number | 'same';
  readonly dilate?: number;
  readonly groups?: number;
  readonly act?: Activation;
}

/** Multiplications and additions of one image, two for each pair. */
export function flopsOf(node: Node): number {
  const outputs = node.shape[0] * node.shape[1] * node.shape[2];
  if (node.op === 'conv') return 2 * outputs * (node.inShape[2] / node.groups) * node.ksize ** 2;
  if (node.op === 'dense') return 2 * outputs * node.inShape[0] * node.inShape[1] * node.inShape[2];
  return 0;
}

/** Writes a graph down, layer by layer, and works out the shapes. */
export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #shapes = new Map<string, Shape>();
  readonly #params = new Map<string, readonly number[]>();

  constructor(
    readonly name: string,
    readonly input: Shape,
  ) {
    this.#shapes.set('x', input);
  }

  shape(value: string): Shape {
    const shape = this.#shapes.get(value);
    if (shape === undefined) throw new Error(`${this.name}: no value '${value}'`);
    return shape;
  }

  #add(node: Node): string {
    this.#nodes.push(node);
    this.#shapes.set(node.name, node.shape);
    return node.name;
  }

  /** A convolution with the parameters `name/W` and `name/b`. */
  conv(
    x: string,
    name: string,
    out: number,
    ksize: number,
    { stride = 1, pad = 0, dilate = 1, groups = 1, act = null }: ConvOptions = {},
  ): string {
    const inShape = this.shape(x);
    const [h, w, c] = inShape;
    const span = dilate * (ksize - 1) + 1;
    const along = (size: number): [out: number, before: number, after: number] => {
      if (pad !== 'same') return [Math.floor((size + 2 * pad - span) / stride) + 1, pad, pad];
      const count = Math.ceil(size / stride);
      const total = Math.max(0, (count - 1) * stride + span - size);
      return [count, Math.floor(total / 2), Math.ceil(total / 2)];
    };
    const [oh, top, bottom] = along(h);
    const [ow, left, right] = along(w);
    this.#params.set(`${name}/W`, [out, c / groups, ksize, ksize]);
    this.#params.set(`${name}/b`, [out]);
    return this.#add({
      ...{ op: 'conv', name, inputs: [x], shape: [oh, ow, out], inShape, W: `${name}/W`, b: `${name}/b` },
      ...{ ksize, stride, pad: [top, bottom, left, right], dilate, groups, act },
    });
  }

  /** Max pooling with Chainer's cover-all windows. */
  maxpool(x: string, ksize: number, stride = ksize, pad = 0): string {
    const [h, w, c] = this.shape(x);
    const along = (size: number): [out: number, after: number] => {
      const out = Math.ceil((size + 2 * pad - ksize) / stride) + 1;
      return [out, (out - 1) * stride + ksize - size - pad];
    };
    const [oh, bottom] = along(h);
    const [ow, right] = along(w);
    const name = `pool${this.#nodes.filter((node) => node.op === 'maxpool').length + 1}`;
    return this.#add({
      ...{ op: 'maxpool', name, inputs: [x], shape: [oh, ow, c], ksize, stride },
      pad: [pad, bottom, pad, right],
    });
  }

  /** Unit length over the channels, times `name/scale`. */
  l2norm(x: string, name: string): string {
    const shape = this.shape(x);
    this.#params.set(`${name}/scale`, [shape[2]]);
    return this.#add({ op: 'l2norm', name, inputs: [x], shape, scale: `${name}/scale` });
  }

  add(a: string, b: string): string {
    const name = `add${this.#nodes.length}`;
    return this.#add({ op: 'add', name, inputs: [a, b], shape: this.shape(a) });
  }

  dense(x: string, name: string, out: number, act: Activation = null): string {
    const inShape = this.shape(x);
    this.#params.set(`${name}/W`, [out, inShape[0] * inShape[1] * inShape[2]]);
    this.#params.set(`${name}/b`, [out]);
    return this.#add({
      ...{ op: 'dense', name, inputs: [x], shape: [1, 1, out], inShape, W: `${name}/W`, b: `${name}/b` },
      act,
    });
  }

  softmax(x: string): string {
    return this.#add({ op: 'softmax', name: 'prob', inputs: [x], shape: this.shape(x) });
  }

  boxes(name: string, maps: readonly string[], values: number): string {
    const rows = maps.map((map) => this.shape(map)).reduce((sum, [h, w, c]) => sum + (h * w * c) / values, 0);
    return this.#add({ op: 'boxes', name, inputs: maps, shape: [1, rows, values], values });
  }

  build(outputs: readonly string[]): Graph {
    return {
      name: this.name,
      input: this.input,
      nodes: this.#nodes,
      outputs,
      params: this.#params,
    };
  }
}

/** The graph of one node alone, whose input is `x`. */
export function single(graph: Graph, node: ConvNode | DenseNode): Graph {
  return {
    name: `${graph.name}:${node.name}`,
    input: node.inShape,
    nodes: [{ ...node, inputs: ['x'] }],
    outputs: [node.name],
    params: new Map([node.W, node.b].map((name) => [name, graph.params.get(name)!])),
  };
}
