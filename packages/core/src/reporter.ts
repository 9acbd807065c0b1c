/** Values that links tell whoever listens (Chainer's `Reporter`). */
import * as tf from '@tensorflow/tfjs-core';
import { DuplicateNameError, InvalidArgumentError } from './errors.ts';
import { keepClone } from './parameter.ts';

/** Values by name, without the observer's prefix. */
export type ReportedValues = Readonly<Record<string, number | tf.Tensor>>;

/** What is reported: values, or a synchronous function that makes them, after which the tensors that it made are freed. */
export type Reported = ReportedValues | (() => ReportedValues);

/** Reported values by name. Scalar tensors are the observation's: read them with `readObservation`, or dispose them. */
export type Observation = Map<string, number | tf.Tensor>;

let current: Reporter | null = null;

/** Collects reports under the names of the objects that make them. */
export class Reporter {
  readonly #observers = new Map<object, string>();
  #observation: Observation = new Map();

  addObserver(name: string, observer: object): void {
    if ([...this.#observers.values()].includes(name))
      throw new DuplicateNameError('Reporter.addObserver', name);
    this.#observers.set(observer, name);
  }

  /** Registers `pairs` (e.g. `model.namedlinks(true)`) under `prefix` + path. */
  addObservers(prefix: string, pairs: Iterable<readonly [string, object]>): void {
    for (const [name, observer] of pairs) this.#observers.set(observer, prefix + name);
  }

  /** Makes this reporter the current one while the synchronous `fn` runs, and collects into `observation`. */
  scope<R>(observation: Observation, fn: () => R): R {
    const [outer, outerObservation] = [current, this.#observation];
    current = this;
    this.#observation = observation;
    try {
      return fn();
    } finally {
      current = outer;
      this.#observation = outerObservation;
    }
  }

  /** As the function `report`, to this reporter. @throws InvalidArgumentError for an observer that was not added. */
  report(values: Reported, observer?: object): void {
    tf.tidy(() => this.#report(typeof values === 'function' ? values() : values, observer));
  }

  #report(values: ReportedValues, observer?: object): void {
    let prefix = '';
    if (observer !== undefined) {
      const name = this.#observers.get(observer);
      if (name === undefined) {
        throw new InvalidArgumentError(
          'report',
          'a registered observer',
          observer.constructor.name,
          'Call addObserver first.',
        );
      }
      prefix = `${name}/`;
    }
    for (const [key, value] of Object.entries(values)) {
      const old = this.#observation.get(prefix + key);
      if (old instanceof tf.Tensor) old.dispose();
      this.#observation.set(prefix + key, value instanceof tf.Tensor ? keepClone(value) : value);
    }
  }
}

/**
 * Reports to the current reporter; without one, nothing happens.
 *
 * Tensors stay whose they are: the reporter keeps references of its own to the data, and frees those when the observation has
 * been read. What is made for the report alone is made by a function, after which it is freed. (Inside of `forward`, where
 * everything is freed, there is no difference.)
 *
 * ```ts
 * report({ loss }, this);
 * report(() => ({ norm: sqrt(sum(square(y))) }), this);
 * ```
 */
export function report(values: Reported, observer?: object): void {
  current?.report(values, observer);
}

/** Reads every value as a number and frees the tensors. */
export async function readObservation(observation: Observation): Promise<Map<string, number>> {
  const entries = await Promise.all(
    [...observation].map(async ([key, value]): Promise<[string, number]> => {
      if (typeof value === 'number') return [key, value];
      const data = await value.data();
      value.dispose();
      return [key, data[0]!];
    }),
  );
  return new Map(entries);
}
