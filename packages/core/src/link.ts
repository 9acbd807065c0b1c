import * as tf from '@tensorflow/tfjs-core';
import {
  DuplicateNameError,
  InvalidArgumentError,
  StructureMismatchError,
  UnknownNameError,
} from './errors.ts';
import { type InitializerLike, NotANumber, type Shape } from './initializers.ts';
import { globalLinkHooks, type LinkHook } from './link-hook.ts';
import type { SerialEntry, Serializable } from './matching/serial-entry.ts';
import { withShapesOnly } from './meta/backend.ts';
import { type Owner, Parameter } from './parameter.ts';
import { Persistent, type PersistentValue } from './persistent.ts';
import { callWithShapes, type InputSpec, type Summary, summarize } from './summary.ts';

export type CopyMode = 'share' | 'copy' | 'init';

/** What a link knows of itself beside its fields. Kept outside the fields, which are the model. */
interface LinkState {
  name: string | null;
  parent: Link | null;
  hooks: Map<string, LinkHook>;
  /** The children and parameters know their names (for messages). */
  adopted: boolean;
}

const states = new WeakMap<Link, LinkState>();

function stateOf(link: Link): LinkState {
  let state = states.get(link);
  if (state === undefined) {
    state = { name: null, parent: null, hooks: new Map(), adopted: false };
    states.set(link, state);
  }
  return state;
}

/** Objects met while copying, so that a parameter or link held twice stays one object in the copy. */
export type CopyMemo = Map<object, object>;

/** Chainer's order of names: by code unit, never by locale ('conv10_1' < 'conv1_1'). */
const byCodeUnit = <T>(entries: [string, T][]): [string, T][] =>
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

/**
 * A building block with parameters (Chainer's `Link`). Its own enumerable fields *are* its registration: a field that
 * holds a Parameter is a parameter, a Persistent a persistent, anything else plain configuration.
 * `#private` fields are not seen; a link that has some must override `copy`.
 *
 * Subclasses define `forward`; users call `call`, which is typed after `forward`.
 */
export class Link implements Serializable, Owner {
  /** The computation. @throws UnknownNameError where a subclass defines none. */
  forward(..._args: never[]): unknown {
    throw new UnknownNameError(this.constructor.name, 'forward');
  }

  /**
   * Runs hooks and `forward`. Tensors made on the way are freed; the result is the caller's.
   * What `forward` wants to keep, it must keep by itself (`tf.keep`, Parameter, Persistent).
   */
  call(...args: Parameters<this['forward']>): ReturnType<this['forward']> {
    const own = stateOf(this).hooks;
    const outer = globalLinkHooks();
    if (!stateOf(this).adopted) this.adopt();
    if (own.size === 0 && outer.size === 0)
      return tf.tidy(() => this.forward(...args) as tf.TensorContainer) as never;
    const hooks = [...new Map([...outer, ...own]).values()];
    for (const hook of hooks) hook.forwardPreprocess?.({ link: this, args, out: null });
    const out = tf.tidy(() => this.forward(...args) as tf.TensorContainer);
    for (const hook of hooks) hook.forwardPostprocess?.({ link: this, args, out });
    return out as never;
  }

  /**
   * Gives every lazy parameter that `forward` uses its shape, and draws its values, without computing the pass.
   * `model.initialize([1, 300, 300, 3])`: one shape for each argument of `forward`.
   * @throws UnsupportedInMetaError, ShapeOnlyError where `forward` needs values or an unknown kernel.
   */
  initialize(...inputs: readonly InputSpec[]): this {
    withShapesOnly(() => callWithShapes(this, inputs));
    return this;
  }

  /** A table of the links: parameters, output shapes and multiply-accumulates for inputs of these shapes. Changes nothing. */
  summary(...inputs: readonly InputSpec[]): Summary {
    return summarize(this, inputs);
  }

