/** Gradients of elementwise functions of two tensors that broadcast, and of choices between them. */
import * as tf from '@tensorflow/tfjs-core';
import { type RuleTable, rule, unbroadcast, where, zeros } from './rule.ts';

type Part = (dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

/** da and db from dy, a and b, before they are summed back to the shapes of a and b. */
const of = (da: Part, db: Part) =>
  rule({ inputs: ['a', 'b'] }, (dy, [a, b]) => ({
    a: () => unbroadcast(da(dy, a!, b!), a!.shape),
    b: () => unbroadcast(db(dy, a!, b!), b!.shape),
  }));

const nil = rule({ inputs: ['a', 'b'] }, (_, [a, b]) => ({ a: () => zeros(a!), b: () => zeros(b!) }));

const { add, sub, mul, div, neg, square } = tf;

/** log(a) with 0 where it is not defined: there the power does not depend on the exponent, or is not a number anyway. */
const safeLog = (a: tf.Tensor) => {
  const positive = tf.greater(a, 0);
  return tf.log(tf.where(positive, a, tf.onesLike(a)));
};

/** The exponent of the derivative: where the power is constant it stays 0, as 0 * 0^-1 is no number. */
const lowered = (b: tf.Tensor) => tf.where(tf.equal(b, 0), tf.zerosLike(b), sub(b, 1));

export const binaryRules: RuleTable = {
  Add: of(
    (dy) => dy,
    (dy) => dy,
  ),
  Atan2: of(
    (dy, a, b) => mul(dy, div(b, add(square(a), square(b)))),
    (dy, a, b) => neg(mul(dy, div(a, add(square(a), square(b))))),
  ),
  BitwiseAnd: nil,
  Equal: nil,
  FloorDiv: nil,
  Greater: nil,
  GreaterEqual: nil,
  Less: nil,
  LessEqual: nil,
  LogicalAnd: nil,
  LogicalOr: nil,
  // Equal elements: the first argument takes the gradient.
  Maximum: of(
    (dy, a, b) => where(tf.greaterEqual(a, b), dy),
    (dy, a, b) => where(tf.less(a, b), dy),
  ),
  Minimum: of(
    (dy, a, b) => where(tf.lessEqual(a, b), dy),
    (dy, a, b) => where(tf.greater(a, b), dy),
  ),
  Mod: of(
    (dy) => dy,
    (dy, a, b) => neg(mul(dy, tf.floor(div(a, b)))),
  ),
  Multiply: of(
    (dy, _, b) => mul(dy, b),
    (dy, a) => mul(dy, a),
  ),
  NotEqual: nil,
  Pow: of(
    (dy, a, b) => mul(dy, mul(b, tf.pow(a, lowered(b)))),
    (dy, a, b) => mul(dy, mul(tf.pow(a, b), safeLog(a))),
  ),
  Prelu: rule({ inputs: ['x', 'alpha'] }, (dy, [x, alpha]) => ({
    x: () => tf.where(tf.greater(x!, 0), dy, mul(dy, alpha!)),
    alpha: () => unbroadcast(where(tf.lessEqual(x!, 0), mul(dy, x!)), alpha!.shape),
  })),
  RealDiv: of(
    (dy, _, b) => div(dy, b),
    (dy, a, b) => neg(div(mul(dy, a), square(b))),
  ),
  Select: rule({ inputs: ['condition'] }, (dy, [condition]) => ({
    condition: () => zeros(condition!),
    t: () => where(condition!, dy),
    e: () => where(tf.logicalNot(condition!), dy),
  })),
  SquaredDifference: of(
    (dy, a, b) => mul(dy, mul(sub(a, b), 2)),
    (dy, a, b) => mul(dy, mul(sub(b, a), 2)),
  ),
  Sub: of(
    (dy) => dy,
    (dy) => neg(dy),
  ),
};
