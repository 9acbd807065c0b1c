import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError, ShapeMismatchError } from '../errors.ts';
import type { SerialEntry } from '../matching/serial-entry.ts';
import { keepClone, type Parameter, shapesEqual } from '../parameter.ts';
import { hold, type Saved } from '../undo.ts';
import { HookList, type HookOptions, type HookTiming, type OptimizerHook } from './hook.ts';
import { changeGrad } from './hooks/gradient.ts';
import { type Hyperparameters, inheritHyperparameters, ownHyperparameters } from './hyperparameter.ts';

/** What one step makes: the new values, and the new state where the rule has one. */
export interface Step<K extends string = string> {
  readonly param: tf.Tensor;
  readonly state?: Readonly<Partial<Record<K, tf.Tensor>>>;
}

/**
 * How one parameter is updated by its gradient, and the state that takes (Chainer's `UpdateRule`).
 * A subclass names its state and computes one step; everything is done on the device.
 *
 * ```ts
 * class SignRule extends UpdateRule<{ lr: number }> {
 *   readonly stateKeys = [];
 *   protected step(p: tf.Tensor, g: tf.Tensor) {
 *     return { param: tf.sub(p, tf.mul(tf.sign(g), this.hyperparam.lr)) };
 *   }
 * }
 * class SignSGD extends gradientMethod({ lr: 0.01 }, SignRule) {}
 * ```
 */
export abstract class UpdateRule<H extends Hyperparameters = Hyperparameters, K extends string = string> {
  /** A disabled rule does nothing. To freeze a parameter set `param.frozen`, which also saves its backward pass. */
  enabled = true;
  /** The number of updates of this parameter so far. */
  t = 0;
  /** What the optimizer's step size is multiplied by for this parameter. */
  rateScale = 1;
  /** Whether hooks of weight decay work on this parameter. */
  decays = true;
  /** What is not set here follows the optimizer's. */
  readonly hyperparam: H;
  readonly #hooks = new HookList();
  readonly #state = new Map<K, tf.Tensor>();
  /** L2 decay that is not in the gradient yet. */
  #decay = 0;

  /** @param parent the optimizer's hyperparameters. */
  constructor(parent: H) {
    this.hyperparam = inheritHyperparameters(parent, () => this.rateScale);
  }

  /** The names of the state's arrays, Chainer's to the letter: they are keys in files. */
  abstract get stateKeys(): readonly K[];

  /** The state by name; empty until the first update. The tensors stay the rule's. */
  get state(): ReadonlyMap<K, tf.Tensor> {
    return this.#state;
  }

  /**
   * What is set for this parameter alone: hyperparameters, `lrScale` and `weightDecay`, as `optimizer.configure` takes them.
   * What is set anew replaces all of it.
   */
  get settings(): Readonly<Record<string, number | boolean>> {
    const own = Object.entries(ownHyperparameters(this.hyperparam)).filter(
      ([, value]) => value !== undefined,
    );
    return {
      ...(Object.fromEntries(own) as Hyperparameters),
      ...(this.rateScale === 1 ? {} : { lrScale: this.rateScale }),
      ...(this.decays ? {} : { weightDecay: false }),
    };
  }

  set settings({ lrScale = 1, weightDecay = true, ...own }: Readonly<Record<string, number | boolean>>) {
    const hyperparam: Record<string, unknown> = this.hyperparam;
    for (const name of Object.keys(hyperparam)) hyperparam[name] = own[name];
    this.rateScale = Number(lrScale);
    this.decays = Boolean(weightDecay);
  }

  /**
   * One step: new tensors from the values, the gradient and the state, none of them changed. Runs in a tidy.
   * @param decay to be added to the gradient times the values; 0 unless the rule `addsDecay`.
   */
  protected abstract step(
    param: tf.Tensor,
    grad: tf.Tensor,
    state: Readonly<Record<K, tf.Tensor>>,
    decay: number,
  ): Step<K>;

  /** Whether `step` adds L2 decay to the gradient in its own pass. */
  protected get addsDecay(): boolean {
    return false;
  }

  /** The state before the first update; zeros unless a subclass says otherwise. */
  protected initialState(_key: K, param: tf.Tensor): tf.Tensor {
    return tf.zerosLike(param);
  }

  /** Runs the hooks and the step. Nothing happens, `t` included, when disabled or without a gradient. */
  update(param: Parameter): void {
    if (!this.enabled || param.array === null || param.grad === null) {
      this.settleDecay(param);
      return;
    }
    this.t += 1;
    this.#callHooks('pre', param);
    if (param.grad !== null) this.#apply(param, param.grad);
    this.#callHooks('post', param);
  }

  /** Adds `rate` times the values to the gradient: at once, or with the next step where that does it on the way. */
  addDecay(param: Parameter, rate: number): void {
    this.#decay += rate;
    if (!this.addsDecay) this.settleDecay(param);
  }