  // ---- the tree -------------------------------------------------------------------------------------------------

  /** The name in the parent: the field, or null for a root. */
  get name(): string | null {
    return stateOf(this).name;
  }

  /** The path as last seen from the root; '' for a root. */
  get path(): string {
    const { parent, name } = stateOf(this);
    return parent === null ? '' : `${parent.path}/${name}`;
  }

  // TypeScript's private: `copy` makes objects without a constructor, which #private methods refuse.
  /** The fields that hold parameters and persistents, in order. Checks that nothing trainable hides in a plain array. */
  private ownEntries(): { params: [string, Parameter][]; persistents: [string, Persistent][] } {
    const params: [string, Parameter][] = [];
    const persistents: [string, Persistent][] = [];
    for (const [key, value] of Object.entries(this) as [string, unknown][]) {
      if (value instanceof Parameter || value instanceof Persistent) {
        this.checkName(key);
        value.attach(key, this);
        if (value instanceof Parameter) params.push([key, value]);
        else persistents.push([key, value]);
      } else if (Array.isArray(value) && value.some((v) => v instanceof Link || v instanceof Parameter)) {
        throw new InvalidArgumentError(
          `${this.path}/${key}`,
          'links in a ChainList, parameters in fields of their own',
          'an array of them',
          'The traversal does not look into arrays, so these would be neither trained nor saved.',
        );
      } else if (value instanceof Link && !this.childEntries().some(([name]) => name === key)) {
        throw new InvalidArgumentError(
          `${this.path}/${key}`,
          'no link in a field of this class',
          'a link',
          'Extend Chain.',
        );
      }
    }
    return { params: byCodeUnit(params), persistents: byCodeUnit(persistents) };
  }

  private checkName(name: string): void {
    if (name.includes('/')) {
      throw new InvalidArgumentError(`${this.path || '/'}`, "a field name without '/'", `'${name}'`);
    }
  }

  /** The direct children with their names, in order. A Link has none; Chain and ChainList override. */
  protected childEntries(): [string, Link][] {
    return [];
  }

  /** Tells the children who holds them and under which name. Returns them in order. */
  protected adoptChildren(): [string, Link][] {
    const entries = this.childEntries();
    for (const [name, child] of entries) {
      this.checkName(name);
      const state = stateOf(child);
      state.name = name;
      state.parent = this;
    }
    return entries;
  }

  private adopt(): void {
    this.ownEntries();
    this.adoptChildren();
    stateOf(this).adopted = true;
  }

  *children(): Generator<Link> {
    for (const [, child] of this.adoptChildren()) yield child;
  }

  /** All links below, depth-first, this one first. */
  *links(skipself = false): Generator<Link> {
    for (const [, link] of this.namedlinks(skipself)) yield link;
  }

  /** All links with their paths; this one is '/'. */
  *namedlinks(skipself = false): Generator<[path: string, link: Link]> {
    if (!skipself) yield ['/', this];
    for (const [name, child] of this.adoptChildren()) {
      yield [`/${name}`, child];
      for (const [path, link] of child.namedlinks(true)) yield [`/${name}${path}`, link];
    }
  }

  *params(includeUninit = true): Generator<Parameter> {
    for (const [, param] of this.namedparams(includeUninit)) yield param;
  }

  /** Parameters with their paths: own ones first, sorted by name, then each child's. */
  *namedparams(includeUninit = true): Generator<[path: string, param: Parameter]> {
    for (const [name, param] of this.ownEntries().params) {
      if (includeUninit || param.isInitialized) yield [`/${name}`, param];
    }
    for (const [name, child] of this.adoptChildren()) {
      for (const [path, param] of child.namedparams(includeUninit)) yield [`/${name}${path}`, param];
    }
  }

