/** Checks of arguments that the functions share. Each error names the function and the argument. */
import { getBackend, type Tensor } from '@tensorflow/tfjs-core';
import { config } from '../configuration.ts';
import { InvalidArgumentError, ShapeMismatchError } from '../errors.ts';
import { metaMode } from '../meta/mode.ts';
import { valueText } from '../options.ts';
import { shapesEqual } from '../parameter.ts';

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

/** @param axes the names of the axes, e.g. ['N', 'H', 'W', 'C']. */
export function checkRank(where: string, x: Tensor, axes: readonly string[]): void {
  if (config.typeCheck && x.rank !== axes.length) {
    throw new InvalidArgumentError(
      where,
      `a tensor of shape (${axes.join(', ')})`,
      `shape (${x.shape.join(', ')})`,
    );
  }
}

export function checkSameShape(where: string, expected: readonly number[], got: readonly number[]): void {
  if (config.typeCheck && !shapesEqual(expected, got)) throw new ShapeMismatchError(where, expected, got);
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
  if (t.dtype !== 'int32') {
    throw new InvalidArgumentError(
      `${where} labels`,
      'an int32 tensor',
      t.dtype,
      'Cast: tf.cast(t, "int32").',
    );
  }
  checkSameShape(`${where} labels`, x.shape.slice(0, -1), t.shape);
}

/**
 * With `config.debug`: throws on the first label that is neither in 0..classes-1 nor `ignoreLabel`. Needs the values at once,
 * which webgpu cannot give: there nothing is checked.
 */
export function checkLabelRange(where: string, t: Tensor, classes: number, ignoreLabel: number | null): void {
  if (!config.debug || metaMode() !== null || getBackend() === 'webgpu') return;
  for (const [i, label] of t.dataSync().entries()) {
    if (label === ignoreLabel || (label >= 0 && label < classes)) continue;
    throw new InvalidArgumentError(
      `${where} labels`,
      `integers in 0..${classes - 1}${ignoreLabel === null ? '' : `, or ${ignoreLabel} to ignore`}`,
      `${label} at flat index ${i}`,
    );
  }
}
