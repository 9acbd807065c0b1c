/** Operators of one or more arrays, element by element. */
import * as tf from '@tensorflow/tfjs-core';
import { combine, mapped } from '../values/aligned.ts';
import { type Dtype, elementwise, isFloat } from '../values/host-array.ts';
import { Value } from '../values/value.ts';
import { divideIntegers, remainder, wrapped } from './integers.ts';
import type { Call, Rule, RuleTable } from './rule.ts';
import * as special from './special.ts';

type OnTensor = (x: tf.Tensor, call: Call) => tf.Tensor;

/** An operator of one input. Without `onHost` it is not folded. */
function unary(
  first: number,
  onTensor: OnTensor,
  onHost?: (x: number) => number,
  dtypeOf: (dtype: Dtype) => Dtype = (dtype) => dtype,
): Rule {
  return {
    opsets: [first, 25],
    folds: onHost !== undefined,
    run(call) {
      const x = call.input(0);
      const dtype = dtypeOf(x.dtype);
      const constants = onHost === undefined ? null : call.constants;
      if (constants !== null) return Value.host(elementwise(dtype, constants, onHost!));
      return mapped(x, (t) => onTensor(t, call), dtype);
    },
  };
}

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

/** An operator of two inputs of one type. `integer` takes its place for integers, on the host and on the device. */
function binary(
  first: number,
  onTensor: Binary,
  onHost: (a: number, b: number) => number,
  options: { readonly dtype?: Dtype; readonly integer?: Binary; readonly integerOnHost?: typeof onHost } = {},
): Rule {
  return {
    opsets: [first, 25],
    folds: true,
    run(call) {
      const a = call.input(0);
      const b = oldBroadcast(call, a, call.input(1));
      const dtype = options.dtype ?? a.dtype;
      const float = isFloat(a.dtype);
      const constants = call.constants;
      if (constants !== null && b === call.input(1)) {
        const fn = float ? onHost : (options.integerOnHost ?? onHost);
        return Value.host(elementwise(dtype, constants, fn));
      }
      const fn = float ? onTensor : (options.integer ?? onTensor);
      return combine([a, b], dtype, (x, y) => wrapped(fn(x, y), dtype));
    },
  };
}

/** Before opset 7 `broadcast` and `axis` told how the second input fits the first. */
function oldBroadcast(call: Call, a: Value, b: Value): Value {
  if (call.opset >= 7 || call.int('broadcast', 0) === 0) return b;
  const axis = call.int('axis', a.rank - b.rank);
  const behind = a.rank - b.rank - (axis < 0 ? axis + a.rank : axis);
  return behind <= 0 ? b : reshapedTo(b, [...b.shape, ...new Array<number>(behind).fill(1)]);
}

const reshapedTo = (value: Value, shape: number[]) =>
  Value.device(tf.reshape(value.tensor(), shape), value.dtype);

/** Max, Min, Sum and Mean of any number of inputs. */
function nary(first: number, onTensor: Binary, onHost: (a: number, b: number) => number, mean = false): Rule {
  return {
    opsets: [first, 25],
    folds: true,
    run(call) {
      const values = call.inputs.map((_, i) => call.input(i));
      const { dtype } = values[0]!;
      const constants = call.constants;
      const share = mean ? 1 / values.length : 1;
      if (constants !== null) {
        return Value.host(elementwise(dtype, constants, (...xs) => xs.reduce(onHost) * share));
      }
      const sum = combine(values, dtype, (...tensors) => {
        const all = tensors.reduce(onTensor);
        return wrapped(mean ? tf.mul(all, share) : values.length === 1 ? tf.clone(all) : all, dtype);
      });
      return sum;
    },
  };
}

const bool = (): Dtype => 'bool';
const truth = (value: boolean) => (value ? 1 : 0);
const compare = (first: number, onTensor: Binary, onHost: (a: number, b: number) => boolean): Rule =>
  binary(first, onTensor, (a, b) => truth(onHost(a, b)), { dtype: 'bool' });

/** Halves go to the even neighbour. */
function roundEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

const where: Rule = {
  opsets: [9, 25],
  folds: true,
  run(call) {
    const [condition, a, b] = [call.input(0), call.input(1), call.input(2)];
    const constants = call.constants;
    if (constants !== null)
      return Value.host(elementwise(a.dtype, constants, (c, x, y) => (c !== 0 ? x : y)));
    return combine([condition, a, b], a.dtype, (c, x, y) => tf.where(c, x, y));
  },
};

