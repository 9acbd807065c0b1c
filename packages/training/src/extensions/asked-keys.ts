import { nearestName } from '@chaingrad/core';

/**
 * The names of values that a report is asked for. One that resembles a value of the first entry is misspelt, and warned of at once; one
 * that no entry has had is warned of at the end: values may come late, as those of a rare evaluation do.
 */
export class AskedKeys {
  readonly #where: string;
  readonly #missing: Set<string>;
  readonly #known = new Set<string>();

  constructor(where: string, asked: Iterable<string>) {
    this.#where = where;
    this.#missing = new Set(asked);
  }

  /** Takes the names that an entry has. */
  see(names: Iterable<string>): void {
    const first = this.#known.size === 0;
    for (const name of names) {
      this.#known.add(name);
      this.#missing.delete(name);
    }
    if (!first) return;
    for (const key of this.#missing) {
      const nearest = nearestName(key, [...this.#known]);
      if (nearest === null) continue;
      this.#missing.delete(key);
      console.warn(
        `${this.#where}: expected a value '${key}', got none in the first entry. Did you mean '${nearest}'?`,
      );
    }
  }

  /** At the end of the training. */
  finish(): void {
    if (this.#known.size === 0) return;
    for (const key of this.#missing) {
      const known = [...this.#known].join(', ');
      console.warn(
        `${this.#where}: expected a value '${key}', got none in the whole training. There were ${known}.`,
      );
    }
    this.#missing.clear();
  }
}
