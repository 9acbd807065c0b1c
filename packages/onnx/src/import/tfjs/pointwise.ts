/** Operators element by element, and those that take axes together. */
import { UnsupportedForm } from '../errors.ts';
import { slopeOf } from './layers.ts';
import type { Translation, TranslationTable } from './operators.ts';
import type { AttributeValue, Translator } from './translator.ts';

type More = (t: Translator, node: Parameters<Translation>[1]) => Readonly<Record<string, AttributeValue>>;

/** An operator of one input; behind a convolution its channels stay second, so that both can be one kernel. */
function each(fn: (t: Translator, x: string, node: Parameters<Translation>[1]) => string): Translation {
  return (t, node) => {
    const x = t.ref(0);
    if (t.isPicture(x)) t.alias(fn(t, t.picture(x), node));
    else t.is(fn(t, t.plain(x), node));
  };
}

const unary = (op: string, more: More = () => ({})): Translation =>
  each((t, x, node) => t.emit(op, [x], more(t, node)));

/** An operator of as many inputs as the node has, all as TensorFlow has them. */
const plain =
  (op: string, more: More = () => ({})): Translation =>
  (t, node) =>
    t.give(op, t.plains(), more(t, node));

const pass: Translation = (t) => t.pass(t.ref(0));

/** Two operators, one behind the other. */
const then =
  (first: string, second: string): Translation =>
  (t) =>
    t.give(second, [t.emit(first, t.plains())]);

const clip: Translation = (t, { inputs }) => {
  const bounds = inputs.slice(1).map((ref) => t.plain(ref));
  const x = t.ref(0);
  if (t.isPicture(x)) t.givePicture('Clip', [t.picture(x), ...bounds]);
  else t.give('Clip', [t.plain(x), ...bounds]);
};

/** Minimum and Maximum with a single number are one half of a Clip. */
const bound =
  (op: 'Min' | 'Max'): Translation =>
  (t, { inputs }) => {
    const numbers = inputs
      .map((ref) => t.constant(ref))
      .map((array) => (array?.shape.length === 0 ? array : null));
    const at = numbers.findIndex((array) => array?.dtype === 'float32');
    const other = inputs[1 - at];
    if (at < 0 || other === undefined) {
      t.give(op, t.plains());
      return;
    }
    const value = numbers[at]!.data[0]!;
    const [low, high] = op === 'Min' ? [Number.NEGATIVE_INFINITY, value] : [value, Number.POSITIVE_INFINITY];
    if (t.addBounds(other, low, high)) return;
    const name = t.plain(inputs[at]!);
    const bounds = op === 'Min' ? ['', name] : [name];
    if (t.isPicture(other)) t.givePicture('Clip', [t.picture(other), ...bounds]);
    else t.give('Clip', [t.plain(other), ...bounds]);
  };

const prelu: Translation = (t, { inputs }) => {
  const [x, slope] = [t.ref(0), t.ref(1)];
  const rank = t.constant(slope)?.shape.length ?? 0;
  if (inputs.length === 2 && (rank === 3 || (rank === 1 && t.isPicture(x))))
    t.givePicture('PRelu', [t.picture(x), slopeOf(t, slope)]);
  else t.give('tf.Prelu', t.plains());
};

const reduction = (op: string): Translation =>
  plain(op, (_, { attributes }) => ({
    keepdims: attributes.flag('keep_dims') ? 1 : 0,
    // No axes: nothing is taken together.
    noop_with_empty_axes: 1,
  }));

const arg =
  (op: string): Translation =>
  (t) => {
    const [axis = 0] = t.numbers(1, 'axes');
    t.give(op, [t.plain(t.ref(0))], { axis, keepdims: 0 });
  };

const topK: Translation = (t, { attributes, inputs }) => {
  const k = inputs.length > 1 ? t.plain(t.ref(1)) : t.integers([attributes.number('k', 1)]);
  t.give('TopK', [t.plain(t.ref(0)), k], {}, 2);
};