const clip: Rule = {
  opsets: [1, 25],
  reads: [1, 2],
  folds: true,
  run(call) {
    const x = call.input(0);
    const bound = (index: number, attribute: string, none: number) =>
      call.optional(index)?.hostArray?.data[0] ?? call.float(attribute, none);
    const low = bound(1, 'min', Number.NEGATIVE_INFINITY);
    const high = bound(2, 'max', Number.POSITIVE_INFINITY);
    const host = x.constant;
    if (host !== null)
      return Value.host(elementwise(x.dtype, [host], (v) => Math.min(Math.max(v, low), high)));
    return mapped(x, (t) => special.clip(t, low, high));
  },
};

const prelu: Rule = {
  opsets: [1, 25],
  weights: { 1: 'weight' },
  layer: 'channels-last',
  run(call) {
    const x = call.input(0);
    let slope = call.input(1);
    // Before opset 7 a slope of one axis was one a channel.
    if (call.opset < 7 && slope.rank === 1 && slope.size > 1 && x.rank > 2)
      slope = reshapedTo(slope, [slope.size, ...new Array<number>(x.rank - 2).fill(1)]);
    return combine([x, slope], x.dtype, (t, s) => tf.where(tf.greater(t, 0), t, tf.mul(t, s)));
  },
};

