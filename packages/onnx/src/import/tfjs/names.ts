/** Names as TensorFlow's converters leave them: `StatefulPartitionedCall/model/conv1/Conv2D/ReadVariableOp`. */
import type { Naming, Node } from '../graph.ts';
import { limited } from '../plan/names.ts';

/** Names that say nothing: `unknown_12`, `Const_3`, `Func/StatefulPartitionedCall/input/_263`, `arg12`. */
const madeUp = /^(unknown|Const|arg|Placeholder|Variable)(_?\d+)?(#\d+)?$|(^|\/)_\d+(__cf__\d+)?(#\d+)?$/;
/** What graphs put around the names of the program. */
const wrapping = /^(Stateful|Stateless)?PartitionedCall(_\d+)?$|^Func$/;
const reading = /^(ReadVariableOp(_\d+)?|read(_\d+)?|resource)$/;

const segmentsOf = (name: string): string[] => {
  const parts = name.replace(/#\d+$/, '').split('/');
  while (parts.length > 1 && reading.test(parts.at(-1)!)) parts.pop();
  return limited(parts.filter((part, i) => i === parts.length - 1 || !wrapping.test(part)));
};

export const tfNaming: Naming = {
  isMadeUp: (name) => madeUp.test(name),
  segmentsOf,
  // The last part of a node's name is its operator.
  moduleOf({ name }: Node) {
    const all = segmentsOf(name);
    return all.length > 1 ? all.slice(0, -1) : all;
  },
  // Every 0.5 and every grid of coordinates has a name of its own: weights are vectors, or were variables.
  isTrained: (name, [length = 1, ...more]) =>
    (length > 1 && more.length === 0) || /\/(ReadVariableOp|read)(_\d+)?$/.test(name),
};
