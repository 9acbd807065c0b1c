/** Kernels that work element by element: they take values in whatever order these are stored. */
import { Float, type NodeAttributes } from '../builder.ts';
import type { GraphType } from '../constant.ts';
import { ELEMENT_TYPES } from '../element-types.ts';
import type { Emitter, Value } from '../emitter.ts';
import { fused } from '../rewrite.ts';
import type { OnnxRule, OnnxRules } from './rule.ts';

/** An operator on the elements of one value; repeated elements stay repeated. */
export function unary(
  e: Emitter,
  x: Value,
  opType: string,
  attrs?: NodeAttributes,
  dtype = x.dtype,
  more: string[] = [],
) {
  const small = { ...x, shape: x.stored };
  return e.made(e.node(opType, [e.at(small, x.order), ...more], attrs), x.shape, dtype, x.order, x.stored);
}

/** An operator on the elements of values that broadcast. */
export function elementwise(
  e: Emitter,
  values: readonly Value[],
  shape: Value['shape'],
  opType: string,
  dtype: GraphType,
): Value {
  const { names, order, stored } = e.broadcast(values, shape);
  return e.made(e.node(opType, names), shape, dtype, order, stored);
}

export const cast = (e: Emitter, x: Value, dtype: GraphType): Value =>
  x.dtype === dtype ? x : unary(e, x, 'Cast', { to: ELEMENT_TYPES[dtype] }, dtype);

const plain =
  (opType: string): OnnxRule =>
  (e, { x }) =>
    unary(e, x!, opType);

const floats =
  (opType: string, attr: string, key: string): OnnxRule =>
  (e, { x }, { attrs }) =>
    unary(e, x!, opType, { [attr]: new Float(e.fixed(key, attrs[key])) });

const test =
  (opType: string): OnnxRule =>
  (e, { x }) =>
    unary(e, x!, opType, {}, 'bool');

const binary =
  (opType: string, dtype?: GraphType): OnnxRule =>
  (e, { a, b }, { outputs: [out] }) =>
    elementwise(e, [a!, b!], out!.shape, opType, dtype ?? a!.dtype);

const number = (e: Emitter, value: number, like: Value) => e.filled(value, [], like.dtype);

const withNumber = (e: Emitter, opType: string, a: Value, b: Value, shape: Value['shape']) =>
  elementwise(e, [a, b], shape, opType, a.dtype);

const clip = (e: Emitter, x: Value, low: number, high: number): Value => {
  const bound = (value: number) => (Number.isFinite(value) ? e.builder.scalar(value, x.dtype) : '');
  return unary(e, x, 'Clip', {}, x.dtype, [bound(low), bound(high)]);
};

export const relu6 = (e: Emitter, x: Value): Value => clip(e, x, 0, 6);

const square: OnnxRule = (e, { x }) => elementwise(e, [x!, x!], x!.shape, 'Mul', x!.dtype);

/** Names alike in tfjs and ONNX, or nearly. */
const oneToOne = {
  Abs: 'Abs',
  Acos: 'Acos',
  Acosh: 'Acosh',
  Asin: 'Asin',
  Asinh: 'Asinh',
  Atan: 'Atan',
  Atanh: 'Atanh',
  Ceil: 'Ceil',
  Cos: 'Cos',
  Cosh: 'Cosh',
  Elu: 'Elu',
  Erf: 'Erf',
  Exp: 'Exp',
  Floor: 'Floor',
  Identity: 'Identity',
  Log: 'Log',
  Neg: 'Neg',
  Reciprocal: 'Reciprocal',
  Relu: 'Relu',
  Round: 'Round',
  Selu: 'Selu',
  Sigmoid: 'Sigmoid',
  Sign: 'Sign',
  Sin: 'Sin',
  Sinh: 'Sinh',
  Softplus: 'Softplus',
  Sqrt: 'Sqrt',
  Tan: 'Tan',
  Tanh: 'Tanh',
} as const;

const pairs = {
  Add: 'Add',
  Sub: 'Sub',
  Multiply: 'Mul',
  RealDiv: 'Div',
  Pow: 'Pow',
  Maximum: 'Max',
  Minimum: 'Min',
} as const;

const comparisons = {
  Equal: 'Equal',
  Less: 'Less',
  LessEqual: 'LessOrEqual',
  Greater: 'Greater',
  GreaterEqual: 'GreaterOrEqual',
  LogicalAnd: 'And',
  LogicalOr: 'Or',
} as const;

