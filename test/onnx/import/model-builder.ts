/** Small ONNX files, written by the messages themselves. */
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeType,
  create,
  ElementType,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  toBinary,
  ValueInfoProtoSchema,
} from '@chaingrad/onnx';
import { generator } from '../../weights/fuzz/mutate.ts';

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  readonly attributes?: Readonly<Record<string, number | string | readonly number[] | TensorProto>>;
  /** Numbers that are floats though they are whole. */
  readonly floats?: Readonly<Record<string, number>>;
}

export interface ModelSpec {
  readonly opset?: number;
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs: readonly string[];
  readonly initializers?: Readonly<Record<string, TensorProto>>;
  readonly nodes: readonly NodeSpec[];
}

const bytesOf = (data: ArrayBufferView) =>
  new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);

export const floats = (shape: readonly number[], values: ArrayLike<number>): TensorProto =>
  create(TensorProtoSchema, {
    dims: shape.map(BigInt),
    dataType: ElementType.FLOAT,
    rawData: bytesOf(Float32Array.from(values)).slice(),
  });

export const int64s = (values: readonly number[], shape: readonly number[] = [values.length]): TensorProto =>
  create(TensorProtoSchema, {
    dims: shape.map(BigInt),
    dataType: ElementType.INT64,
    rawData: bytesOf(BigInt64Array.from(values, BigInt)).slice(),
  });

/** Values in -0.5..0.5, the same for the same seed. */
export function randomFloats(shape: readonly number[], seed: number): TensorProto {
  const random = generator(seed);
  return floats(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() - 0.5),
  );
}

function attribute(name: string, value: number | string | readonly number[] | TensorProto): AttributeProto {
  const isFloat = (v: number) => !Number.isInteger(v);
  if (typeof value === 'number') {
    return isFloat(value)
      ? create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value })
      : create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  }
  if (typeof value === 'string')
    return create(AttributeProtoSchema, {
      name,
      type: AttributeType.STRING,
      s: new TextEncoder().encode(value),
    });
  if (Array.isArray(value)) {
    const list = value as readonly number[];
    return list.some(isFloat)
      ? create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats: [...list] })
      : create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: list.map(BigInt) });
  }
  return create(AttributeProtoSchema, { name, type: AttributeType.TENSOR, t: value as TensorProto });
}

const door = (name: string, shape: readonly (number | string)[] | null) =>
  create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(TypeProto_TensorSchema, {
          elemType: ElementType.FLOAT,
          ...(shape === null
            ? {}
            : {
                shape: create(TensorShapeProtoSchema, {
                  dim: shape.map((n) =>
                    create(TensorShapeProto_DimensionSchema, {
                      value:
                        typeof n === 'number'
                          ? { case: 'dimValue', value: BigInt(n) }
                          : { case: 'dimParam', value: n },
                    }),
                  ),
                }),
              }),
        }),
      },
    }),
  });

/** The bytes of a model. */
export function buildModel(spec: ModelSpec): Uint8Array<ArrayBuffer> {
  const { opset = 17, initializers = {} } = spec;
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(opset) })],
    graph: create(GraphProtoSchema, {
      name: 'test',
      node: spec.nodes.map(({ op, inputs, outputs, name = '', attributes = {}, floats: whole = {} }) =>
        create(NodeProtoSchema, {
          opType: op,
          name,
          input: [...inputs],
          output: [...outputs],
          attribute: [
            ...Object.entries(attributes).map(([key, value]) => attribute(key, value)),
            ...Object.entries(whole).map(([key, f]) =>
              create(AttributeProtoSchema, { name: key, type: AttributeType.FLOAT, f }),
            ),
          ],
        }),
      ),
      input: Object.entries(spec.inputs).map(([name, shape]) => door(name, shape)),
      output: spec.outputs.map((name) => door(name, null)),
      initializer: Object.entries(initializers).map(([name, tensor]) => ({ ...tensor, name })),
    }),
  });
  return toBinary(ModelProtoSchema, model) as Uint8Array<ArrayBuffer>;
}

/**
 * A little of everything that networks for pictures have, as PyTorch exports it: convolutions with and without normalization,
 * hard swish written out, squeeze and excitation, a residual sum, pools, an upsampling, a concatenation, a head.
 */
