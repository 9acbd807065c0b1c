import type { Serializable } from './serial-entry.ts';

/** How an array of another framework becomes one of ours: looked at in another shape, its axes permuted, flipped, scaled. */
export interface ArrayPlan {
  /** The shape that the array is looked at with: its own, or a finer division of it. */
  readonly view: readonly number[];
  /** The axes of the view in our order. */
  readonly order: readonly number[];
  /** Our shape. */
  readonly shape: readonly number[];
  /** An axis of the view that is reversed (BGR for RGB). */
  readonly flip?: number;
  /** Factors by the position along an axis of the view. */
  readonly scale?: { readonly axis: number; readonly factors: readonly number[] };
}

/** Gives the plan for a shape; null where it cannot be the right array. */
export type ArrayTransform = (shape: readonly number[]) => ArrayPlan | null;

/** A name in the file, or a pattern that one of its names fits. */
export type MappedFrom = string | RegExp;

/** Where one of our values comes from. */
export interface MappedName {
  /** The name in the file, or a pattern of it; several, where writers differ. */
  readonly from: MappedFrom | readonly MappedFrom[];
  readonly transform?: ArrayTransform;
  /** The shape that the file has for a shape of ours: what has a transform is written only where this is told. */
  readonly fileShape?: (shape: readonly number[]) => readonly number[];
}

/**
 * How another framework's names and layouts become ours.
 *
 * A map makes our model compute what theirs did on images as ours takes them (RGB, 0..255, minus the model's mean): so it
 * also moves what their pictures went through beforehand into the first layer.
 */
export interface NameMap {
  /** Of which model the file is, for messages. */
  readonly title: string;
  /** By our keys, e.g. `conv1_1/conv/W`. */
  readonly names: Readonly<Record<string, MappedName>>;
  /** Names of the file that have no counterpart, e.g. counters. */
  readonly unused?: RegExp;
  /** Keys of ours that such files lack: they keep their values. */
  readonly absent?: RegExp;
  /** The mean (RGB, 0..255) that the model must subtract for it, where that is part of the map. */
  readonly mean?: readonly [red: number, green: number, blue: number];
}

/** A map, or what makes one for a model. */
export type NameMapFor = NameMap | ((target: Serializable) => NameMap);

/** Where a value of ours comes from: under its own key, where there is no map. `constructor` is a key as any other. */
export function mappedName(map: NameMap | undefined, key: string): MappedName | undefined {
  if (map === undefined) return { from: key };
  return Object.hasOwn(map.names, key) ? map.names[key] : undefined;
}
