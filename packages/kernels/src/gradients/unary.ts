/** Gradients of elementwise functions of one tensor. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeActivation } from './chaingrad.ts';
import { type RuleTable, rule, where } from './rule.ts';

type Of<A> = (dy: tf.Tensor, value: tf.Tensor, attrs: A) => tf.Tensor;

/** dx from dy and x. */
const ofInput = <A = unknown>(dx: Of<A>) =>
  rule<A>({ inputs: ['x'] }, (dy, [x], attrs) => ({ x: () => dx(dy, x!, attrs) }));

/** dx from dy and y: x need not be kept. */
const ofOutput = <A = unknown>(dx: Of<A>) =>
  rule<A>({ output: true }, (dy, [y], attrs) => ({ x: () => dx(dy, y!, attrs) }));

/** dx from dy alone. */
const ofGradient = <A = unknown>(dx: (dy: tf.Tensor, attrs: A) => tf.Tensor) =>
  rule<A>({}, (dy, _, attrs) => ({ x: () => dx(dy, attrs) }));

const nil = ofGradient((dy) => tf.zeros(dy.shape));

const { add, sub, mul, div, square, sqrt, neg, sigmoid } = tf;

// The constants of self-normalising networks (Klambauer et al. 2017), as tfjs' Selu kernel has them.
const seluScaleAlpha = 1.7580993408473768;
const seluScale = 1.0507009873554805;

export const unaryRules: RuleTable = {
  Abs: ofInput((dy, x) => mul(dy, tf.sign(tf.cast(x, 'float32')))),
  Acos: ofInput((dy, x) => neg(div(dy, sqrt(sub(1, square(x)))))),
  Acosh: ofInput((dy, x) => div(dy, sqrt(sub(square(x), 1)))),
  Asin: ofInput((dy, x) => div(dy, sqrt(sub(1, square(x))))),
  Asinh: ofInput((dy, x) => div(dy, sqrt(add(square(x), 1)))),
  Atan: ofInput((dy, x) => div(dy, add(square(x), 1))),
  Atanh: ofInput((dy, x) => div(dy, sub(1, square(x)))),
  // A cast to integers or booleans is constant almost everywhere.
  Cast: ofGradient<{ dtype: tf.DataType }>((dy, { dtype }) =>
    dtype === 'float32' ? tf.clone(dy) : tf.zeros(dy.shape),
  ),
  Ceil: nil,
  ClipByValue: ofInput<{ clipValueMin: number; clipValueMax: number }>((dy, x, a) =>
    where(tf.logicalAnd(tf.greaterEqual(x, a.clipValueMin), tf.lessEqual(x, a.clipValueMax)), dy),
  ),
  Cos: ofInput((dy, x) => neg(mul(dy, tf.sin(x)))),
  Cosh: ofInput((dy, x) => mul(dy, tf.sinh(x))),
  Elu: ofOutput((dy, y) => mul(dy, tf.where(tf.greater(y, 0), tf.onesLike(y), add(y, 1)))),
  Erf: ofInput((dy, x) => mul(dy, mul(tf.exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))),
  Exp: ofOutput((dy, y) => mul(dy, y)),
  Expm1: ofOutput((dy, y) => mul(dy, add(y, 1))),
  Floor: nil,
  Identity: ofGradient((dy) => tf.clone(dy)),
  IsFinite: nil,
  IsInf: nil,
  IsNan: nil,
  LeakyRelu: ofInput<{ alpha: number }>((dy, x, { alpha }) => tf.where(tf.greater(x, 0), dy, mul(dy, alpha))),
  Log: ofInput((dy, x) => div(dy, x)),
  Log1p: ofInput((dy, x) => div(dy, add(x, 1))),
  LogicalNot: nil,
  Neg: ofGradient((dy) => neg(dy)),
  OnesLike: nil,
  Reciprocal: ofOutput((dy, y) => neg(mul(dy, square(y)))),
  Relu: ofOutput((dy, y) => beforeActivation(dy, y, 'relu')),
  Relu6: ofOutput((dy, y) => beforeActivation(dy, y, 'relu6')),
  Round: nil,
  Rsqrt: ofOutput((dy, y) => mul(dy, mul(mul(y, square(y)), -0.5))),
  Selu: ofOutput((dy, y) =>
    mul(dy, tf.where(tf.greater(y, 0), tf.fill(y.shape, seluScale), add(y, seluScaleAlpha))),
  ),
  Sigmoid: ofOutput((dy, y) => mul(dy, mul(y, sub(1, y)))),
  Sign: nil,
  Sin: ofInput((dy, x) => mul(dy, tf.cos(x))),
  Sinh: ofInput((dy, x) => mul(dy, tf.cosh(x))),
  Softplus: ofInput((dy, x) => mul(dy, sigmoid(x))),
  Sqrt: ofOutput((dy, y) => div(dy, mul(y, 2))),
  Square: ofInput((dy, x) => mul(dy, mul(tf.cast(x, 'float32'), 2))),
  Step: nil,
  Tan: ofOutput((dy, y) => mul(dy, add(square(y), 1))),
  Tanh: ofOutput((dy, y) => mul(dy, sub(1, square(y)))),
  ZerosLike: nil,
};