const cumulative: Translation = (t, { attributes }) =>
  t.give('CumSum', t.plains(), {
    exclusive: attributes.flag('exclusive') ? 1 : 0,
    reverse: attributes.flag('reverse') ? 1 : 0,
  });

const select: Translation = (t) => t.give('Where', t.plains());

const squaredDifference: Translation = (t) => {
  const difference = t.emit('Sub', t.plains());
  t.give('Mul', [difference, difference]);
};

const cast: Translation = (t, { attributes }) =>
  t.give('Cast', [t.plain(t.ref(0))], { to: attributes.dtype('DstT', 'float32') });

/** A sum with a vector of constants behind a layer without a bias is its bias. */
const add: Translation = (t, { attributes, inputs }) => {
  if (attributes.text('data_format', 'NHWC').startsWith('NC'))
    throw new UnsupportedForm('BiasAdd of pictures (N, C, H, W).');
  const [a, b] = inputs;
  if (a === undefined || b === undefined || !(t.addBias(a, b) || t.addBias(b, a))) t.give('Add', t.plains());
};

/** Operators under the same name, or another one. */
const named = (
  names: Readonly<Record<string, string>>,
  make: (op: string) => Translation,
): TranslationTable => Object.fromEntries(Object.entries(names).map(([tf, onnx]) => [tf, make(onnx)]));

const same = (list: string): Record<string, string> =>
  Object.fromEntries(list.split(' ').map((op) => [op, op]));

export const pointwiseOperators: Readonly<Record<string, TranslationTable>> = {
  Elementwise: {
    ...named({ ...same('Sub Mul Pow Equal Less Greater Div'), AddN: 'Sum', RealDiv: 'Div' }, plain),
    ...named(
      { LessEqual: 'LessOrEqual', GreaterEqual: 'GreaterOrEqual', FloorMod: 'Mod', Mod: 'Mod' },
      plain,
    ),
    ...named({ LogicalAnd: 'And', LogicalOr: 'Or', LogicalNot: 'Not' }, plain),
    ...named(same('DivNoNan FloorDiv Atan2 Expm1 Log1p IsFinite'), (op) => plain(`tf.${op}`)),
    Add: add,
    AddV2: add,
    BiasAdd: add,
    Minimum: bound('Min'),
    Maximum: bound('Max'),
    NotEqual: then('Equal', 'Not'),
    Rsqrt: then('Sqrt', 'Reciprocal'),
    Square: (t) => t.give('Mul', [t.plain(t.ref(0)), t.plain(t.ref(0))]),
    SquaredDifference: squaredDifference,
    ...named(
      {
        ...same('Abs Neg Exp Log Sqrt Sign Floor Ceil Round Reciprocal Erf Sigmoid Tanh Softplus'),
        ...same('Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Relu Elu Selu'),
        IsNan: 'IsNaN',
        IsInf: 'IsInf',
      },
      unary,
    ),
    Relu6: each((t, x) => t.emit('Clip', [x, t.float(0), t.float(6)])),
    LeakyRelu: unary('LeakyRelu', (_, { attributes }) => ({ alpha: attributes.number('alpha', 0.2) })),
    Prelu: prelu,
    ClipByValue: clip,
    Select: select,
    SelectV2: select,
    Cast: cast,
    ...named({ Identity: '', StopGradient: '', Snapshot: '', PlaceholderWithDefault: '' }, () => pass),
    IdentityN: (t, { inputs }) => {
      inputs.forEach((ref, i) => {
        t.pass(ref, i);
      });
    },
  },
  Reductions: {
    ...named(
      { Sum: 'ReduceSum', Mean: 'ReduceMean', Max: 'ReduceMax', Min: 'ReduceMin', Prod: 'ReduceProd' },
      reduction,
    ),
    ...named({ All: 'tf.All', Any: 'tf.Any' }, reduction),
    ArgMax: arg('ArgMax'),
    ArgMin: arg('ArgMin'),
    ...named(same('Softmax LogSoftmax'), plain),
    TopK: topK,
    TopKV2: topK,
    Cumsum: cumulative,
  },
};