const mapped = (names: Readonly<Record<string, string>>, rule: (opType: string) => OnnxRule): OnnxRules =>
  Object.fromEntries(Object.entries(names).map(([kernel, opType]) => [kernel, rule(opType)]));

export const elementwiseRules: OnnxRules = {
  ...mapped(oneToOne, plain),
  ...mapped(pairs, (opType) => binary(opType)),
  ...mapped(comparisons, (opType) => binary(opType, 'bool')),
  NotEqual: (e, { a, b }, { outputs: [out] }) =>
    unary(e, elementwise(e, [a!, b!], out!.shape, 'Equal', 'bool'), 'Not'),
  LogicalNot: plain('Not'),
  IsNan: test('IsNaN'),
  IsInf: test('IsInf'),
  IsFinite: (e, { x }) => {
    const either = [unary(e, x!, 'IsNaN', {}, 'bool'), unary(e, x!, 'IsInf', {}, 'bool')];
    return unary(e, elementwise(e, either, x!.shape, 'Or', 'bool'), 'Not');
  },
  Cast: (e, { x }, { outputs: [out] }) => cast(e, x!, out!.dtype),
  LeakyRelu: floats('LeakyRelu', 'alpha', 'alpha'),
  Relu6: (e, { x }) => relu6(e, x!),
  ClipByValue: (e, { x }, { attrs }) =>
    clip(
      e,
      x!,
      e.fixed('clipValueMin', attrs['clipValueMin']),
      e.fixed('clipValueMax', attrs['clipValueMax']),
    ),
  Rsqrt: (e, { x }) => unary(e, unary(e, x!, 'Sqrt'), 'Reciprocal'),
  Square: square,
  SquaredDifference: (e, { a, b }, { outputs: [out] }) => {
    const d = elementwise(e, [a!, b!], out!.shape, 'Sub', a!.dtype);
    return elementwise(e, [d, d], out!.shape, 'Mul', a!.dtype);
  },
  Expm1: (e, { x }) => withNumber(e, 'Sub', unary(e, x!, 'Exp'), number(e, 1, x!), x!.shape),
  Log1p: (e, { x }) => unary(e, withNumber(e, 'Add', x!, number(e, 1, x!), x!.shape), 'Log'),
  Step: (e, { x }, { attrs, outputs: [out] }) => {
    const positive = elementwise(e, [x!, number(e, 0, x!)], out!.shape, 'Greater', 'bool');
    const alpha = e.fixed('alpha', attrs['alpha'] ?? 0);
    if (alpha === 0) return cast(e, positive, 'float32');
    const values = [number(e, 1, x!), number(e, alpha, x!)];
    return elementwise(e, [positive, ...values], out!.shape, 'Where', 'float32');
  },
  Prelu: (e, { x, alpha }, { outputs: [out] }) => elementwise(e, [x!, alpha!], out!.shape, 'PRelu', x!.dtype),
  Select: (e, { condition, t, e: other }, { outputs: [out] }) =>
    elementwise(e, [condition!, t!, other!], out!.shape, 'Where', t!.dtype),
  AddN: (e, inputs, { outputs: [out] }) =>
    elementwise(e, Object.values(inputs), out!.shape, 'Sum', out!.dtype),
  FloorDiv: (e, { a, b }, { outputs: [out] }) => {
    // ONNX divides integers towards zero; tfjs, as Python, towards minus infinity.
    const [x, y] = [cast(e, a!, 'float32'), cast(e, b!, 'float32')];
    const quotient = unary(e, elementwise(e, [x, y], out!.shape, 'Div', 'float32'), 'Floor');
    return cast(e, quotient, out!.dtype);
  },
  Mod: (e, { a, b }, { outputs: [out] }) => {
    if (a!.dtype !== 'float32') return elementwise(e, [a!, b!], out!.shape, 'Mod', a!.dtype);
    const quotient = unary(e, elementwise(e, [a!, b!], out!.shape, 'Div', 'float32'), 'Floor');
    const product = elementwise(e, [quotient, b!], out!.shape, 'Mul', 'float32');
    return elementwise(e, [a!, product], out!.shape, 'Sub', 'float32');
  },
  [fused.elu]: floats('Elu', 'alpha', 'alpha'),
  [fused.hardSigmoid]: (e, { x }, { attrs }) =>
    unary(e, x!, 'HardSigmoid', {
      alpha: new Float(e.fixed('alpha', attrs['alpha'])),
      beta: new Float(e.fixed('beta', attrs['beta'])),
    }),
};
