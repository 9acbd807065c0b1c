/** Joins a convolution, transposed or not, with the batch normalization and the activation that follow it. */
import type { HostArray } from '../values/host-array.ts';
import { addTo } from './lists.ts';
import type { FusedStep, NodeStep, Step } from './program.ts';
import { bounds } from './rewrite.ts';

/** The activation that the kernel can compute by itself, or null. */
function activationOf({ node }: NodeStep, constants: Constants): FusedStep['activation'] | null {
  if (node.op === 'Relu') return 'relu';
  if (node.op !== 'Clip' || !node.inputs.slice(1).every((name) => name === '' || constants.has(name)))
    return null;
  const [low, high] = bounds(node, constants);
  return low === 0 && high === 6 ? 'relu6' : null;
}

type Constants = ReadonlyMap<string, HostArray>;

export function fuse(steps: readonly NodeStep[], outputs: ReadonlySet<string>, constants: Constants): Step[] {
  const takers = new Map<string, NodeStep[]>();
  for (const step of steps) for (const name of step.node.inputs) addTo(takers, name, step);
  const next = ({ node }: NodeStep): NodeStep | null => {
    const [out, ...others] = node.outputs;
    const all = takers.get(out!) ?? [];
    return all.length === 1 &&
      !outputs.has(out!) &&
      others.every((name) => name === '') &&
      all[0]!.node.inputs[0] === out
      ? all[0]!
      : null;
  };
  const joined = new Set<NodeStep>();
  /** The group, in the place of its last step: by then everything that it needs is there. */
  const groups = new Map<NodeStep, FusedStep>();
  for (const conv of steps) {
    if (conv.node.op !== 'Conv' && conv.node.op !== 'ConvTranspose') continue;
    const group = [conv];
    let norm: NodeStep | null = null;
    let after = next(conv);
    if (
      after?.node.op === 'BatchNormalization' &&
      after.layer !== null &&
      !after.node.attributes.has('training_mode')
    ) {
      norm = after;
      group.push(norm);
      after = next(norm);
    }
    // The kernel of a transposed one has no activation.
    const activation = after === null || conv.node.op !== 'Conv' ? null : activationOf(after, constants);
    if (activation !== null) group.push(after!);
    if (group.length === 1) continue;
    for (const step of group) joined.add(step);
    groups.set(group.at(-1)!, {
      kind: 'fused',
      conv,
      norm,
      activation: activation ?? 'linear',
      steps: group,
    });
  }
  return steps.flatMap((step): Step[] => {
    const group = groups.get(step);
    return group !== undefined ? [group] : joined.has(step) ? [] : [step];
  });
}
