import * as tf from '@tensorflow/tfjs-core';
import { DisposedError } from './errors.ts';
import { keepClone, type Owner } from './parameter.ts';
import type { Saved } from './undo.ts';

/** What a persistent can hold. */
export type PersistentValue = tf.Tensor | number | string | boolean | null;

/**
 * A value that is saved and copied with a link but not trained, e.g. running statistics
 * (Chainer's `register_persistent`). Tensors are owned: assigned ones are cloned, the old one is freed.
 */
export class Persistent<T extends PersistentValue = PersistentValue> {
  name: string | null = null;
  #value: T;
  #disposed = false;
  #owner: Owner | null = null;

  constructor(value: T) {
    this.#value = own(value);
  }

  /** The full path as last seen from the root, e.g. `/bn/avg_mean`. */
  get path(): string {
    return `${this.#owner?.path ?? ''}/${this.name ?? '(unnamed persistent)'}`;
  }

  /** Called by the link that holds this value when it is traversed. */
  attach(name: string, owner: Owner): void {
    this.name = name;
    this.#owner = owner;
  }

  /** The value; a tensor stays this object's. */
  get value(): T {
    if (this.#disposed) throw new DisposedError(this.path);
    return this.#value;
  }

  set value(value: T) {
    const old = this.value;
    this.#value = own(value);
    if (old instanceof tf.Tensor) old.dispose();
  }

  /** Keeps the value, so that it can be put back. */
  save(): Saved {
    const held = own(this.value);
    const dispose = (value: T) => {
      if (value instanceof tf.Tensor) value.dispose();
    };
    return {
      restore: () => {
        dispose(this.#value);
        this.#value = held;
      },
      release: () => dispose(held),
    };
  }

  /** An independent copy. */
  clone(): Persistent<T> {
    return new Persistent<T>(this.value);
  }

  dispose(): void {
    if (!this.#disposed && this.#value instanceof tf.Tensor) this.#value.dispose();
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function own<T extends PersistentValue>(value: T): T {
  return value instanceof tf.Tensor ? (keepClone(value) as T) : value;
}
