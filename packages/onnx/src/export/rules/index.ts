/** The translation of every kernel, by tfjs' or chaingrad's name of it. */
import { elementwiseRules } from './elementwise.ts';
import { imageRules } from './image.ts';
import { linearAlgebraRules } from './linear-algebra.ts';
import { reductionRules } from './reduction.ts';
import type { OnnxRules } from './rule.ts';
import { shapeRules } from './shape.ts';
import { windowRules } from './windows.ts';

export const onnxRules: OnnxRules = {
  ...elementwiseRules,
  ...reductionRules,
  ...shapeRules,
  ...windowRules,
  ...linearAlgebraRules,
  ...imageRules,
};
