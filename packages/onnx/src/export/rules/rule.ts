import type { Emitter, Value } from '../emitter.ts';
import type { GraphKernel } from '../merge.ts';

/** Translates one kernel: nodes are added to the graph, and what the kernel's outputs are is told. */
export type OnnxRule = (
  e: Emitter,
  inputs: Readonly<Record<string, Value>>,
  kernel: GraphKernel,
) => Value | readonly Value[];

export type OnnxRules = Readonly<Record<string, OnnxRule>>;

/** The inputs of a kernel that takes a list. */
export const listed = (inputs: Readonly<Record<string, Value>>): Value[] => Object.values(inputs);
