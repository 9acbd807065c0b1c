/** Elementwise functions. */
import * as tf from '@tensorflow/tfjs-core';
import type { GradientCase, GradientCases, Input } from '../../support/gradient-case.ts';

const { mul, cast } = tf;
const float = (x: tf.Tensor) => cast(x, 'float32');

/** -0.75 to 0.75, without 0. */
const small: Input = { shape: [2, 3, 4] };
const positive: Input = { shape: [2, 3, 4], offset: 1 };
const aboveOne: Input = { shape: [2, 3, 4], offset: 2 };
/** -3 to 3. */
const wide: Input = { shape: [2, 3, 4], scale: 1 / 4 };

/** WGSL allows its sine and cosine an absolute error of 2^-11. */
const gpuTrigonometry = 2 ** -11;

const on = (of: (x: tf.Tensor) => tf.Tensor, x: Input = small, tolerance?: number): GradientCase => ({
  of: of as GradientCase['of'],
  inputs: [x],
  tolerance,
});

/** Two inputs of equal shape, and ones that broadcast both ways. No value is in both. */
const pair = (of: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, offset = 0): GradientCase[] =>
  (
    [
      [
        [2, 3, 4],
        [2, 3, 4],
      ],
      [
        [2, 1, 4],
        [3, 1],
      ],
      [[], [3]],
    ] as const
  ).map(([a, b]) => ({
    of: of as GradientCase['of'],
    inputs: [
      { shape: [...a], offset },
      { shape: [...b], offset: offset + 1 / 64 },
    ],
  }));

/** A choice by a condition that depends on the inputs: the gradient flows through what was chosen only. */
const chosen = (condition: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): GradientCase[] =>
  pair((a, b) => tf.where(condition(a, b), mul(a, 2), mul(b, 3)));

const logical = (of: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor) =>
  chosen((a, b) => of(tf.greater(a, 0), tf.less(b, 0)));

export const elementwiseCases: GradientCases = {
  Abs: on(tf.abs),
  Acos: on(tf.acos),
  Acosh: on(tf.acosh, aboveOne),
  Add: pair(tf.add),
  AddN: { of: (a, b, c) => tf.addN([a, b, c, a]), inputs: [small, positive, aboveOne] },
  Asin: on(tf.asin),
  Asinh: on(tf.asinh),
  Atan: on(tf.atan),
  Atan2: pair(tf.atan2, 1),
  Atanh: on(tf.atanh),
  Cast: [on((x) => mul(float(tf.greater(x, 0)), x)), on((x) => mul(float(cast(x, 'int32')), x), wide)],
  Ceil: on((x) => mul(tf.ceil(x), x), wide),
  ClipByValue: on((x) => tf.clipByValue(x, -1, 2), wide),
  Cos: on(tf.cos, small, gpuTrigonometry),
  Cosh: on(tf.cosh),
  Elu: on(tf.elu, wide),
  Equal: chosen(tf.equal),
  Erf: on(tf.erf),
  Exp: on(tf.exp),
  Expm1: on(tf.expm1),
  Floor: on((x) => mul(tf.floor(x), x), wide),
  FloorDiv: pair((a, b) => mul(tf.floorDiv(a, b), a), 2),
  Greater: chosen(tf.greater),
  GreaterEqual: chosen(tf.greaterEqual),
  Identity: on(tf.clone),
  IsFinite: on((x) => mul(float(tf.isFinite(x)), x)),
  IsInf: on((x) => mul(float(tf.isInf(x)), x)),
  IsNan: on((x) => tf.where(tf.isNaN(x), mul(x, 2), mul(x, 3))),
  LeakyRelu: on((x) => tf.leakyRelu(x, 0.3), wide),
  Less: chosen(tf.less),
  LessEqual: chosen(tf.lessEqual),
  Log: on(tf.log, positive),
  Log1p: on(tf.log1p),
  LogicalAnd: logical(tf.logicalAnd),
  LogicalNot: chosen((a) => tf.logicalNot(tf.greater(a, 0))),
  LogicalOr: logical(tf.logicalOr),
  Maximum: pair(tf.maximum),
  Minimum: pair(tf.minimum),
  Mod: pair(tf.mod, 2),
  Multiply: pair(tf.mul),
  Neg: on(tf.neg),
  NotEqual: chosen(tf.notEqual),
  OnesLike: on((x) => mul(tf.onesLike(x), x)),
  Pow: [
    ...pair(tf.pow, 1),
    { of: (x) => tf.pow(x, 3), inputs: [small] },
    { of: (x) => tf.pow(x, -1), inputs: [positive] },
  ],
  Prelu: { of: (x, alpha) => tf.prelu(x, alpha), inputs: [wide, { shape: [3, 1] }] },
  RealDiv: pair(tf.div, 2),
  Reciprocal: on(tf.reciprocal, positive),
  Relu: on(tf.relu, wide),
  Relu6: on((x) => tf.relu6(mul(x, 4)), wide),
  Round: on((x) => mul(tf.round(x), x), wide),
  Rsqrt: on(tf.rsqrt, positive),
  Select: [
    ...chosen(tf.greater),
    { of: (a) => tf.where(tf.greater(a, 0), a, tf.scalar(2)), inputs: [small] },
  ],
  Selu: on(tf.selu, wide),
  Sigmoid: on(tf.sigmoid, wide),
  Sign: on((x) => mul(tf.sign(x), x)),
  Sin: on(tf.sin, small, gpuTrigonometry),
  Sinh: on(tf.sinh),
  Softplus: on(tf.softplus, wide),
  Sqrt: on(tf.sqrt, positive),
  Square: on(tf.square),
  SquaredDifference: pair(tf.squaredDifference),
  Step: on((x) => mul(tf.step(x, 0.3), x)),
  Sub: pair(tf.sub),
  Tan: on(tf.tan),
  Tanh: on(tf.tanh),
  ZerosLike: on((x) => tf.add(tf.zerosLike(x), x)),
};
