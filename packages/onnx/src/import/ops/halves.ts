/** Rounding of numbers to the halves of ONNX, which are held as float32. */
import { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from '@chaingrad/core';

export const roundToHalf = (x: number): number => halfToFloat(floatToHalf(x));
export const roundToBfloat = (x: number): number => bfloatToFloat(floatToBfloat(x));