export const elementwiseRules: RuleTable = {
  // arithmetic
  Add: binary(1, tf.add, (a, b) => a + b),
  Sub: binary(1, tf.sub, (a, b) => a - b),
  Mul: binary(1, tf.mul, (a, b) => a * b),
  Div: binary(1, tf.div, (a, b) => a / b, {
    integer: divideIntegers,
    integerOnHost: (a, b) => Math.trunc(a / b),
  }),
  Pow: {
    opsets: [1, 25],
    folds: true,
    run(call) {
      const [a, b] = [call.input(0), oldBroadcast(call, call.input(0), call.input(1))];
      const constants = call.constants;
      if (constants !== null) {
        const exact = isFloat(a.dtype) ? (v: number) => v : Math.trunc;
        return Value.host(elementwise(a.dtype, constants, (x, y) => exact(x ** y)));
      }
      const exponent = b.constant;
      if (exponent?.data.length === 1 && exponent.data[0] === 2 && b.rank <= a.rank)
        return mapped(a, (t) => tf.square(t));
      return combine([a, b], a.dtype, (x, y) => {
        const power = special.pow(tf.cast(x, 'float32'), tf.cast(y, 'float32'));
        return isFloat(a.dtype) ? power : special.truncated(power);
      });
    },
  },
  Mod: {
    opsets: [10, 25],
    folds: true,
    run(call) {
      const [a, b] = [call.input(0), call.input(1)];
      const fmod = call.int('fmod', 0) !== 0;
      const constants = call.constants;
      if (constants !== null)
        return Value.host(
          elementwise(a.dtype, constants, (x, y) => (fmod ? x % y : x - y * Math.floor(x / y))),
        );
      return combine([a, b], a.dtype, (x, y) => remainder(x, y, fmod));
    },
  },
  Max: nary(1, tf.maximum, Math.max),
  Min: nary(1, tf.minimum, Math.min),
  Sum: nary(1, tf.add, (a, b) => a + b),
  Mean: nary(1, tf.add, (a, b) => a + b, true),
  Abs: unary(1, tf.abs, Math.abs),
  Neg: unary(1, tf.neg, (x) => -x),
  Reciprocal: unary(
    1,
    (x) => tf.reciprocal(x),
    (x) => 1 / x,
  ),
  Sqrt: unary(1, tf.sqrt, Math.sqrt),
  Exp: unary(1, tf.exp, Math.exp),
  Log: unary(1, tf.log, Math.log),
  Erf: unary(9, special.erf),
  Sign: unary(9, tf.sign, Math.sign),
  Floor: unary(1, tf.floor, Math.floor),
  Ceil: unary(1, tf.ceil, Math.ceil),
  Round: unary(11, tf.round, roundEven),
  // trigonometry
  Sin: unary(7, tf.sin, Math.sin),
  Cos: unary(7, tf.cos, Math.cos),
  Tan: unary(7, tf.tan, Math.tan),
  Asin: unary(7, tf.asin, Math.asin),
  Acos: unary(7, tf.acos, Math.acos),
  Atan: unary(7, tf.atan, Math.atan),
  Sinh: unary(9, tf.sinh, Math.sinh),
  Cosh: unary(9, tf.cosh, Math.cosh),
  Tanh: unary(1, tf.tanh, Math.tanh),
  Asinh: unary(9, tf.asinh, Math.asinh),
  Acosh: unary(9, tf.acosh, Math.acosh),
  Atanh: unary(9, tf.atanh, Math.atanh),
  // comparisons and logic
  Equal: compare(1, tf.equal, (a, b) => a === b),
  Less: compare(1, tf.less, (a, b) => a < b),
  LessOrEqual: compare(12, tf.lessEqual, (a, b) => a <= b),
  Greater: compare(1, tf.greater, (a, b) => a > b),
  GreaterOrEqual: compare(12, tf.greaterEqual, (a, b) => a >= b),
  And: compare(1, tf.logicalAnd, (a, b) => a !== 0 && b !== 0),
  Or: compare(1, tf.logicalOr, (a, b) => a !== 0 || b !== 0),
  Xor: compare(1, tf.logicalXor, (a, b) => (a !== 0) !== (b !== 0)),
  Not: unary(1, tf.logicalNot, (x) => truth(x === 0)),
  IsNaN: unary(
    9,
    (x) => tf.isNaN(x),
    (x) => truth(Number.isNaN(x)),
    bool,
  ),
  IsInf: unary(
    10,
    (x, call) => {
      const [up, down] = [call.int('detect_positive', 1) !== 0, call.int('detect_negative', 1) !== 0];
      if (up && down) return tf.isInf(x);
      const sided = up ? tf.greater(x, 0) : down ? tf.less(x, 0) : tf.zerosLike(tf.cast(x, 'bool'));
      return tf.logicalAnd(tf.isInf(x), sided);
    },
    undefined,
    bool,
  ),
  Where: where,
  // bits, on the host
  BitShift: {
    opsets: [11, 25],
    reads: 'all',
    folds: true,
    run(call) {
      const [a, b] = [call.host(0), call.host(1)];
      const factor = call.string('direction', '') === 'LEFT' ? 1 : -1;
      return Value.host(elementwise(a.dtype, [a, b], (x, y) => Math.floor(x * 2 ** (factor * y))));
    },
  },
  ...Object.fromEntries(
    (
      [
        ['BitwiseAnd', (a, b) => a & b],
        ['BitwiseOr', (a, b) => a | b],
        ['BitwiseXor', (a, b) => a ^ b],
      ] as const satisfies readonly (readonly [string, (a: bigint, b: bigint) => bigint])[]
    ).map(([name, fn]) => [
      name,
      {
        opsets: [18, 25],
        reads: 'all',
        folds: true,
        run: (call: Call) =>
          Value.host(
            elementwise(call.input(0).dtype, [call.host(0), call.host(1)], (a, b) =>
              Number((fn as (a: bigint, b: bigint) => bigint)(BigInt(a), BigInt(b))),
            ),
          ),
      } as const satisfies Rule,
    ]),
  ),
  // activations
  Relu: unary(1, tf.relu, (x) => Math.max(x, 0)),
  LeakyRelu: unary(1, (x, c) => tf.leakyRelu(x, c.float('alpha', 0.01))),
  PRelu: prelu,
  Elu: unary(1, (x, c) => special.elu(x, c.float('alpha', 1))),
  Celu: unary(12, (x, c) => special.celu(x, c.float('alpha', 1))),
  Selu: unary(1, (x, c) =>
    special.selu(x, c.float('alpha', 1.6732632423543772), c.float('gamma', 1.0507009873554805)),
  ),
  Sigmoid: unary(1, tf.sigmoid, (x) => 1 / (1 + Math.exp(-x))),
  HardSigmoid: unary(1, (x, c) => special.hardSigmoid(x, c.float('alpha', 0.2), c.float('beta', 0.5))),
  HardSwish: unary(14, (x) => special.hardSwish(x)),
  Softplus: unary(1, tf.softplus),
  Softsign: unary(1, (x) => tf.div(x, tf.add(tf.abs(x), 1))),
  Mish: unary(18, (x) => tf.mul(x, tf.tanh(tf.softplus(x)))),
  Gelu: unary(20, (x, c) => special.gelu(x, c.string('approximate', 'none') === 'tanh')),
  Swish: unary(24, (x, c) => tf.mul(x, tf.sigmoid(tf.mul(x, c.float('alpha', 1))))),
  ThresholdedRelu: unary(10, (x, c) => tf.mul(x, tf.cast(tf.greater(x, c.float('alpha', 1)), 'float32'))),
  Shrink: unary(9, (x, c) => special.shrink(x, c.float('lambd', 0.5), c.float('bias', 0))),
  Clip: clip,
};