  /** Persistents with their paths, in the same order. */
  *namedpersistents(): Generator<[path: string, persistent: Persistent]> {
    for (const [name, persistent] of this.ownEntries().persistents) yield [`/${name}`, persistent];
    for (const [name, child] of this.adoptChildren()) {
      for (const [path, persistent] of child.namedpersistents()) yield [`/${name}${path}`, persistent];
    }
  }

  // ---- registration by computed names -----------------------------------------------------------------------------

  /** Adds a parameter under a computed name. Without an initializer it is filled with NaN. */
  addParam(
    name: string,
    shape: Shape | null = null,
    initializer: InitializerLike = new NotANumber(),
  ): Parameter {
    return this.addField(name, new Parameter(initializer, shape, name));
  }

  /** Adds a persistent under a computed name. */
  addPersistent<T extends PersistentValue>(name: string, value: T): Persistent<T> {
    return this.addField(name, new Persistent(value));
  }

  protected addField<T>(name: string, value: T): T {
    this.checkName(name);
    if (name in this) throw new DuplicateNameError(this.constructor.name, name);
    Object.defineProperty(this, name, { value, enumerable: true, configurable: true, writable: true });
    return value;
  }

  // ---- values -----------------------------------------------------------------------------------------------------

  /**
   * Copies the parameters of a link of the same structure, and its persistents. The whole plan is checked before
   * anything is written (Chainer leaves a half-copied link); gradients stay.
   * @throws StructureMismatchError, ShapeMismatchError, UninitializedParameterError
   */
  copyparams(src: Link, copyPersistent = true): void {
    const from = new Map(src.namedparams());
    const plan: [Parameter, Parameter][] = [];
    for (const [path, param] of this.namedparams()) {
      const other = from.get(path);
      if (other === undefined)
        throw new StructureMismatchError(path, 'the source has no parameter of this name.');
      plan.push([param, other]);
    }
    const persistents: [Persistent, Persistent][] = [];
    if (copyPersistent) {
      const values = new Map(src.namedpersistents());
      for (const [path, persistent] of this.namedpersistents()) {
        const other = values.get(path);
        if (other === undefined)
          throw new StructureMismatchError(path, 'the source has no persistent of this name.');
        persistents.push([persistent, other]);
      }
    }
    for (const [param, other] of plan) param.checkCopy(other);
    for (const [param, other] of plan) param.copydata(other);
    for (const [persistent, other] of persistents) persistent.value = other.value;
  }

  cleargrads(): void {
    for (const param of this.params()) param.cleargrad();
  }

  /** Adds the gradients of a link of the same structure. */
  addgrads(src: Link): void {
    const from = new Map(src.namedparams());
    for (const [path, param] of this.namedparams()) {
      const other = from.get(path);
      if (other === undefined)
        throw new StructureMismatchError(path, 'the source has no parameter of this name.');
      param.addgrad(other);
    }
  }

  /** Freezes every parameter: left out of the tape and never updated, also by an optimizer set up later. */
  disableUpdate(): this {
    for (const param of this.params()) param.frozen = true;
    return this;
  }

  enableUpdate(): this {
    for (const param of this.params()) param.frozen = false;
    return this;
  }

  /** True if any parameter is not frozen. */
  get updateEnabled(): boolean {
    for (const param of this.params()) if (!param.frozen) return true;
    return false;
  }

  /** The number of scalars in all parameters. Warns of each uninitialized one, which is left out. */
  countParams(): number {
    let count = 0;
    for (const [path, param] of this.namedparams()) {
      if (param.isInitialized) count += param.size;
      else console.warn(`Parameter '${path}' has not been initialized, so it is not counted.`);
    }
    return count;
  }

