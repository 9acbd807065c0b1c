import * as tf from '@tensorflow/tfjs-core';
import {
  DisposedError,
  HiddenPartError,
  InvalidArgumentError,
  ShapeMismatchError,
  UninitializedParameterError,
} from './errors.ts';
import { Initializer, type InitializerLike, NotANumber, type Shape, toInitializer } from './initializers.ts';
import { metaMode } from './meta/mode.ts';
import type { UpdateRule } from './optimizer/update-rule.ts';
import { linkText, runningLink } from './running.ts';
import { hold, type Saved } from './undo.ts';

/** The storage of a parameter. Share-copies hold the same one, so initializing one initializes the other. */
interface Cell {
  tensor: tf.Tensor | null;
  disposed: boolean;
}

/** True while models are made whose values come from a file. */
let postponed = false;

/**
 * Runs the synchronous `make`, in which new parameters know their shapes but draw no values: they come from a file, and what
 * the file lacks is drawn by `model.initialize(...)`.
 */
export function withoutValues<R>(make: () => R): R {
  const before = postponed;
  postponed = true;
  try {
    return make();
  } finally {
    postponed = before;
  }
}

/** What holds parameters and persistents, and tells them the path they are shown under in messages. */
export interface Owner {
  readonly path: string;
  attachFields(): unknown;
}

/** A shape of which some dimensions are still open (null). */
export type PartialShape = readonly (number | null)[];

const isComplete = (shape: PartialShape): shape is Shape => !shape.includes(null);

const fits = (shape: Shape, partial: PartialShape): boolean =>
  shape.length === partial.length && partial.every((n, i) => n === null || n === shape[i]);

export const shapesEqual = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

const isTensor = (value: unknown): value is tf.Tensor => value instanceof tf.Tensor;

/** A clone (same data) that lives until it is disposed by hand, whatever tidy it was made in. */
export function keepClone(tensor: tf.Tensor): tf.Tensor {
  return tf.keep(tf.clone(tensor));
}

function checkFloat(where: string, values: tf.Tensor): void {
  if (values.dtype !== 'float32') {
    throw new InvalidArgumentError(
      where,
      'a float32 tensor',
      values.dtype,
      'Cast it first: tf.cast(x, "float32").',
    );
  }
}

/**
 * A trainable array: its values, its gradient and how it is updated (Chainer's `Parameter`).
 *
 * A parameter without a shape is *uninitialized*; it gets its shape at the first forward pass, from a file, or by
 * `initialize(shape)`. It owns its tensors: what is assigned is cloned (same data), what is read stays the
 * parameter's and must not be disposed by the reader.
 */
export class Parameter {
  /** The last segment of the path: the field's name in the link that holds it. */
  name: string | null;
  /** Set by `optimizer.setup`; null before. */
  updateRule: UpdateRule | null = null;
  /** A frozen parameter is left out of the tape and never updated. Survives `optimizer.setup`. */
  frozen = false;

  #initializer: Initializer | null;
  #cell: Cell;
  #partialShape: PartialShape | null = null;
  #grad: tf.Tensor | null = null;
  #owner: Owner | null = null;

  /**
   * @param initializer a number fills, a tensor or an array gives the values; without it NaN, so that use before
   *   setting is visible.
   * @param shape without it the parameter stays uninitialized, unless the initializer is a tensor or an array. Open
   *   dimensions (null) leave it uninitialized too, and refuse values of another shape: `[64, null, 3, 3]`.
   */
  constructor(initializer?: InitializerLike | null, shape?: PartialShape | null, name: string | null = null) {
    this.name = name;
    this.#cell = { tensor: null, disposed: false };
    const given = initializer ?? new NotANumber();
    const draws = given instanceof Initializer || typeof given === 'number';
    this.#initializer = draws ? toInitializer(given) : null;

    if (!draws) {
      if (shape && !isComplete(shape)) {
        throw new InvalidArgumentError(
          this.path,
          'a complete shape beside given values',
          `(${shape.join(', ')})`,
        );
      }
      if (isTensor(given)) {
        if (shape && !shapesEqual(shape, given.shape)) {
          throw new ShapeMismatchError(this.path, shape, given.shape);
        }
        checkFloat(this.path, given);
        this.#cell.tensor = keepClone(given);
      } else {
        const target = shape ?? [given.length];
        this.#cell.tensor = tf.keep(tf.tensor(toInitializer(given).generate(target), [...target], 'float32'));
      }
    } else if (shape && isComplete(shape) && !postponed) this.initialize(shape);
    else this.#partialShape = shape ?? null;
  }

