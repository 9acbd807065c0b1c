import { DisposedTensorError } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { usingConfig } from './configuration.ts';
import {
  DuplicateNameError,
  HiddenPartError,
  InvalidArgumentError,
  NotCopyableError,
  StructureMismatchError,
  UnknownNameError,
} from './errors.ts';
import { hiddenPart } from './hidden-parts.ts';
import { type InitializerLike, NotANumber, type Shape } from './initializers.ts';
import { globalLinkHooks, type LinkHook } from './link-hook.ts';
import type { SerialEntry, Serializable } from './matching/serial-entry.ts';
import { copyEntries } from './matching/transfer.ts';
import { withShapesOnly } from './meta/backend.ts';
import { type Owner, Parameter } from './parameter.ts';
import { Persistent, type PersistentValue } from './persistent.ts';
import { privateFields } from './private-fields.ts';
import { linkText, runningLink, runningLinks, whileRunning } from './running.ts';
import { callWithShapes, type InputSpec, type Summary, summarize } from './summary.ts';
import { withoutTape } from './tfjs-internals.ts';

export type CopyMode = 'share' | 'copy' | 'init';

/** What a link knows of itself beside its fields. Kept outside the fields, which are the model. */
interface LinkState {
  /** As last seen; `holderOf` tells whether it still is so. */
  name: string | null;
  parent: Link | null;
  hooks: Map<string, LinkHook>;
  /** The fields were looked through once. */
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

/** Whether any link ever got a hook of its own; where none did, no model needs to be walked for them. */
let areHooked = false;

/** Whether a hook sees calls of this link or of one below: then each call must be what the hook expects of it. */
export const isWatched = (link: Link): boolean =>
  globalLinkHooks().size > 0 || (areHooked && [...link.links()].some((each) => stateOf(each).hooks.size > 0));

/** Objects met while copying, so that a parameter or link held twice stays one object in the copy. */
export type CopyMemo = Map<object, object>;

/** Chainer's order of names: by code unit, never by locale ('conv10_1' < 'conv1_1'). */
const byCodeUnit = <T>(entries: [string, T][]): [string, T][] =>
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

/** What a value is in a model, for messages about parts in places that the traversal does not see. */
function nameOfPart(value: unknown): string | null {
  if (value instanceof Link) return 'a link';
  if (value instanceof Parameter) return 'a parameter';
  if (value instanceof Persistent) return 'a persistent';
  return value instanceof tf.Variable ? 'a tf.Variable' : null;
}

/**
 * A building block with parameters (Chainer's `Link`). Its own enumerable fields *are* its registration: a field that
 * holds a Parameter is a parameter, a Persistent a persistent, anything else plain configuration. Parts in places that the
 * traversal does not see (arrays, objects, Maps, Sets, `#private` fields) are errors, see `HiddenPartError`.
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
   * What `forward` wants to keep, it must keep by itself (`keep`, Parameter, Persistent).
   * @throws HiddenPartError when it is called inside the `forward` of a link that does not hold it; DisposedTensorError for an
   *   argument that is freed; InvalidArgumentError for one that is a promise, and where `forward` is async.
   */
  call<A extends unknown[], R>(this: Link & { forward(...args: A): R }, ...args: A): R {
    const state = stateOf(this);
    const outer = globalLinkHooks();
    const parent = runningLink();
    if (parent !== undefined) this.checkHeld(parent);
    if (!state.adopted) {
      this.attachFields();
      this.adoptChildren();
      state.adopted = true;
    }
    for (let i = 0; i < args.length; i++) checkArgument(this, i, args[i]);
    const forward = () => {
      const out = whileRunning(this, () => this.forward(...args) as tf.TensorContainer);
      if (out instanceof Promise) throw asyncForward(this, out);
      return out;
    };
    if (state.hooks.size === 0 && outer.size === 0) return tf.tidy(forward) as R;
    const hooks = [...new Map([...outer, ...state.hooks]).values()];
    for (const hook of hooks) hook.forwardPreprocess?.({ link: this, args, out: null });
    const out = tf.tidy(forward);
    for (const hook of hooks) hook.forwardPostprocess?.({ link: this, args, out });
    return out as R;
  }

  /** Refuses a call inside the forward pass of a model that does not hold this link, so that it would not be trained. */
  private checkHeld(parent: Link): void {
    const state = stateOf(this);
    const held = () => state.parent === parent && parent.childNamed(state.name!) === this;
    if (held()) return;
    // The child came later, moved, or is held by two.
    parent.adoptChildren();
    if (held()) return;
    const running = runningLinks();
    for (let link: Link | null = this; link !== null; link = link.holder())
      if (running.includes(link)) return;
    for (const link of running[0]!.links()) if (link === this) return;
    if (!this.updateEnabled) return;
    throw new HiddenPartError(
      parent.pathInText,
      `a ${this.constructor.name} that its forward calls and no field holds`,
      'If it is meant to stay outside of the model, freeze it: link.disableUpdate().',
    );
  }

