/** A model as the bytes of a file, piece by piece: the arrays are read one after the other, never all at once. */
import {
  create,
  DataLocation,
  type ModelProto,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  toBinary,
} from '../proto/index.ts';
import type { Initializer } from './builder.ts';
import type { ConstantData } from './constant.ts';
import { ELEMENT_TYPES } from './element-types.ts';

/** What a protobuf file, and so a file with its arrays inside, can hold: 2 GB, less some for the rest. */
export const FILE_LIMIT = 2 ** 31 - 2 ** 20;

/** Where arrays begin in a file of their own: pages of memory, so that a runtime can map them. */
const ALIGNMENT = 4096;

const ITEM_SIZE = { float32: 4, int32: 4, int64: 8, bool: 1, uint8: 1 } as const;

export const byteSize = ({ constant }: Initializer): number => constant.size * ITEM_SIZE[constant.dtype];

const bytesOf = (data: ConstantData) =>
  new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

/** The head of a field whose content is `length` bytes (wire type 2). */
const field = (number: number, length: number): Uint8Array =>
  Uint8Array.from([number * 8 + 2, ...varint(length)]);

const header = ({ name, constant }: Initializer) => ({
  name,
  dims: constant.shape.map(BigInt),
  dataType: ELEMENT_TYPES[constant.dtype],
});

const FIELD = { graph: 7, initializer: 5, rawData: 9 } as const;

/** The parts of a file with its arrays inside. Protobuf lets the parts of a message come in any order. */
export async function* filePieces(
  model: ModelProto,
  initializers: readonly Initializer[],
): AsyncGenerator<Uint8Array> {
  const { graph, ...rest } = model;
  yield toBinary(ModelProtoSchema, create(ModelProtoSchema, rest));
  const body = graphBytes(model);
  const heads = initializers.map((each) => {
    const head = toBinary(TensorProtoSchema, create(TensorProtoSchema, header(each)));
    const data = field(FIELD.rawData, byteSize(each));
    return { head, data, length: head.length + data.length + byteSize(each) };
  });
  const lengths = heads.map(({ length }) => field(FIELD.initializer, length).length + length);
  yield field(FIELD.graph, body.length + lengths.reduce((a, b) => a + b, 0));
  yield body;
  for (const [i, { constant }] of initializers.entries()) {
    const { head, data, length } = heads[i]!;
    yield field(FIELD.initializer, length);
    yield head;
    yield data;
    yield bytesOf(await constant.read());
  }
}

/** The graph's own bytes, without the field that holds them. */
function graphBytes(model: ModelProto): Uint8Array {
  const whole = toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph: model.graph }));
  let at = 1;
  while (whole[at]! > 127) at++;
  return whole.subarray(at + 1);
}

/** Smaller arrays stay in the first file: shapes and bounds, which runtimes want to know before they read the other one. */
const LEAST_OUTSIDE = 1024;

const isOutside = (each: Initializer) => byteSize(each) >= LEAST_OUTSIDE;

/** The places of the arrays in a file of their own; null for those that stay in the first one. */
function offsetsOf(initializers: readonly Initializer[]): (number | null)[] {
  let end = 0;
  return initializers.map((each) => {
    if (!isOutside(each)) return null;
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = offset + byteSize(each);
    return offset;
  });
}

/** The parts of a file whose large arrays lie in another one, of this name and beside it. */
export async function* headPieces(
  model: ModelProto,
  initializers: readonly Initializer[],
  location: string,
): AsyncGenerator<Uint8Array> {
  const offsets = offsetsOf(initializers);
  const entry = (key: string, value: string | number) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) });
  const tensors: TensorProto[] = [];
  for (const [i, each] of initializers.entries()) {
    const offset = offsets[i]!;
    const place =
      offset === null
        ? { rawData: bytesOf(await each.constant.read()) }
        : {
            dataLocation: DataLocation.EXTERNAL,
            externalData: [
              entry('location', location),
              entry('offset', offset),
              entry('length', byteSize(each)),
            ],
          };
    tensors.push(create(TensorProtoSchema, { ...header(each), ...place }));
  }
  const graph = { ...model.graph!, initializer: tensors };
  yield toBinary(ModelProtoSchema, create(ModelProtoSchema, { ...model, graph }));
}

/** The parts of the file with the large arrays. */
export async function* dataPieces(initializers: readonly Initializer[]): AsyncGenerator<Uint8Array> {
  const offsets = offsetsOf(initializers);
  let at = 0;
  for (const [i, each] of initializers.entries()) {
    const offset = offsets[i]!;
    if (offset === null) continue;
    if (offset > at) yield new Uint8Array(offset - at);
    yield bytesOf(await each.constant.read());
    at = offset + byteSize(each);
  }
}