export function smallNetwork(): Uint8Array<ArrayBuffer> {
  const positive = (shape: readonly number[], seed: number): TensorProto => {
    const random = generator(seed);
    return floats(
      shape,
      Float32Array.from({ length: shape[0]! }, () => 0.5 + random()),
    );
  };
  return buildModel({
    inputs: { image: ['batch', 3, 'height', 'width'] },
    outputs: ['scores'],
    initializers: {
      'features.0.conv.weight': randomFloats([8, 3, 3, 3], 1),
      'features.0.norm.weight': positive([8], 2),
      'features.0.norm.bias': randomFloats([8], 3),
      'features.0.norm.running_mean': randomFloats([8], 4),
      'features.0.norm.running_var': positive([8], 5),
      'features.1.depthwise.weight': randomFloats([8, 1, 3, 3], 6),
      'features.1.depthwise.bias': randomFloats([8], 7),
      'features.1.se.reduce.weight': randomFloats([4, 8, 1, 1], 8),
      'features.1.se.reduce.bias': randomFloats([4], 9),
      'features.1.se.expand.weight': randomFloats([8, 4, 1, 1], 10),
      'features.1.se.expand.bias': randomFloats([8], 11),
      'head.fc.weight': randomFloats([5, 16], 12),
      'head.fc.bias': randomFloats([5], 13),
      three: floats([], [3]),
      six: floats([], [6]),
      zero: floats([], [0]),
      scales: floats([4], [1, 1, 2, 2]),
      'onnx::Concat_1': int64s([-1]),
      'onnx::Slice_1': int64s([0]),
      'onnx::Slice_2': int64s([1]),
    },
    nodes: [
      {
        op: 'Conv',
        name: '/features/features.0/conv/Conv',
        inputs: ['image', 'features.0.conv.weight'],
        outputs: ['c0'],
        attributes: { pads: [1, 1, 1, 1], strides: [2, 2], kernel_shape: [3, 3] },
      },
      {
        op: 'BatchNormalization',
        inputs: [
          'c0',
          ...['weight', 'bias', 'running_mean', 'running_var'].map((n) => `features.0.norm.${n}`),
        ],
        outputs: ['b0'],
        attributes: { epsilon: 1e-3 },
      },
      { op: 'Relu', inputs: ['b0'], outputs: ['r0'] },
      {
        op: 'Conv',
        inputs: ['r0', 'features.1.depthwise.weight', 'features.1.depthwise.bias'],
        outputs: ['c1'],
        attributes: { pads: [1, 1, 1, 1], group: 8, kernel_shape: [3, 3] },
      },
      { op: 'Add', inputs: ['c1', 'three'], outputs: ['h0'] },
      { op: 'Clip', inputs: ['h0', 'zero', 'six'], outputs: ['h1'] },
      { op: 'Mul', inputs: ['c1', 'h1'], outputs: ['h2'] },
      { op: 'Div', inputs: ['h2', 'six'], outputs: ['h3'] },
      { op: 'GlobalAveragePool', inputs: ['h3'], outputs: ['g'] },
      {
        op: 'Conv',
        inputs: ['g', 'features.1.se.reduce.weight', 'features.1.se.reduce.bias'],
        outputs: ['s0'],
        attributes: { kernel_shape: [1, 1] },
      },
      { op: 'Relu', inputs: ['s0'], outputs: ['s1'] },
      {
        op: 'Conv',
        inputs: ['s1', 'features.1.se.expand.weight', 'features.1.se.expand.bias'],
        outputs: ['s2'],
        attributes: { kernel_shape: [1, 1] },
      },
      { op: 'HardSigmoid', inputs: ['s2'], outputs: ['s3'], floats: { alpha: 1 / 6 } },
      { op: 'Mul', inputs: ['h3', 's3'], outputs: ['m'] },
      { op: 'Add', inputs: ['m', 'r0'], outputs: ['a'] },
      { op: 'MaxPool', inputs: ['a'], outputs: ['p'], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
      {
        op: 'Resize',
        inputs: ['p', '', 'scales'],
        outputs: ['u'],
        attributes: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
      },
      { op: 'Concat', inputs: ['u', 'r0'], outputs: ['cat'], attributes: { axis: 1 } },
      { op: 'ReduceMean', inputs: ['cat'], outputs: ['mean'], attributes: { axes: [2, 3], keepdims: 1 } },
      { op: 'Shape', inputs: ['mean'], outputs: ['shape'] },
      { op: 'Slice', inputs: ['shape', 'onnx::Slice_1', 'onnx::Slice_2'], outputs: ['n'] },
      { op: 'Concat', inputs: ['n', 'onnx::Concat_1'], outputs: ['flat'], attributes: { axis: 0 } },
      { op: 'Reshape', inputs: ['mean', 'flat'], outputs: ['rows'] },
      {
        op: 'Gemm',
        inputs: ['rows', 'head.fc.weight', 'head.fc.bias'],
        outputs: ['scores'],
        attributes: { transB: 1 },
      },
    ],
  });
}
