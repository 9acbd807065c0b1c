/** Where an iterator over indices stands, and where the next batch takes it. */
import type { SerialEntry } from '@chaingrad/core';
import { InvalidArgumentError } from '@chaingrad/core';
import { flagEntry, integerEntry, numberEntry } from '../state-entries.ts';

/** A place between two batches. */
export interface Place {
  readonly position: number;
  readonly epoch: number;
  readonly isNewEpoch: boolean;
  /** Null before the first batch. */
  readonly previousEpochDetail: number | null;
  /** The order of the present epoch; null: the dataset's own. */
  readonly order: Int32Array | null;
}

/** One example of a batch. */
export interface Pick {
  readonly index: number;
  /** The epoch in whose order it comes. */
  readonly epoch: number;
}

/** How an iterator goes on. */
export interface Course {
  /** Examples an epoch. */
  readonly size: number;
  readonly batchSize: number;
  readonly repeat: boolean;
  /** The order of the next epoch, from the present one and the position in it. */
  nextOrder(order: Int32Array | null, position: number, epoch: number): Int32Array | null;
}

export const epochDetailOf = ({ epoch, position }: Place, size: number): number =>
  size === 0 ? epoch : epoch + position / size;

/**
 * The next batch and the place behind it; null where nothing is left. With `repeat` a batch that crosses the end is
 * filled up from the next epoch's order; without, the last batch is short.
 */
export function advance(place: Place, course: Course): { place: Place; picks: Pick[] } | null {
  const { size, batchSize, repeat } = course;
  if (!repeat && (place.epoch > 0 || size === 0)) return null;
  let { position, epoch, order } = place;
  let isNewEpoch = false;
  const picks: Pick[] = [];
  while (picks.length < batchSize) {
    picks.push({ index: order === null ? position : order[position]!, epoch });
    position++;
    if (position < size) continue;
    if (repeat) order = course.nextOrder(order, place.position, epoch + 1);
    position = 0;
    epoch++;
    isNewEpoch = true;
    if (!repeat) break;
  }
  const previousEpochDetail = epochDetailOf(place, size);
  return { place: { position, epoch, isNewEpoch, previousEpochDetail, order }, picks };
}

/** Chainer's keys of a place. `owner.place` is replaced entry by entry. */
export function* placeEntries(prefix: string, owner: { place: Place }): Generator<SerialEntry> {
  const set = (change: Partial<Place>) => {
    owner.place = { ...owner.place, ...change };
  };
  yield integerEntry(
    `${prefix}current_position`,
    () => owner.place.position,
    (position) => set({ position }),
  );
  yield integerEntry(
    `${prefix}epoch`,
    () => owner.place.epoch,
    (epoch) => set({ epoch }),
  );
  yield flagEntry(
    `${prefix}is_new_epoch`,
    () => owner.place.isNewEpoch,
    (isNewEpoch) => set({ isNewEpoch }),
  );
  // Chainer's own sign of "none yet".
  yield numberEntry(
    `${prefix}previous_epoch_detail`,
    () => owner.place.previousEpochDetail ?? -1,
    (value) => set({ previousEpochDetail: value < 0 ? null : value }),
  );
}

/** @throws InvalidArgumentError unless it is a positive integer. */
export function checkBatchSize(where: string, batchSize: number): void {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new InvalidArgumentError(`${where} batchSize`, 'an integer of 1 or more', batchSize);
  }
}

/** @throws InvalidArgumentError for a repeating iterator over nothing, which would never end. */
export function checkNotEmpty(where: string, size: number, repeat: boolean): void {
  if (repeat && size === 0) {
    throw new InvalidArgumentError(where, 'a dataset with examples', 'an empty one', 'Pass repeat: false.');
  }
}
