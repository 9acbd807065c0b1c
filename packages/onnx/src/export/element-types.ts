import type { GraphType } from './constant.ts';

/** ONNX' numbers of element types. */
export const ELEMENT_TYPES: Readonly<Record<GraphType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
};
