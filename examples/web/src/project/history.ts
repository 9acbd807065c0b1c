/** What was before and after: undo and redo of values that do not change. */

const MOST = 200;

export class History<T> {
  #past: T[] = [];
  #present: T;
  #future: T[] = [];
  #kind: string | null = null;

  constructor(present: T) {
    this.#present = present;
  }

  get present(): T {
    return this.#present;
  }

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  /** @param kind changes of one kind that follow each other, as arrow keys, are one to undo. */
  push(next: T, kind: string | null = null): void {
    if (next === this.#present) return;
    if (kind === null || kind !== this.#kind) this.#past = [...this.#past, this.#present].slice(-MOST);
    this.#kind = kind;
    this.#present = next;
    this.#future = [];
  }

  undo(): boolean {
    const previous = this.#past.pop();
    if (previous === undefined) return false;
    this.#future.push(this.#present);
    this.#present = previous;
    this.#kind = null;
    return true;
  }

  redo(): boolean {
    const next = this.#future.pop();
    if (next === undefined) return false;
    this.#past.push(this.#present);
    this.#present = next;
    this.#kind = null;
    return true;
  }
}