  /**
   * Gives every lazy parameter that `forward` uses its shape, and draws its values, without computing the pass.
   * `model.initialize([1, 300, 300, 3])`: one shape for each argument of `forward`.
   * @throws UnsupportedInMetaError, ShapeOnlyError where `forward` needs values or an unknown kernel.
   */
  initialize(...inputs: readonly InputSpec[]): this {
    for (const param of this.params()) param.drawPostponed();
    withShapesOnly(() => callWithShapes(this, inputs));
    return this;
  }

  /**
   * Runs `fn` as a trained model is used: dropout and batch normalization in their test mode (`config.train` is false), nothing
   * recorded for gradients, also inside of a loss, and every tensor freed but those that `fn` returns, which are the caller's.
   *
   * ```ts
   * predict(x: Tensor4D): Tensor {
   *   return this.evaluating(() => softmax(this.call(x)));
   * }
   * ```
   *
   * The mode is the whole program's while `fn` runs, not this link's: as `fn` is synchronous, no update of a training can run
   * meanwhile. It may be nested. Read values after it: `await model.evaluating(() => model.call(x)).data()`.
   * @throws InvalidArgumentError when `fn` returns a promise: awaited in there, other work would find the mode switched.
   */
  evaluating<R>(fn: () => R): R {
    const run = () => {
      const result = fn();
      if (!(result instanceof Promise)) return result as tf.TensorContainer;
      result.catch(() => {});
      throw new InvalidArgumentError(
        `${linkText(this)}.evaluating`,
        'a synchronous function',
        'a promise',
        'Await before and after it: const y = model.evaluating(() => model.call(x)); await y.data().',
      );
    };
    return usingConfig('train', false, () => withoutTape(() => tf.tidy(run))) as R;
  }

  /** A table of the links: parameters, output shapes and multiply-accumulates for inputs of these shapes. Changes nothing. */
  summary(...inputs: readonly InputSpec[]): Summary {
    return summarize(this, inputs);
  }

  // ---- the tree -------------------------------------------------------------------------------------------------

  /** The name in the parent: the field, or null for a root. */
  get name(): string | null {
    return this.holder() === null ? null : stateOf(this).name;
  }

  /** The path as last seen from the root; '' for a root. */
  get path(): string {
    const holder = this.holder();
    return holder === null ? '' : `${holder.path}/${stateOf(this).name}`;
  }

  private get pathInText(): string {
    return `${this.constructor.name} ${this.path || '/'}`;
  }

  // TypeScript's private: `copy` makes objects without a constructor, which #private methods refuse.
  /** The link that holds this one, as last seen; null where it holds it no more. */
  private holder(): Link | null {
    const state = stateOf(this);
    const { parent, name } = state;
    if (parent === null || parent.childNamed(name!) === this) return parent;
    const entry = parent.childEntries().find(([, child]) => child === this);
    if (entry === undefined) state.parent = null;
    state.name = entry?.[0] ?? null;
    return state.parent;
  }

  /**
   * Tells the parameters and persistents in the fields their names. Every traversal and the first call do it.
   * @returns the fields that hold some, in order.
   * @throws HiddenPartError for a part of the model in a place that the traversal does not see.
   */
  attachFields(): { params: [string, Parameter][]; persistents: [string, Persistent][] } {
    const params: [string, Parameter][] = [];
    const persistents: [string, Persistent][] = [];
    let children: Map<string, Link> | null = null;
    for (const [key, value] of Object.entries(this) as [string, unknown][]) {
      if (typeof value !== 'object' || value === null) continue;
      if (value instanceof Parameter || value instanceof Persistent) {
        this.checkName(key);
        value.attach(key, this);
        if (value instanceof Parameter) params.push([key, value]);
        else persistents.push([key, value]);
      } else if (value instanceof Link) {
        children ??= new Map(this.childEntries());
        if (children.get(key) === value) continue;
        throw new InvalidArgumentError(
          `${this.path}/${key}`,
          'no link in a field of this class',
          'a link',
          'Extend Chain.',
        );
      } else {
        const hidden = nameOfPart(value) ?? hiddenPart(value, nameOfPart);
        if (hidden === null) continue;
        const advice =
          value instanceof tf.Variable ? 'Make it a Parameter.' : 'The traversal does not look into it.';
        throw new HiddenPartError(`${this.path}/${key}`, hidden, advice);
      }
    }
    return { params: byCodeUnit(params), persistents: byCodeUnit(persistents) };
  }

