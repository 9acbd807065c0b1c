/** Checks of arguments that the functions share. Each error names the function and the argument. */
import { DisposedTensorError } from '@chaingrad/kernels';
import { Tensor } from '@tensorflow/tfjs-core';
import { config } from '../configuration.ts';
import { InvalidArgumentError, ShapeMismatchError } from '../errors.ts';
import { metaMode } from '../meta/mode.ts';
import { valueText } from '../options.ts';
import { shapesEqual } from '../parameter.ts';
import { inLink } from '../running.ts';
import { hostValues } from '../tfjs-internals.ts';
import { checkLater } from './late-checks.ts';

/** One number for both directions, or (y, x). */
export type IntOrPair = number | readonly [y: number, x: number];

/** One axis or several; negative ones count from the end. */
export type Axes = number | readonly number[];

export function toPair(where: string, value: IntOrPair, least: number): [y: number, x: number] {
  const pair: readonly unknown[] = Array.isArray(value) ? value : [value, value];
  if (pair.length !== 2 || !pair.every((n) => Number.isInteger(n) && (n as number) >= least)) {
    throw new InvalidArgumentError(
      where,
      `an integer of at least ${least}, or a pair (y, x) of them`,
      valueText(value),
    );
  }
  return [...pair] as [number, number];
}

export function checkInteger(where: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new InvalidArgumentError(where, `an integer of at least ${least}`, valueText(value));
  }
}

/** The axes of images and maps. */
export const nhwc = ['N', 'H', 'W', 'C'] as const;

/** A tensor, or one that is to be. */
export interface Shaped {
  readonly shape: readonly number[];
}

const shapeText = (shape: readonly unknown[]): string => `(${shape.join(', ')})`;

/** What stands in the place of a tensor, and what to do about it. */
function notATensor(x: unknown, dtype: string): [got: string, advice: string] {
  if (x instanceof Promise) return ['a promise', 'Await it first.'];
  if (Array.isArray(x) || ArrayBuffer.isView(x)) {
    const kind = Array.isArray(x) ? 'an array' : `a ${x.constructor.name}`;
    return [kind, `Make a tensor of it: tensor(values, shape, '${dtype}').`];
  }
  if (typeof x === 'object' && x !== null && 'data' in x) {
    const advice =
      "Give the pixels to the model's predict(), or make a tensor of them: tensor(data, [1, height, width, channels], 'float32').";
    return [valueText(x), advice];
  }
  const advice = 'Is an argument of call() missing, or the return of a forward()?';
  return [valueText(x), x === undefined ? advice : ''];
}

/**
 * Throws unless x is a tensor that lives, of the given axes.
 * @param axes their names, e.g. ['N', 'H', 'W', 'C']; any unless given.
 * @param dtype for advice.
 */
export function checkTensor(
  where: string,
  x: Tensor,
  axes: readonly string[] | null = null,
  dtype = 'float32',
): void {
  if (!config.typeCheck) return;
  const expected = axes === null ? 'a tensor' : `a tensor of shape ${shapeText(axes)}`;
  if (!(x instanceof Tensor)) {
    const [got, advice] = notATensor(x, dtype);
    throw new InvalidArgumentError(inLink(where), expected, got, advice);
  }
  checkAlive(where, x);
  if (axes === null || x.rank === axes.length) return;
  const single = axes[0] === 'N' && x.rank === axes.length - 1;
  throw new InvalidArgumentError(
    inLink(where),
    expected,
    `shape ${shapeText(x.shape)}`,
    single ? 'A single one needs a batch axis: expandDims(x, 0).' : '',
  );
}

function checkAlive(where: string, x: Tensor): void {
  if (!x.isDisposed) return;
  // What freed it may have left a better message.
  x.throwIfDisposed === Tensor.prototype.throwIfDisposed || x.throwIfDisposed();
  throw new DisposedTensorError(inLink(where), `one of shape ${shapeText(x.shape)} that was disposed`);
}

/** `checkTensor`, of float32: the values of images and activations, which kernels would take integers for. */
export function checkFloats(where: string, x: Tensor, axes: readonly string[] | null = null): void {
  checkTensor(where, x, axes);
  if (!config.typeCheck || x.dtype === 'float32') return;
  throw new InvalidArgumentError(
    inLink(where),
    'a float32 tensor',
    `${x.dtype} of shape ${shapeText(x.shape)}`,
    "Cast it: cast(x, 'float32').",
  );
}

/** Integers: labels, ids, positions. */
export function checkIntegers(where: string, t: Tensor): void {
  checkTensor(where, t, null, 'int32');
  if (!config.typeCheck || t.dtype === 'int32') return;
  throw new InvalidArgumentError(
    inLink(where),
    'an int32 tensor',
    `${t.dtype} of shape ${shapeText(t.shape)}`,
    "Cast it: cast(t, 'int32').",
  );
}

