/** What import refuses on purpose, each by its class. */
import { ChaingradError } from '@chaingrad/core';

/** Where in a network something is: the file, the node and its operator. */
export interface NodePlace {
  readonly file: string;
  /** The node's name, or its place in the list where it has none. */
  readonly node: string;
  readonly operator: string;
}

const placeText = ({ file, node, operator }: NodePlace) => `${file}, node '${node}' (${operator})`;

/** An operator, or a form of one, that import has no rule for. */
export class UnsupportedOperatorError extends ChaingradError {
  constructor(
    readonly place: NodePlace,
    readonly detail: string,
    advice = 'docs/onnx.md lists the operators that are imported. Export without it, or cut the graph before it (option `outputs`).',
  ) {
    super(`${placeText(place)}: ${detail} ${advice}`);
  }
}

/** A node could not be computed: its inputs do not fit it, or the backend lacks a kernel. The reason is the cause. */
export class OperatorError extends ChaingradError {
  constructor(
    readonly place: NodePlace,
    cause: unknown,
  ) {
    super(`${placeText(place)}: ${(cause as Error).message}`, { cause });
  }
}

/** What a rule throws where it lacks a form of its operator; it becomes an `UnsupportedOperatorError` with the node's place. */
export class UnsupportedForm extends ChaingradError {}

/** An integer that tensors, which hold 32 bits, cannot hold. Nothing wraps around. */
export class IntegerRangeError extends ChaingradError {
  constructor(
    readonly dtype: string,
    readonly got: number,
  ) {
    super(`expected ${dtype} values that fit in 32 bits, got ${got}. Tensors hold no larger integers.`);
  }
}
