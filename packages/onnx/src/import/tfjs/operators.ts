/** TensorFlow's operators in ONNX' operators, and in those of `rules.ts` where ONNX has none that does the same. */
import type { TfNode } from './graph-def.ts';
import { layerOperators } from './layers.ts';
import { moveOperators } from './moves.ts';
import { pointwiseOperators } from './pointwise.ts';
import type { Translator } from './translator.ts';

/** Writes one node of TensorFlow into the graph. */
export type Translation = (t: Translator, node: TfNode) => void;
export type TranslationTable = Readonly<Record<string, Translation>>;

/** The operators in groups, as docs/onnx.md lists them. */
export const operatorGroups: Readonly<Record<string, TranslationTable>> = {
  ...layerOperators,
  ...pointwiseOperators,
  ...moveOperators,
};

export const translations: TranslationTable = Object.assign(
  {},
  ...Object.values(operatorGroups),
) as TranslationTable;

const flow =
  /^(Switch|Merge|Enter|Exit|NextIteration|LoopCond|(Stateless)?(If|While)|TensorList\w*|TensorArray\w*|\w*PartitionedCall)$/;

/** Operators that decide what runs while it runs. */
export const isControlFlow = (op: string): boolean => flow.test(op);
