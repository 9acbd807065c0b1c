/** Every operator that is imported, by its name. */
import { attentionRules } from './attention.ts';
import { convolutionRules } from './convolution.ts';
import { elementwiseRules } from './elementwise.ts';
import { indexingRules } from './indexing.ts';
import { linearRules } from './linear.ts';
import { lossRules } from './losses.ts';
import { normalizationRules } from './normalization.ts';
import { poolingRules } from './pooling.ts';
import { quantizationRules } from './quantization.ts';
import { recurrentRules } from './recurrent.ts';
import { reductionRules } from './reductions.ts';
import { resizeRules } from './resize.ts';
import type { Rule, RuleTable } from './rule.ts';
import { shapeRules } from './shapes.ts';
import { signalRules } from './signals.ts';

/** The rules in groups, as docs/onnx.md lists them. */
export const ruleGroups: Readonly<Record<string, RuleTable>> = {
  Elementwise: elementwiseRules,
  'Matrices and convolutions': { ...linearRules, ...convolutionRules },
  Attention: attentionRules,
  Pools: poolingRules,
  'Normalizations and dropout': normalizationRules,
  Reductions: reductionRules,
  'Shapes and moves': shapeRules,
  'Reading and writing at places': indexingRules,
  'Resizing and sampling': resizeRules,
  Recurrent: recurrentRules,
  Losses: lossRules,
  'Quantized (inference only)': quantizationRules,
  Signals: signalRules,
};

const rules = new Map<string, Rule>(Object.values(ruleGroups).flatMap((table) => Object.entries(table)));

/** The rule of an operator of ONNX' own domain, or null where there is none for that version. */
export function ruleOf(op: string, domain: string, opset: number): Rule | null {
  const rule = domain === '' ? rules.get(op) : undefined;
  return rule !== undefined && opset >= rule.opsets[0] && opset <= rule.opsets[1] ? rule : null;
}
