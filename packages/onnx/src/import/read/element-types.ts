/** ONNX' numbers of element types. */
import { ElementType } from '../../proto/index.ts';
import { UnsupportedForm } from '../errors.ts';
import type { Dtype } from '../values/host-array.ts';

const dtypes: Readonly<Record<number, Dtype>> = {
  [ElementType.FLOAT]: 'float32',
  [ElementType.DOUBLE]: 'float64',
  [ElementType.FLOAT16]: 'float16',
  [ElementType.BFLOAT16]: 'bfloat16',
  [ElementType.INT8]: 'int8',
  [ElementType.UINT8]: 'uint8',
  [ElementType.INT16]: 'int16',
  [ElementType.UINT16]: 'uint16',
  [ElementType.INT32]: 'int32',
  [ElementType.UINT32]: 'uint32',
  [ElementType.INT64]: 'int64',
  [ElementType.UINT64]: 'uint64',
  [ElementType.BOOL]: 'bool',
};

/** The element type of a number, or null for those that are not imported: strings, complex numbers, 8- and 4-bit floats. */
export const knownDtype = (code: number): Dtype | null => dtypes[code] ?? null;

export const dtypeName = (code: number): string => ElementType[code] ?? `element type ${code}`;

/** @throws UnsupportedForm for a type that is not imported. */
export function dtypeOfCode(code: number): Dtype {
  const dtype = knownDtype(code);
  if (dtype === null) throw new UnsupportedForm(`values of type ${dtypeName(code)}.`);
  return dtype;
}