  /** The full path as last seen from the root, e.g. `/extractor/conv1_1/W`. */
  get path(): string {
    if (this.#owner === null) runningLink()?.attachFields();
    const name = this.name ?? '(unnamed parameter)';
    if (this.#owner === null) return this.name === null ? name : `/${name}`;
    return `${this.#owner.path}/${name}`;
  }

  /** Called by the link that holds this parameter when it is traversed. */
  attach(name: string, owner: Owner): void {
    this.name = name;
    this.#owner = owner;
  }

  /** Draws the values at `initialize`. Null when the values were given. */
  get initializer(): Initializer | null {
    return this.#initializer;
  }

  /** What is known of the shape: the shape itself, one with open dimensions, or null. */
  get partialShape(): PartialShape | null {
    return this.#cell.tensor?.shape ?? this.#partialShape;
  }

  get isInitialized(): boolean {
    return this.#cell.tensor !== null;
  }

  get isDisposed(): boolean {
    return this.#cell.disposed;
  }

  /** The values, or null while uninitialized (Chainer's `array`). */
  get array(): tf.Tensor | null {
    if (this.#cell.disposed) throw new DisposedError(this.path);
    return this.#cell.tensor;
  }

  /** Replaces the values; shorthand of `assign`. */
  set array(values: tf.Tensor) {
    this.assign(values);
  }

  /**
   * The values.
   * @throws UninitializedParameterError while there are none; HiddenPartError inside the `forward` of a model that no field
   *   of which holds this parameter, unless it is frozen.
   */
  get tensor(): tf.Tensor {
    const tensor = this.array;
    if (this.#owner === null && !this.frozen) this.#checkHeld();
    if (tensor === null) throw new UninitializedParameterError(this.path);
    return tensor;
  }

  /** Refuses a use inside a forward pass before any link was seen to hold this parameter. */
  #checkHeld(): void {
    const link = runningLink();
    link?.attachFields();
    if (link === undefined || this.#owner !== null) return;
    for (const below of link.links(true)) {
      if (!below.attachFields().params.some(([, param]) => param === this)) continue;
      const advice = `Write ${below.name}.call(...): it runs hooks and frees what forward makes on its way.`;
      throw new InvalidArgumentError(
        linkText(below),
        'call()',
        `forward() inside of ${linkText(link)}`,
        advice,
      );
    }
    throw new HiddenPartError(
      `${link.constructor.name} ${link.path || '/'}`,
      `${this} that its forward uses and no field holds`,
      'If it is meant to stay outside of the model, freeze it: param.frozen = true.',
    );
  }

  get shape(): number[] {
    return this.tensor.shape;
  }

  get size(): number {
    return this.tensor.size;
  }

  get ndim(): number {
    return this.tensor.rank;
  }

  get dtype(): tf.DataType {
    return this.#cell.tensor?.dtype ?? 'float32';
  }

  /**
   * Draws the values for `shape`; called again, draws anew. A gradient, which is of the old values, is cleared.
   * Inside `model.initialize()` only the shape is set at once and the values follow at its end.
   */
  initialize(shape: Shape): void {
    if (this.#cell.disposed) throw new DisposedError(this.path);
    this.#checkPartial(shape);
    this.cleargrad();
    const mode = metaMode();
    const cell = this.#cell;
    if (mode !== null) {
      const placeholder = mode.placeholder(shape, 'float32');
      this.#replace(placeholder);
      mode.defer((draw) => {
        if (cell.tensor !== placeholder) return;
        placeholder.dispose();
        cell.tensor = null;
        if (draw) this.initialize(shape);
      });
      return;
    }
    const values = (this.#initializer ?? new NotANumber()).generate(shape);
    this.#replace(tf.keep(tf.tensor(values, [...shape], 'float32')));
  }

  /**
   * Sets the values. The tensor is cloned (same data); the caller keeps its own.
   * @throws ShapeMismatchError when the parameter has another shape already.
   */
  assign(values: tf.Tensor): void {
    this.#checkValues(values);
    this.#replace(keepClone(values));
  }

  /**
   * Sets the values and takes the tensor over: it is the parameter's from now on. For large ones: without the
   * fast kernels a clone copies them on WASM.
   * @throws ShapeMismatchError as `assign`; the tensor is then still the caller's.
   */
  adopt(values: tf.Tensor): void {
    this.#checkValues(values);
    this.#replace(tf.keep(values));
  }

  #checkValues(values: tf.Tensor): void {
    const old = this.array;
    if (old !== null && !shapesEqual(old.shape, values.shape)) {
      throw new ShapeMismatchError(this.path, old.shape, values.shape);
    }
    this.#checkPartial(values.shape);
    checkFloat(this.path, values);
  }

  /** Draws the values that were postponed, where the shape is known. */
  drawPostponed(): void {
    const shape = this.#partialShape;
    if (!this.isInitialized && shape !== null && isComplete(shape)) this.initialize(shape);
  }

  /** The gradient, or null where there is none (which is not zero). Owned by the parameter. */
  get grad(): tf.Tensor | null {
    return this.#grad;
  }

  /** Sets the gradient; the tensor is cloned. @throws ShapeMismatchError when its shape is not the parameter's. */
  set grad(grad: tf.Tensor | null) {
    if (grad !== null) {
      if (!shapesEqual(this.shape, grad.shape))
        throw new ShapeMismatchError(`${this.path} (gradient)`, this.shape, grad.shape);
      checkFloat(`${this.path} (gradient)`, grad);
    }
    const kept = grad === null ? null : keepClone(grad);
    this.#grad?.dispose();
    this.#grad = kept;
  }

  cleargrad(): void {
    this.grad = null;
  }

  /** Adds the gradient of `src`; a missing one adds nothing. An uninitialized target takes the shape of `src`. */
  addgrad(src: Parameter): void {
    const add = src.grad;
    if (add === null) return;
    if (!this.isInitialized) this.initialize(src.shape);
    const sum = this.#grad === null ? null : tf.add(this.#grad, add);
    try {
      this.grad = sum ?? add;
    } finally {
      sum?.dispose();
    }
  }

  /**
   * Copies the values of `src`. Both uninitialized: nothing. This one uninitialized: takes the shape of `src`.
   * Where Chainer initializes an uninitialized *source*, this throws: a source is never changed.
   * @throws ShapeMismatchError where Chainer would broadcast, or fail half-way.
   * @throws UninitializedParameterError when only `src` is uninitialized.
   */
  copydata(src: Parameter): void {
    if (!src.isInitialized && !this.isInitialized) return;
    this.assign(src.tensor);
  }

  /** Whether values of `shape` can be assigned: the shape is equal, or fits while it is still open. */
  accepts(shape: Shape): boolean {
    const own = this.partialShape;
    return own === null || fits(shape, own);
  }

  /** Lets the update rule change the values by the gradient; nothing without a rule or when frozen. */
  update(): void {
    if (!this.frozen) this.updateRule?.update(this);
  }

  /** A new parameter on the same storage, without gradient, update rule or name. */
  share(): Parameter {
    return this.#sibling(this.#cell);
  }

  /** An independent parameter with equal values and gradient; with `redraw`, freshly drawn values instead. */
  clone(redraw = false): Parameter {
    const copy = this.#sibling({ tensor: null, disposed: false });
    const tensor = this.array;
    if (tensor === null) return copy;
    if (redraw && this.#initializer !== null) copy.initialize(tensor.shape);
    else copy.assign(tensor);
    if (!redraw) copy.grad = this.#grad;
    return copy;
  }

  /** A parameter of the same settings on another cell. */
  #sibling(cell: Cell): Parameter {
    const copy = new Parameter();
    copy.#initializer = this.#initializer;
    copy.#cell = cell;
    copy.#partialShape = this.#partialShape;
    copy.frozen = this.frozen;
    return copy;
  }

  #checkPartial(shape: Shape): void {
    if (this.#partialShape !== null && !fits(shape, this.#partialShape)) {
      throw new ShapeMismatchError(this.path, this.#partialShape, shape);
    }
  }

  #replace(tensor: tf.Tensor | null): void {
    this.#cell.tensor?.dispose();
    this.#cell.tensor = tensor;
  }

  /** Keeps the values and the gradient, or that there are none, so that they can be put back. */
  save(): Saved {
    const values = hold(this.array);
    let grad: tf.Tensor | null;
    try {
      grad = hold(this.#grad);
    } catch (error) {
      values?.dispose();
      throw error;
    }
    return {
      restore: () => {
        this.#replace(values);
        this.#grad?.dispose();
        this.#grad = grad;
      },
      release: () => {
        values?.dispose();
        grad?.dispose();
      },
    };
  }

  /** Frees the values and the gradient; may be called again. Share-copies lose their values too. */
  dispose(): void {
    this.grad = null;
    this.updateRule?.dispose();
    this.#cell.tensor?.dispose();
    this.#cell.tensor = null;
    this.#cell.disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    const shape = this.#cell.tensor === null ? 'uninitialized' : `(${this.#cell.tensor.shape.join(', ')})`;
    return `Parameter ${this.path} ${shape}`;
  }
}
