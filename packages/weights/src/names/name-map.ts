import type { ArrayTransform } from './transform.ts';

/** Where one of our values comes from. */
export interface MappedName {
  /** The name in the file; several, where writers differ. */
  readonly from: string | readonly string[];
  readonly transform?: ArrayTransform;
}

/**
 * How another framework's names and layouts become ours.
 *
 * A map makes our model compute what theirs did on images as ours takes them (RGB, 0..255, minus the model's mean): so it
 * also moves what their pictures went through beforehand into the first layer.
 */
export interface NameMap {
  /** Of which model the file is. */
  readonly title: string;
  /** By our keys, e.g. `conv1_1/conv/W`. */
  readonly names: Readonly<Record<string, MappedName>>;
  /** Names of the file that have no counterpart, e.g. counters. */
  readonly unused?: RegExp;
  /** The mean (RGB, 0..255) that the model must subtract for it, where that is part of the map. */
  readonly mean?: readonly [red: number, green: number, blue: number];
}