  /** Adds the decay that waits for the next step, so that whoever looks at the gradient sees it. */
  settleDecay(param: Parameter): void {
    const decay = this.#decay;
    if (decay === 0) return;
    this.#decay = 0;
    changeGrad(param, (grad, values) => tf.add(grad, tf.mul(values, decay)));
  }

  #apply(param: Parameter, grad: tf.Tensor): void {
    const decay = this.#decay;
    this.#decay = 0;
    const values = param.tensor;
    for (const key of this.stateKeys) {
      const present = this.#state.get(key);
      if (present === undefined) this.#state.set(key, tf.keep(tf.tidy(() => this.initialState(key, values))));
      else if (!shapesEqual(present.shape, values.shape))
        throw new ShapeMismatchError(`${param.path}/${key}`, values.shape, present.shape);
    }
    const state = Object.fromEntries(this.#state) as Record<K, tf.Tensor>;
    const next = tf.tidy(
      () => this.step(values, grad, state, decay) as Step<K> & tf.TensorContainerObject,
    ) as Step<K>;
    try {
      param.assign(next.param);
    } catch (error) {
      tf.dispose(next.state);
      throw error;
    } finally {
      next.param.dispose();
    }
    for (const [key, tensor] of Object.entries(next.state ?? {}) as [K, tf.Tensor][]) {
      this.#state.get(key)?.dispose();
      this.#state.set(key, tf.keep(tensor));
    }
  }

  #callHooks(timing: HookTiming, param: Parameter): void {
    for (const hook of this.#hooks.of(timing)) this.callHook(hook, param);
  }

  /** Runs the part of a hook that is for each parameter. */
  callHook(hook: OptimizerHook, param: Parameter): void {
    if (hook.decayRate !== undefined) {
      if (this.decays) this.addDecay(param, hook.decayRate);
    } else this.settleDecay(param);
    hook.forEachParam?.(this, param);
  }

  /**
   * Adds a hook for this parameter alone; it runs after the optimizer's hooks, when this rule updates.
   * @throws DuplicateNameError; InvalidArgumentError for a hook of the whole optimizer.
   */
  addHook(hook: OptimizerHook, options: HookOptions = {}): this {
    const where = `${this.constructor.name}.addHook`;
    if (hook.forEachParam === undefined && hook.forOptimizer !== undefined) {
      throw new InvalidArgumentError(
        where,
        'a hook for each parameter',
        `'${options.name ?? hook.name}', a hook for the whole optimizer`,
        'Use optimizer.addHook.',
      );
    }
    this.#hooks.add(where, hook, options);
    return this;
  }

  /** @throws UnknownNameError */
  removeHook(name: string): void {
    this.#hooks.remove(`${this.constructor.name}.removeHook`, name);
  }

  /**
   * `t` and every array of the state, also those that do not exist yet, so that a file can be loaded before the
   * first update.
   * @param prefix the parameter's key and a slash, e.g. `l1/W/`.
   */
  *serialEntries(prefix: string, param: Parameter): Generator<SerialEntry> {
    yield countEntry(`${prefix}t`, this, 't');
    for (const key of this.stateKeys) {
      yield {
        key: prefix + key,
        kind: 'state',
        shape: param.partialShape,
        // A parameter that was not updated when the file was written has left no state there.
        optional: param.frozen || !this.enabled || !param.isInitialized,
        read: () => this.#state.get(key) ?? null,
        write: (value) => {
          if (value === null) return;
          if (!(value instanceof tf.Tensor))
            throw new InvalidArgumentError(prefix + key, 'an array', typeof value);
          if (param.array !== null && !shapesEqual(param.shape, value.shape))
            throw new ShapeMismatchError(prefix + key, param.shape, value.shape);
          const kept = keepClone(value);
          this.#state.get(key)?.dispose();
          this.#state.set(key, kept);
        },
        save: () => this.save(),
      };
    }
  }

  /** Keeps the state and the number of updates, so that they can be put back. */
  save(): Saved {
    const { t } = this;
    const decay = this.#decay;
    const held: [K, tf.Tensor][] = [];
    try {
      for (const [key, tensor] of this.#state) held.push([key, hold(tensor)!]);
    } catch (error) {
      for (const [, tensor] of held) tensor.dispose();
      throw error;
    }
    return {
      restore: () => {
        this.dispose();
        for (const [key, tensor] of held) this.#state.set(key, tensor);
        this.t = t;
        this.#decay = decay;
      },
      release: () => {
        for (const [, tensor] of held) tensor.dispose();
      },
    };
  }

  /** Frees the state. The next update begins with a new one. */
  dispose(): void {
    for (const tensor of this.#state.values()) tensor.dispose();
    this.#state.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The entry of a counter, a field of `owner`. */
export function countEntry<N extends string>(
  key: string,
  owner: { [P in N]: number },
  field: N,
): SerialEntry {
  return {
    key,
    kind: 'state',
    shape: [],
    read: () => owner[field],
    write: (value) => {
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
        throw new InvalidArgumentError(key, 'an integer', value);
      }
      owner[field] = value;
    },
  };
}
