/** What an imported network runs: its steps, and where their inputs come from. */
import type { Door, Node } from '../graph.ts';
import type { Rule } from '../ops/rule.ts';
import type { HostArray } from '../values/host-array.ts';

/** A node with its rule. */
export interface Ruled {
  readonly node: Node;
  readonly rule: Rule;
}

/** One node, with the rule that computes it. */
export interface NodeStep extends Ruled {
  readonly kind: 'node';
  /** The path of the link that holds the node's weights and computes it; null where the network does. */
  readonly layer: readonly string[] | null;
}

/** A convolution with what follows it: one kernel while nothing is trained. */
export interface FusedStep {
  readonly kind: 'fused';
  readonly conv: NodeStep;
  readonly norm: NodeStep | null;
  readonly activation: 'linear' | 'relu' | 'relu6';
  /** The nodes one by one, for when they may not be one. */
  readonly steps: readonly NodeStep[];
}

export type Step = NodeStep | FusedStep;

/** A parameter or running statistic. */
export interface Weight {
  readonly path: readonly string[];
  /** The name in the file. */
  readonly name: string;
  readonly statistic: boolean;
}

export interface Program {
  readonly file: string;
  readonly producer: string;
  readonly opset: number;
  readonly inputs: readonly Door[];
  readonly outputs: readonly Door[];
  readonly metadata: ReadonlyMap<string, string>;
  /** How pictures (float arrays of rank 4) come in and go out: as in the graph, or as (N, H, W, C) where they are (N, C, H, W). */
  readonly layout: 'as-is' | 'channels-last';
  readonly constants: ReadonlyMap<string, HostArray>;
  /** By the name of the value. */
  readonly weights: ReadonlyMap<string, Weight>;
  readonly steps: readonly Step[];
  /** For each step, the values that nothing needs after it. */
  readonly last: readonly (readonly string[])[];
}

export const outputsOf = (step: Step): readonly string[] =>
  step.kind === 'node' ? step.node.outputs : step.steps.flatMap(({ node }) => node.outputs);

export const inputsOf = (step: Step): readonly string[] =>
  step.kind === 'node' ? step.node.inputs : step.steps.flatMap(({ node }) => node.inputs);