/** `checkTensor` of so many axes. @param axes the names of the axes, e.g. ['N', 'H', 'W', 'C']. */
export const checkRank = (where: string, x: Tensor, axes: readonly string[]): void =>
  checkTensor(where, x, axes);

/**
 * What to say of an input whose channels do not fit.
 * @param x channels last.
 * @param takes the number of channels that fits.
 */
export function channelsAdvice(x: Shaped, takes: number): string {
  const said = `The input has ${x.shape.at(-1)} channels (shape ${shapeText(x.shape)}, channels last), the filter takes ${takes}.`;
  if (x.shape.length < 3 || x.shape[1] !== takes) return said;
  return `${said} ${channelsFirstAdvice(x)}`;
}

/** What to do where the channels are the second axis: for any number of axes. */
function channelsFirstAdvice(x: Shaped): string {
  const order = [0, ...x.shape.slice(2).map((_, i) => i + 2), 1];
  return `Are its channels first? They are last here: transpose(x, [${order.join(', ')}]).`;
}

/**
 * Warns where a lazy link finds its in-channels, and the input looks as if they were its second axis: (N, 3, H, W).
 * @param path of the parameter that gets its shape.
 */
export function warnOfChannelsFirst(path: string, x: Tensor): void {
  const [, first, ...rest] = x.shape;
  if (!config.typeCheck || rest.length < 2 || !(first! <= 4) || Math.min(...rest) < 8) return;
  if (first !== 3 && new Set(rest).size > 1) return;
  console.warn(
    `${path}: the input of shape ${shapeText(x.shape)} is taken for one of ${rest.at(-1)} channels. ${channelsFirstAdvice(x)}`,
  );
}

export function checkSameShape(where: string, expected: readonly number[], got: readonly number[]): void {
  if (config.typeCheck && !shapesEqual(expected, got))
    throw new ShapeMismatchError(inLink(where), expected, got);
}

export function checkOneOf<T extends string>(where: string, value: T, allowed: readonly T[]): void {
  if (!allowed.includes(value)) {
    throw new InvalidArgumentError(where, allowed.map(valueText).join(' | '), valueText(value));
  }
}

/** The axis as a number in 0..rank-1. */
export function resolveAxis(where: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new InvalidArgumentError(`${where} axis`, `an integer in ${-rank}..${rank - 1}`, axis);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Distinct axes in ascending order. */
export function resolveAxes(where: string, axes: Axes, rank: number): number[] {
  const list = [axes].flat().map((axis: number) => resolveAxis(where, axis, rank));
  if (new Set(list).size !== list.length)
    throw new InvalidArgumentError(`${where} axis`, 'distinct axes', valueText(axes));
  return list.sort((a, b) => a - b);
}

/** Labels: integers, one for each row of x (its shape without the last axis). */
export function checkLabels(where: string, x: Tensor, t: Tensor): void {
  if (!config.typeCheck) return;
  checkTensor(`${where} x`, x);
  checkIntegers(`${where} labels`, t);
  const expected = x.shape.slice(0, -1);
  if (shapesEqual(expected, t.shape)) return;
  const oneHot = shapesEqual(x.shape, t.shape);
  throw new ShapeMismatchError(
    inLink(`${where} labels`),
    expected,
    t.shape,
    `x has shape ${shapeText(x.shape)}, its last axis are the classes.${oneHot ? ' Of one-hot labels take the numbers: argMax(t, -1).' : ''}`,
  );
}

/**
 * Throws on the first label that is neither in 0..classes-1 nor `ignoreLabel`. On a GPU labels are read at once only while they
 * still are in the machine's memory too; else they are read in the first step, and in each with `config.debug`, and the error
 * is thrown by a later step.
 */
export function checkLabelRange(
  where: string,
  t: Tensor,
  classes: number,
  ignoreLabel: number | null,
  what = 'labels',
): void {
  if (!config.typeCheck || metaMode() !== null) return;
  const place = inLink(`${where} ${what}`);
  const check = (values: ArrayLike<number>) => {
    for (let i = 0; i < values.length; i++) {
      const label = values[i]!;
      if ((label >= 0 && label < classes) || label === ignoreLabel) continue;
      throw new InvalidArgumentError(
        place,
        `integers in 0..${classes - 1}${ignoreLabel === null ? '' : `, or ${ignoreLabel} to ignore`}`,
        `${label} at flat index ${i} of shape ${shapeText(t.shape)}`,
      );
    }
  };
  const values = hostValues(t);
  if (values !== null) check(values);
  else checkLater(place, t, check);
}