  private checkName(name: string): void {
    if (name.includes('/')) {
      throw new InvalidArgumentError(`${this.path || '/'}`, "a field name without '/'", `'${name}'`);
    }
  }

  /** The direct children with their names, in order. A Link has none; containers override. */
  protected childEntries(): [string, Link][] {
    return [];
  }

  /** The child of this name; undefined where there is none. */
  protected childNamed(name: string): Link | undefined {
    return this.childEntries().find(([key]) => key === name)?.[1];
  }

  /** Tells the children who holds them and under which name. Returns them in order. */
  protected adoptChildren(): [string, Link][] {
    const entries = this.childEntries();
    if (entries.length === 0) return entries;
    const above = new Set<Link>();
    for (let link: Link | null = this; link !== null; link = link.holder()) above.add(link);
    for (const [name, child] of entries) {
      this.checkName(name);
      if (above.has(child)) {
        throw new StructureMismatchError(
          `${this.pathInText}/${name}`,
          `a ${child.constructor.name} is held by itself or by a link below it. A model is a tree: take one of the references out.`,
        );
      }
      const state = stateOf(child);
      state.name = name;
      state.parent = this;
    }
    return entries;
  }

  /**
   * Puts `link` in the place of the child of this name.
   * @returns the old child, which is neither changed nor disposed.
   * @throws UnknownNameError when there is no such child; InvalidArgumentError when `link` is no Link.
   */
  replaceChild(name: string, link: Link): Link {
    const old = this.childNamed(name);
    if (old === undefined) {
      const names = this.childEntries().map(([key]) => key);
      throw new UnknownNameError(`${this.constructor.name}.replaceChild`, name, names);
    }
    if (!(link instanceof Link))
      throw new InvalidArgumentError(`${this.constructor.name}.replaceChild`, 'a Link', typeof link);
    this.setChild(name, link);
    this.adoptChildren();
    return old;
  }

  /** Stores `link` under the name of a child that there is; containers override. */
  protected setChild(_name: string, _link: Link): void {}

  *children(): Generator<Link> {
    for (const [, child] of this.adoptChildren()) yield child;
  }

