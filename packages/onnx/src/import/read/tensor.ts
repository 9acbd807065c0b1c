/** The arrays of an ONNX file. */
import {
  arrayFromBytes,
  bfloatToFloat,
  elementCount,
  FormatError,
  type FormatPlace,
  halvesToFloats,
  itemSizes,
  type NamedArray,
  toFloat32Array,
} from '@chaingrad/core';
import type { TensorProto } from '../../proto/index.ts';
import type { Dtype, HostArray, Numbers } from '../values/host-array.ts';
import { dtypeName, knownDtype } from './element-types.ts';

/** Values that lie outside of the model's file, already read. */
export type ExternalBytes = (tensor: TensorProto, place: FormatPlace) => Uint8Array<ArrayBuffer>;

/** Element types that came with later versions or are not numbers: refused by name. */
export function dtypeOf(code: number, place: FormatPlace): Dtype {
  const dtype = knownDtype(code);
  if (dtype === null) {
    throw new FormatError(
      place,
      'numbers or booleans of 8 to 64 bits',
      dtypeName(code),
      'Convert the model to float32 or float16 first.',
    );
  }
  return dtype;
}

/** The dimensions of an array. @throws FormatError when they are no sizes. */
export function dimensions(dims: readonly bigint[], place: FormatPlace): number[] {
  const shape = dims.map(Number);
  elementCount(shape, place);
  return shape;
}

/**
 * The values of an array, wherever the file keeps them: as bytes, as numbers of the message, in another file.
 * @throws FormatError when they are not as many as the shape has, or of an element type that is not imported.
 */
export function readTensor(
  tensor: TensorProto,
  file: string,
  external: ExternalBytes,
  name = tensor.name,
): HostArray {
  const place = { file, key: name };
  const dtype = dtypeOf(tensor.dataType, place);
  const shape = dimensions(tensor.dims, place);
  const count = elementCount(shape, place);
  const isExternal = tensor.externalData.length > 0 || tensor.dataLocation === 1;
  const bytes = isExternal ? external(tensor, place) : (tensor.rawData as Uint8Array<ArrayBuffer>);
  if (isExternal || bytes.length > 0) {
    const length = count * itemSizes[dtype];
    if (bytes.length !== length)
      throw new FormatError(place, `${length} bytes for ${dtype} (${shape.join(', ')})`, `${bytes.length}`);
    return { dtype, shape, data: fromBytes(arrayFromBytes(bytes, dtype, shape), place) };
  }
  const values = fromMessage(tensor, dtype);
  if (values.length !== count)
    throw new FormatError(place, `${count} values for shape (${shape.join(', ')})`, `${values.length}`);
  return { dtype, shape, data: values };
}

function fromBytes(array: NamedArray, place: FormatPlace): Numbers {
  switch (array.dtype) {
    case 'float16':
    case 'bfloat16':
      return toFloat32Array(array, place);
    case 'int64':
    case 'uint64': {
      const out = new Float64Array(array.data.length);
      for (let i = 0; i < out.length; i++) out[i] = Number(array.data[i]);
      return out;
    }
    default:
      return array.data as Numbers;
  }
}

/** Numbers that stand in the message itself, in the list that the format gives to each type. */
function fromMessage(tensor: TensorProto, dtype: Dtype): Numbers {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(tensor.floatData);
    case 'float64':
      return Float64Array.from(tensor.doubleData);
    case 'float16':
      return halvesToFloats(Uint16Array.from(tensor.int32Data));
    case 'bfloat16':
      return Float32Array.from(tensor.int32Data, bfloatToFloat);
    case 'int64':
      return Float64Array.from(tensor.int64Data, Number);
    case 'uint64':
      return Float64Array.from(tensor.uint64Data, Number);
    case 'uint32':
      return Uint32Array.from(tensor.uint64Data, Number);
    case 'int32':
      return Int32Array.from(tensor.int32Data);
    case 'int16':
      return Int16Array.from(tensor.int32Data);
    case 'uint16':
      return Uint16Array.from(tensor.int32Data);
    case 'int8':
      return Int8Array.from(tensor.int32Data);
    default:
      return Uint8Array.from(tensor.int32Data);
  }
}
