/** A graph as an ONNX file (opset 17): the batch size stays open, as the dimension `N`. */
import {
  Constant,
  create,
  ElementType,
  GraphBuilder,
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  toBinary,
  ValueInfoProtoSchema,
} from '@chaingrad/onnx';
import type { Activation, Graph, Node } from './graph.ts';

function valueInfo(name: string, dims: readonly number[]) {
  const dim = ['N', ...dims].map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof size === 'string'
          ? { case: 'dimParam', value: size }
          : { case: 'dimValue', value: BigInt(size) },
    }),
  );
  const shape = create(TensorShapeProtoSchema, { dim });
  const value = create(TypeProto_TensorSchema, { elemType: ElementType.FLOAT, shape });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value } }),
  });
}

/** Shape of a value of the network, as ONNX has it: images NCHW, rows and vectors as they are. */
function dimsOf(graph: Graph, name: string): number[] {
  const node = graph.nodes.find((candidate) => candidate.name === name);
  const [h, w, c] = node?.shape ?? graph.input;
  if (node?.op === 'boxes') return [w, c];
  if (node?.op === 'dense' || node?.op === 'softmax') return [c];
  return [c, h, w];
}

/** Adds what computes a node. @returns the name of its value. */
function writeNode(
  g: GraphBuilder,
  node: Node,
  inputs: readonly string[],
  param: (name: string) => string,
): string {
  const { name } = node;
  const x = inputs[0]!;
  const one = (op: string, of: readonly string[], attributes = {}) => g.one(name, op, of, attributes);
  const activated = (act: Activation, value: string) => {
    if (act === 'relu') return one('Relu', [value]);
    return act === 'relu6' ? one('Clip', [value, g.scalar(0), g.scalar(6)]) : value;
  };
  switch (node.op) {
    case 'conv': {
      const [top, bottom, left, right] = node.pad;
      const y = one('Conv', [x, param(node.W), param(node.b)], {
        dilations: [node.dilate, node.dilate],
        group: node.groups,
        kernel_shape: [node.ksize, node.ksize],
        pads: [top, left, bottom, right],
        strides: [node.stride, node.stride],
      });
      return activated(node.act, y);
    }
    case 'maxpool': {
      const [top, bottom, left, right] = node.pad;
      return one('MaxPool', [x], {
        kernel_shape: [node.ksize, node.ksize],
        pads: [top, left, bottom, right],
        strides: [node.stride, node.stride],
      });
    }
    case 'l2norm': {
      const length = one('ReduceL2', [x], { axes: [1], keepdims: 1 });
      return one('Mul', [one('Div', [x, one('Add', [length, g.scalar(1e-5)])]), param(node.scale)]);
    }
    case 'add':
      return one('Add', inputs);
    case 'dense': {
      const flat = one('Flatten', [x], { axis: 1 });
      return activated(node.act, one('Gemm', [flat, param(node.W), param(node.b)], { transB: 1 }));
    }
    case 'softmax':
      return one('Softmax', [x], { axis: -1 });
    case 'boxes': {
      const rows = inputs.map((map) =>
        one('Reshape', [one('Transpose', [map], { perm: [0, 2, 3, 1] }), g.ints([0, -1, node.values])]),
      );
      return one('Concat', rows, { axis: 1 });
    }
  }
}

/** @param param gives the values of a parameter by its name. */
export function onnxBytes(graph: Graph, param: (name: string) => Float32Array): Uint8Array<ArrayBuffer> {
  const g = new GraphBuilder(17);
  const values = new Map([['x', g.unique('x')]]);
  const stored = new Map<string, Constant>();
  const parameter = (name: string) => {
    const dims = graph.params.get(name)!;
    // The scale of a normalization goes over the channels, which come first here.
    const shape = name.endsWith('/scale') ? [1, dims[0]!, 1, 1] : dims;
    const constant = stored.get(name) ?? new Constant('float32', shape, name, async () => param(name));
    stored.set(name, constant);
    return g.initializer(constant);
  };
  for (const node of graph.nodes)
    values.set(
      node.name,
      writeNode(
        g,
        node,
        node.inputs.map((name) => values.get(name)!),
        parameter,
      ),
    );
  for (const output of graph.outputs) g.rename(values.get(output)!, output);
  const initializer = g.initializers.map(({ name, constant: { dtype, shape, values, label } }) => {
    const data = values ?? param(label!);
    return create(TensorProtoSchema, {
      name,
      dims: shape.map(BigInt),
      dataType: dtype === 'int64' ? ElementType.INT64 : ElementType.FLOAT,
      rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
    });
  });
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: 'chaingrad-benchmarks',
    opsetImport: [create(OperatorSetIdProtoSchema, { version: 17n })],
    graph: create(GraphProtoSchema, {
      name: graph.name,
      node: g.nodes,
      initializer,
      input: [valueInfo('x', dimsOf(graph, 'x'))],
      output: graph.outputs.map((name) => valueInfo(name, dimsOf(graph, name))),
    }),
  });
  return toBinary(ModelProtoSchema, model) as Uint8Array<ArrayBuffer>;
}