  /** This link and all below, depth-first, with their paths; this one's is ''. */
  private *walk(): Generator<[path: string, link: Link]> {
    const stack: [string, Link][] = [['', this]];
    for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
      yield entry;
      const [path, link] = entry;
      for (const [name, child] of link.adoptChildren().reverse()) stack.push([`${path}/${name}`, child]);
    }
  }

  /** All links below, depth-first, this one first. */
  *links(skipself = false): Generator<Link> {
    for (const [, link] of this.namedlinks(skipself)) yield link;
  }

  /** All links with their paths; this one is '/'. */
  *namedlinks(skipself = false): Generator<[path: string, link: Link]> {
    for (const [path, link] of this.walk()) if (path !== '' || !skipself) yield [path || '/', link];
  }

  *params(includeUninit = true): Generator<Parameter> {
    for (const [, param] of this.namedparams(includeUninit)) yield param;
  }

  /** Parameters with their paths: own ones first, sorted by name, then each child's. */
  *namedparams(includeUninit = true): Generator<[path: string, param: Parameter]> {
    for (const [path, link] of this.walk()) {
      for (const [name, param] of link.attachFields().params) {
        if (includeUninit || param.isInitialized) yield [`${path}/${name}`, param];
      }
    }
  }

  /** Persistents with their paths, in the same order. */
  *namedpersistents(): Generator<[path: string, persistent: Persistent]> {
    for (const [path, link] of this.walk()) {
      for (const [name, persistent] of link.attachFields().persistents) yield [`${path}/${name}`, persistent];
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
   * @throws MismatchError, UninitializedParameterError
   */
  copyparams(src: Link, copyPersistent = true): void {
    const target = {
      serialEntries: () =>
        [...this.serialEntries()].filter(({ kind }) => copyPersistent || kind === 'parameter'),
    };
    copyEntries(src, target, { complete: true, onMismatch: 'throw' });
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
        save: () => param.save(),
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
        save: () => persistent.save(),
      };
    }
  }

  // ---- copies -----------------------------------------------------------------------------------------------------

  /**
   * A copy without a parent or hooks. 'share': new parameters on the same storage, gradients null. 'copy': independent, equal
   * values. 'init': independent, initialized parameters drawn anew. Plain fields are copied by reference.
   * @throws NotCopyableError for a class whose `#private` fields cannot be carried over; see `newInstance`.
   */
  copy(mode: CopyMode = 'share', memo: CopyMemo = new Map()): this {
    if (mode !== 'share' && mode !== 'copy' && mode !== 'init') {
      throw new InvalidArgumentError('copy', "'share' | 'copy' | 'init'", mode);
    }
    const done = memo.get(this);
    if (done !== undefined) return done as this;
    const copy = blank(this, () => this.newInstance());
    memo.set(this, copy);
    for (const key of Reflect.ownKeys(this)) {
      const field = Object.getOwnPropertyDescriptor(this, key)!;
      if ('value' in field) field.value = copyField(field.value, mode, memo);
      Object.defineProperty(copy, key, field);
    }
    return copy;
  }

  /**
   * Makes the object that `copy` gives copies of all other fields. A class with `#private` fields overrides it, as nobody else
   * can read them:
   *
   * ```ts
   * protected override newInstance(): Link {
   *   return new Net(this.#scale);
   * }
   * ```
   *
   * Without it such a class is made anew by its constructor, if that takes no arguments and the `#private` fields are never
   * assigned after their declaration. The constructor runs with shapes only: nothing is drawn.
   */
  protected newInstance(): Link {
    return new (this.constructor as new () => Link)();
  }

  // ---- hooks ------------------------------------------------------------------------------------------------------

  addHook(hook: LinkHook, name: string = hook.name): this {
    const { hooks } = stateOf(this);
    if (hooks.has(name)) throw new DuplicateNameError(`${this.constructor.name}.addHook`, name);
    hooks.set(name, hook);
    areHooked = true;
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

/** Refuses what no `forward` can use. */
function checkArgument(link: Link, index: number, value: unknown): void {
  if (value instanceof tf.Tensor && value.isDisposed) {
    const where = `argument ${index + 1} of ${linkText(link)}.call`;
    if (value.throwIfDisposed !== tf.Tensor.prototype.throwIfDisposed) value.throwIfDisposed();
    throw new DisposedTensorError(where, `one of shape (${value.shape.join(', ')}) that was disposed`);
  }
  if (value instanceof Promise) {
    const where = `${linkText(link)}.call argument ${index + 1}`;
    throw new InvalidArgumentError(where, 'a value', 'a promise', 'Await it first.');
  }
}

/** The error of a `forward` that returned a promise, whose own end nobody waits for. */
function asyncForward(link: Link, result: Promise<unknown>): InvalidArgumentError {
  result.catch(() => {});
  return new InvalidArgumentError(
    `${linkText(link)}.forward`,
    'a synchronous function',
    'a promise (async forward)',
    'Gradients, hooks and the freeing of tensors end with the call: await what forward needs before it, and pass it as an argument.',
  );
}

function specText(value: unknown): string {
  if (Array.isArray(value)) return `(${value.join(', ')})`;
  if (typeof value === 'function') return value.name;
  return String(value);
}

/** The classes of `link` from its own up to Link, which is left out. */
function classesOf(link: Link): (typeof Link)[] {
  const classes: (typeof Link)[] = [];
  for (
    let proto = Object.getPrototypeOf(link);
    proto !== Link.prototype;
    proto = Object.getPrototypeOf(proto)
  )
    classes.push(proto.constructor);
  return classes;
}

/** An object of the class of `link` with its `#private` fields and no others, by `make` where there are some. */
function blank<L extends Link>(link: L, make: () => Link): L {
  const proto = Object.getPrototypeOf(link);
  const classes = classesOf(link);
  if (classes.every((type) => privateFields(type).names.length === 0)) return Object.create(proto);
  // What lies below the class with the override is unknown to it.
  const at = classes.findIndex((type) => Object.hasOwn(type.prototype, 'newInstance'));
  const type = classes.find((each) => privateFields(each).names.length > 0)!;
  const refused = (each: typeof Link, cause?: unknown) =>
    new NotCopyableError(each.name, privateFields(each).names, cause);
  for (const each of at < 0 ? classes : classes.slice(0, at)) {
    const { names, assigned, takesArguments } = privateFields(each);
    if (names.length > 0 && (assigned || at >= 0)) throw refused(each);
    if (at < 0 && takesArguments) throw refused(type);
  }
  const made = withShapesOnly(() => {
    try {
      return make();
    } catch (cause) {
      throw refused(type, cause);
    }
  }, false);
  const expected = classes[Math.max(at, 0)]!;
  if (!(made instanceof expected) || made === link)
    throw new InvalidArgumentError(`${expected.name}.newInstance`, `a new ${expected.name}`, made);
  made.dispose();
  for (const key of Reflect.ownKeys(made)) delete (made as unknown as Record<PropertyKey, unknown>)[key];
  return Object.setPrototypeOf(made, proto);
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
