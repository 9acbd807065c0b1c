/** The form of a gradient rule, and what the rules share. */
import * as tf from '@tensorflow/tfjs-core';

/** Gradients by input name. Each is computed only when it is asked for. */
export type InputGradients = Record<string, () => tf.Tensor>;

/** The gradient of one kernel. `T` is the type of what comes back: a tensor, or one an output. */
export interface Rule {
  /** The inputs that the rule looks at; 'all' for kernels whose inputs are a list. */
  readonly inputs?: readonly string[] | 'all';
  /** Whether the rule looks at the first output, which comes after the inputs. */
  readonly output?: boolean;
  /** Whether the rule looks at the second output only (indices). */
  readonly secondOutput?: boolean;
  readonly gradient: tf.GradFunc;
}

export type RuleTable = Readonly<Record<string, Rule>>;

/** A rule of a kernel with one output: `gradient(dy, saved, attrs)`, saved in the order inputs, output. */
export function rule<A = unknown>(
  saved: Omit<Rule, 'gradient'>,
  gradient: (dy: tf.Tensor, saved: tf.Tensor[], attrs: A) => InputGradients,
): Rule {
  return {
    ...saved,
    gradient: (dy, tensors, attrs) => gradient(dy as tf.Tensor, tensors, attrs as unknown as A),
  };
}

/** A rule of a kernel with several outputs. tfjs gives zeros for an output that nothing depends on. */
export function ruleOfMany<A = unknown>(
  saved: Omit<Rule, 'gradient'>,
  gradient: (dys: tf.Tensor[], saved: tf.Tensor[], attrs: A) => InputGradients,
): Rule {
  return {
    ...saved,
    // With a single output tfjs does not make a list.
    gradient: (dy, tensors, attrs) => gradient(Array.isArray(dy) ? dy : [dy], tensors, attrs as unknown as A),
  };
}

/** The zero gradient of an input of any dtype. */
export const zeros = (input: tf.Tensor) => tf.zeros(input.shape);

/** dy where the mask holds, else zero: unlike a product, right also where dy is not finite. */
export const where = (mask: tf.Tensor, dy: tf.Tensor) => tf.where(mask, dy, tf.zerosLike(dy));

/** The gradient of broadcasting to dy's shape: sums over the axes along which `shape` was repeated. */
export function unbroadcast(dy: tf.Tensor, shape: number[]): tf.Tensor {
  const offset = dy.rank - shape.length;
  const axes = dy.shape.flatMap((size, axis) =>
    axis < offset || (shape[axis - offset] === 1 && size !== 1) ? [axis] : [],
  );
  return tf.reshape(axes.length === 0 ? dy : tf.sum(dy, axes), shape);
}

/** Reduced axes as a list of non-negative numbers; all of them where none were given. */
export function axesOf(axis: number | number[] | null | undefined, rank: number): number[] {
  const axes = axis == null ? Array.from({ length: rank }, (_, i) => i) : [axis].flat();
  return axes.map((a) => (a < 0 ? a + rank : a));
}

/** The shape with the reduced axes kept as 1. */
export const keptShape = (shape: readonly number[], axes: readonly number[]) =>
  shape.map((size, axis) => (axes.includes(axis) ? 1 : size));

export const product = (values: readonly number[]) => values.reduce((a, b) => a * b, 1);
