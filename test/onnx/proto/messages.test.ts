import {
  create,
  ElementType,
  fromBinary,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  toBinary,
  ValueInfoProtoSchema,
} from '@chaingrad/onnx';
import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const vector = (name: string) =>
  create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(TypeProto_TensorSchema, {
          elemType: ElementType.FLOAT,
          shape: create(TensorShapeProtoSchema, {
            dim: [create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: 'N' } })],
          }),
        }),
      },
    }),
  });

describe('ONNX messages', () => {
  const bytes = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })],
      graph: create(GraphProtoSchema, {
        name: 'sum',
        node: [create(NodeProtoSchema, { opType: 'Add', input: ['x', '/b'], output: ['y'] })],
        input: [vector('x')],
        output: [vector('y')],
        initializer: [
          create(TensorProtoSchema, {
            name: '/b',
            dims: [1n],
            dataType: ElementType.FLOAT,
            rawData: new Uint8Array(Float32Array.of(2.5).buffer),
          }),
        ],
      }),
    }),
  );

  it('run in onnxruntime', async () => {
    const session = await InferenceSession.create(bytes);
    const { y } = await session.run({ x: new Tensor('float32', [1, 2, 3], [3]) });
    expect([...(y!.data as Float32Array)]).to.deep.equal([3.5, 4.5, 5.5]);
    await session.release();
  });

  it('come back as they were, sharing the bytes of the file', () => {
    const graph = fromBinary(ModelProtoSchema, bytes).graph!;
    expect(graph.node.map((node) => [node.opType, node.input, node.output])).to.deep.equal([
      ['Add', ['x', '/b'], ['y']],
    ]);
    const { rawData } = graph.initializer[0]!;
    expect(rawData.buffer).to.equal(bytes.buffer);
    expect(new DataView(rawData.buffer, rawData.byteOffset).getFloat32(0, true)).to.equal(2.5);
  });
});
