/** A graph as an ONNX file (opset 17), written with nothing but the protobuf wire format. */
import type { Activation, Graph, Node } from './graph.ts';

/** One protobuf message: fields in the order in which they are added. */
class Message {
  readonly chunks: Uint8Array[] = [];
  length = 0;

  #push(bytes: Uint8Array): void {
    this.chunks.push(bytes);
    this.length += bytes.length;
  }

  #varint(value: number): void {
    const bytes: number[] = [];
    // Ten bytes hold any int64; negative ones have their sign bits to the end.
    let rest = BigInt.asUintN(64, BigInt(value));
    do {
      const low = Number(rest & 127n);
      rest >>= 7n;
      bytes.push(rest === 0n ? low : low | 128);
    } while (rest !== 0n);
    this.#push(Uint8Array.from(bytes));
  }

  #tag(field: number, type: number): this {
    this.#varint(field * 8 + type);
    return this;
  }

  int(field: number, value: number): this {
    this.#tag(field, 0).#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#tag(field, 5).#push(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#tag(field, 2).#varint(value.length);
    this.#push(value);
    return this;
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: Message): this {
    this.#tag(field, 2).#varint(value.length);
    for (const chunk of value.chunks) this.#push(chunk);
    return this;
  }
}

type Attribute = number | readonly number[];

function attribute(name: string, value: Attribute): Message {
  const m = new Message().string(1, name);
  if (typeof value === 'number') return m.int(3, value).int(20, 2);
  for (const item of value) m.int(8, item);
  return m.int(20, 7);
}

function floats(name: string, dims: readonly number[], data: Float32Array): Message {
  const m = new Message();
  for (const dim of dims) m.int(1, dim);
  return m
    .int(2, 1)
    .string(8, name)
    .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function integers(name: string, values: readonly number[]): Message {
  const data = BigInt64Array.from(values, BigInt);
  return new Message().int(1, values.length).int(2, 7).string(8, name).bytes(9, new Uint8Array(data.buffer));
}

/** A value's description: float32, first dimension `N`. */
function valueInfo(name: string, dims: readonly number[]): Message {
  const shape = new Message().message(1, new Message().string(2, 'N'));
  for (const dim of dims) shape.message(1, new Message().int(1, dim));
  const tensor = new Message().int(1, 1).message(2, shape);
  return new Message().string(1, name).message(2, new Message().message(1, tensor));
}

/** Shape of a value of the network, as ONNX has it: images NCHW, rows and vectors as they are. */
function dimsOf(graph: Graph, name: string): number[] {
  const node = graph.nodes.find((candidate) => candidate.name === name);
  const [h, w, c] = node?.shape ?? graph.input;
  if (node?.op === 'boxes') return [w, c];
  if (node?.op === 'dense' || node?.op === 'softmax') return [c];
  return [c, h, w];
}

class OnnxGraph {
  readonly message = new Message();
  #temporaries = 0;

  node(
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const m = new Message();
    for (const input of inputs) m.string(1, input);
    m.string(2, output).string(3, `${op}:${output}`).string(4, op);
    for (const [name, value] of Object.entries(attributes)) m.message(5, attribute(name, value));
    this.message.message(1, m);
    return output;
  }

  temporary(of: string): string {
    return `${of}:${this.#temporaries++}`;
  }

  initializer(m: Message): void {
    this.message.message(5, m);
  }

  /** What an activation makes of `value`, under `name`. */
  activate(act: Activation, value: string, name: string): void {
    if (act === 'relu') this.node('Relu', [value], name);
    if (act === 'relu6') this.node('Clip', [value, ':zero', ':six'], name);
  }
}

function writeNode(g: OnnxGraph, node: Node): void {
  const { name } = node;
  const x = node.inputs[0]!;
  switch (node.op) {
    case 'conv': {
      const [top, bottom, left, right] = node.pad;
      const out = node.act === null ? name : g.temporary(name);
      g.node('Conv', [x, node.W, node.b], out, {
        dilations: [node.dilate, node.dilate],
        group: node.groups,
        kernel_shape: [node.ksize, node.ksize],
        pads: [top, left, bottom, right],
        strides: [node.stride, node.stride],
      });
      g.activate(node.act, out, name);
      break;
    }
    case 'maxpool': {
      const [top, bottom, left, right] = node.pad;
      g.node('MaxPool', [x], name, {
        kernel_shape: [node.ksize, node.ksize],
        pads: [top, left, bottom, right],
        strides: [node.stride, node.stride],
      });
      break;
    }
    case 'l2norm': {
      const length = g.node('ReduceL2', [x], g.temporary(name), { axes: [1], keepdims: 1 });
      const above = g.node('Add', [length, ':eps'], g.temporary(name));
      g.node('Mul', [g.node('Div', [x, above], g.temporary(name)), node.scale], name);
      break;
    }
    case 'add':
      g.node('Add', node.inputs, name);
      break;
    case 'dense': {
      const flat = g.node('Flatten', [x], g.temporary(name), { axis: 1 });
      const out = node.act === null ? name : g.temporary(name);
      g.node('Gemm', [flat, node.W, node.b], out, { transB: 1 });
      g.activate(node.act, out, name);
      break;
    }
    case 'softmax':
      g.node('Softmax', [x], name, { axis: -1 });
      break;
    case 'boxes': {
      const shape = `${name}:shape`;
      g.initializer(integers(shape, [0, -1, node.values]));
      const rows = node.inputs.map((map) => {
        const last = g.node('Transpose', [map], g.temporary(name), { perm: [0, 2, 3, 1] });
        return g.node('Reshape', [last, shape], g.temporary(name));
      });
      g.node('Concat', rows, name, { axis: 1 });
    }
  }
}

/**
 * The ONNX file of a graph, in pieces to be written one after the other.
 *
 * @param param gives the values of a parameter by its name. The batch size stays open, as the dimension `N`.
 */
export function onnxChunks(graph: Graph, param: (name: string) => Float32Array): readonly Uint8Array[] {
  const g = new OnnxGraph();
  for (const node of graph.nodes) writeNode(g, node);
  g.message.string(2, graph.name);
  const constants = { ':zero': 0, ':six': 6, ':eps': 1e-5 };
  for (const [name, value] of Object.entries(constants))
    g.initializer(floats(name, [], Float32Array.of(value)));
  // The scale of a normalization goes over the channels, which come first here.
  for (const [name, shape] of graph.params)
    g.initializer(floats(name, name.endsWith('/scale') ? [1, shape[0]!, 1, 1] : shape, param(name)));
  g.message.message(11, valueInfo('x', dimsOf(graph, 'x')));
  for (const output of graph.outputs) g.message.message(12, valueInfo(output, dimsOf(graph, output)));
  return new Message()
    .int(1, 8)
    .string(2, 'chaingrad-benchmarks')
    .message(7, g.message)
    .message(8, new Message().string(1, '').int(2, 17)).chunks;
}

/** The same in one piece. */
export function onnxBytes(graph: Graph, param: (name: string) => Float32Array): Uint8Array<ArrayBuffer> {
  const chunks = onnxChunks(graph, param);
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
