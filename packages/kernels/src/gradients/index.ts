import type * as tf from '@tensorflow/tfjs-core';
import { mendTape } from '../tape.ts';
import { installGradient, onForeignGradients } from '../tfjs-internals.ts';
import { binaryRules } from './binary.ts';
import { chaingradRules } from './chaingrad.ts';
import { convolutionRules } from './convolution.ts';
import { imageRules } from './image.ts';
import { indexingRules } from './indexing.ts';
import { linearAlgebraRules } from './linear-algebra.ts';
import { normalizationRules } from './normalization.ts';
import { poolingRules } from './pooling.ts';
import { reductionRules } from './reduction.ts';
import type { Rule, RuleTable } from './rule.ts';
import { shapeRules } from './shape.ts';
import { unaryRules } from './unary.ts';

const tables: readonly RuleTable[] = [
  unaryRules,
  binaryRules,
  reductionRules,
  shapeRules,
  indexingRules,
  linearAlgebraRules,
  normalizationRules,
  convolutionRules,
  poolingRules,
  imageRules,
  chaingradRules,
];

/** The names of all kernels that this package can differentiate. */
export const differentiableKernels: readonly string[] = tables.flatMap((table) => Object.keys(table));

function configOf(kernelName: string, rule: Rule): tf.GradConfig {
  return {
    kernelName,
    ...(rule.inputs === 'all' ? { saveAllInputs: true } : { inputsToSave: [...(rule.inputs ?? [])] }),
    outputsToSave: rule.secondOutput ? [false, true] : [rule.output ?? false],
    gradFunc: rule.gradient,
  };
}

const configs: readonly tf.GradConfig[] = tables.flatMap((table) =>
  Object.entries(table).map(([kernelName, rule]) => configOf(kernelName, rule)),
);

/**
 * Registers a gradient for every kernel of `differentiableKernels`, over those that are there. tfjs-core alone has none
 * under plain Node. From then on they also come back when a package of tfjs, imported later, has registered all of its own over
 * them; a single one that a program registers stays. Also mends tfjs' tape, so that gradients can be differentiated again.
 * Calling it again does no harm.
 */
export function installGradients(): void {
  mendTape();
  for (const config of configs) installGradient(config);
  onForeignGradients(installGradients);
}