  *serialEntries(prefix = ''): Generator<SerialEntry> {
    for (const [path, param] of this.namedparams()) {
      yield {
        key: prefix + path.slice(1),
        kind: 'parameter',
        shape: param.partialShape,
        read: () => param.array,
        write: (value) => {
          if (value === null) return;
          if (!(value instanceof tf.Tensor)) throw new InvalidArgumentError(path, 'an array', typeof value);
          param.assign(value);
        },
        adopt: (tensor) => param.adopt(tensor),
      };
    }
    for (const [path, persistent] of this.namedpersistents()) {
      yield {
        key: prefix + path.slice(1),
        kind: 'persistent',
        shape:
          persistent.value instanceof tf.Tensor
            ? persistent.value.shape
            : persistent.value === null
              ? null
              : [],
        read: () => persistent.value,
        write: (value) => {
          if (value instanceof Int32Array) throw new InvalidArgumentError(path, 'a tensor', 'Int32Array');
          if (value !== null) persistent.value = value;
        },
      };
    }
  }

  // ---- copies -----------------------------------------------------------------------------------------------------

  /**
   * A copy without a parent or hooks. 'share': new parameters on the same storage, gradients null. 'copy': independent, equal
   * values. 'init': independent, initialized parameters drawn anew. Plain fields are copied by reference.
   */
  copy(mode: CopyMode = 'share', memo: CopyMemo = new Map()): this {
    if (mode !== 'share' && mode !== 'copy' && mode !== 'init') {
      throw new InvalidArgumentError('copy', "'share' | 'copy' | 'init'", mode);
    }
    const done = memo.get(this);
    if (done !== undefined) return done as this;
    const copy = Object.create(Object.getPrototypeOf(this)) as this;
    memo.set(this, copy);
    for (const [key, value] of Object.entries(this) as [string, unknown][]) {
      const field = copyField(value, mode, memo);
      Object.defineProperty(copy, key, {
        value: field,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return copy;
  }

  // ---- hooks ------------------------------------------------------------------------------------------------------

  addHook(hook: LinkHook, name: string = hook.name): this {
    const { hooks } = stateOf(this);
    if (hooks.has(name)) throw new DuplicateNameError(`${this.constructor.name}.addHook`, name);
    hooks.set(name, hook);
    hook.added?.(this);
    return this;
  }

  deleteHook(name: string): void {
    const { hooks } = stateOf(this);
    const hook = hooks.get(name);
    if (hook === undefined) {
      throw new UnknownNameError(`${this.constructor.name}.deleteHook`, name, [...hooks.keys()]);
    }
    hooks.delete(name);
    hook.deleted?.(this);
  }

  // ---- end of life, text ------------------------------------------------------------------------------------------

  /** Frees every parameter and persistent below. May be called again. */
  dispose(): void {
    for (const param of this.params()) param.dispose();
    for (const [, persistent] of this.namedpersistents()) persistent.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Constructor arguments that `toString` shows; subclasses override. */
  get printableSpecs(): Readonly<Record<string, unknown>> {
    return {};
  }

  toString(): string {
    const specs = Object.entries(this.printableSpecs)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key}=${specText(value)}`);
    const head = `${this.constructor.name}(${specs.join(', ')})`;
    const children = this.adoptChildren().map(
      ([name, child]) => `  (${name}): ${child.toString().replaceAll('\n', '\n  ')}`,
    );
    return children.length === 0 ? head : [`${head} {`, ...children, '}'].join('\n');
  }
}

function specText(value: unknown): string {
  if (Array.isArray(value)) return `(${value.join(', ')})`;
  if (typeof value === 'function') return value.name;
  return String(value);
}

/** How `Link.copy` copies one field. */
export function copyField(value: unknown, mode: CopyMode, memo: CopyMemo): unknown {
  if (value instanceof Link) return value.copy(mode, memo);
  if (!(value instanceof Parameter || value instanceof Persistent)) return value;
  const done = memo.get(value);
  if (done !== undefined) return done;
  const copy =
    value instanceof Persistent
      ? mode === 'share'
        ? value
        : value.clone()
      : mode === 'share'
        ? value.share()
        : value.clone(mode === 'init');
  memo.set(value, copy);
  return copy;
}
