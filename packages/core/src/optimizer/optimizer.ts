import { DisposedTensorError } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { backward } from '../backward.ts';
import { InvalidArgumentError, OptimizerNotSetUpError, UnknownNameError } from '../errors.ts';
import { throwLateFailure } from '../functions/late-checks.ts';
import { Link } from '../link.ts';
import { type NameFilter, nameMatcher } from '../matching/name-filter.ts';
import type { SerialEntry, Serializable } from '../matching/serial-entry.ts';
import { checkOptions, nearestName, type OptionKind } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { allOrNothing, type Saved } from '../undo.ts';
import { HookList, type HookOptions, type HookTiming, type OptimizerHook } from './hook.ts';
import { type Hyperparameters, rateName } from './hyperparameter.ts';
import { countEntry, type UpdateRule } from './update-rule.ts';

/** How some parameters are updated otherwise than the rest. */
export type ConfigureOptions<H extends Hyperparameters = Hyperparameters> = Readonly<Partial<H>> & {
  /** What the optimizer's step size (lr, Adam's alpha) is multiplied by; it goes on to follow schedules. Default 1. */
  readonly lrScale?: number;
  /** False: neither the hook WeightDecay nor `weightDecayRate` works on them. Default true. */
  readonly weightDecay?: boolean;
};

/** A link whose `forward` returns the loss, e.g. a Classifier. */
type LossLink<A extends unknown[]> = Link & { forward(...args: A): tf.Tensor };

/** What gives the loss, a scalar: a synchronous function, or a link. */
export type LossFunction<A extends unknown[]> = ((...args: A) => tf.Tensor) | LossLink<A>;

/**
 * Changes the parameters of a model by their gradients (Chainer's `Optimizer` and `GradientMethod`).
 *
 * ```ts
 * using optimizer = new MomentumSGD({ lr: 0.01 }).setup(model);
 * optimizer.addHook(new WeightDecay(0.0005));
 * const loss = optimizer.update((x, t) => softmaxCrossEntropy(model.call(x), t), images, labels);
 * ```
 *
 * Everything stays on the device: no update waits for a value. The optimizer owns the state of its rules and the loss
 * of the last update; `dispose()` frees both.
 */
export abstract class Optimizer<H extends Hyperparameters = Hyperparameters> implements Serializable {
  /** The number of updates since `setup`. */
  t = 0;
  /** The number of epochs since `setup`, counted by `newEpoch`. */
  epoch = 0;
  /** True when an updater counts the epochs: then calling `newEpoch()` by hand is an error. */
  useAutoNewEpoch = false;
  /** What each rule falls back to. */
  readonly hyperparam: H;

  #target: Link | null = null;
  #hooks = new HookList();
  #loss: tf.Tensor | null = null;
  /** Gradients of parts wait for `update()`. */
  #accumulating = false;
  /** The rules that `setup` made, by the parameter that got them. */
  readonly #rules = new Map<Parameter, UpdateRule>();
  #warned = new WeakSet<Parameter>();

  constructor(hyperparam: H) {
    this.hyperparam = Object.preventExtensions({ ...hyperparam });
  }

  /** A new rule for one parameter, whose hyperparameters fall back to this optimizer's. */
  abstract createUpdateRule(): UpdateRule;

  /** The model, or null before `setup`. */
  get target(): Link | null {
    return this.#target;
  }

  /**
   * Takes `link` as the model: every parameter gets a new rule (old state is freed), `t` and `epoch` start at 0, hooks are
   * dropped. Uninitialized parameters take part once they have values; frozen ones stay frozen.
   */
  setup(link: Link): this {
    if (!(link instanceof Link))
      throw new InvalidArgumentError(`${this.constructor.name}.setup`, 'a Link', typeof link);
    this.dispose();
    this.#target = link;
    this.t = 0;
    this.epoch = 0;
    for (const param of new Set(link.params())) {
      param.updateRule?.dispose();
      param.updateRule = this.createUpdateRule();
      this.#rules.set(param, param.updateRule);
    }
    return this;
  }

  /**
   * One step: the loss and its gradients (old ones are cleared after the forward pass, as in Chainer), 'pre' hooks,
   * `t + 1`, the update of every parameter that is not frozen, 'post' hooks. A parameter without a gradient counts as one
   * with gradient 0, so that momentum and decay go on.
   * A parameter that is held twice, or through share-copies, is updated once, by the sum of its gradients.
   *
   * @param lossFn synchronous, returns a scalar.
   * @returns the loss. It belongs to the optimizer, which frees it at the next `update` or `dispose`: read it before
   *   (`await loss.data()`), or clone it.
   * @throws OptimizerNotSetUpError before `setup`; NothingToDoError when there is nothing to differentiate by. Whatever is
   *   thrown, e.g. as memory has ended in the middle, values, state and `t` are then as they were before: until its end a step
   *   keeps them beside the new ones.
   */
  update<A extends unknown[]>(lossFn: LossFunction<A>, ...args: A): tf.Scalar;
  /** One step with the gradients that are there. */
  update(): null;
  update<A extends unknown[]>(lossFn?: LossFunction<A>, ...args: A): tf.Scalar | null {
    const target = this.#requireTarget('update');
    throwLateFailure();
    const loss = lossFn === undefined ? null : this.#backward(target, lossFn, args);
    this.#accumulating = false;
    this.#freeLoss();
    this.#loss = loss;
    const params = this.#trainable(target);
    const saves = params.flatMap((param) => [() => param.save(), () => param.updateRule!.save()]);
    allOrNothing([() => this.#save(), ...saves], () => {
      this.#runHooks('pre', params);
      this.t += 1;
      for (const param of params) param.update();
      this.#runHooks('post', params);
    });
    return loss;
  }

  /** Frees the loss of the last update, which then tells whoever has kept it. */
  #freeLoss(): void {
    const loss = this.#loss;
    if (loss === null) return;
    loss.dispose();
    loss.throwIfDisposed = () => {
      throw new DisposedTensorError(
        'loss',
        `the loss of an earlier update of ${this.constructor.name}`,
        'The next update() or dispose() frees it: read it before, (await loss.data())[0], or keep a copy, clone(loss).',
      );
    };
    this.#loss = null;
  }

  /**
   * Adds the gradients of one part of a batch to those of the parts before it; `update()` without a loss then makes the step:
   * the memory of a part, the step of the whole batch. Statistics of batch normalization are those of each part.
   *
   * ```ts
   * for (const [x, t] of parts) optimizer.accumulate((x, t) => softmaxCrossEntropy(model.call(x), t), [x, t], 1 / parts.length);
   * optimizer.update();
   * ```
   *
   * @param args what lossFn is called with.
   * @param weight of this part: for losses that are means its share of the examples of the whole batch. Default 1.
   * @returns the loss, unweighted. It belongs to the optimizer, which frees it at the next `accumulate`, `update` or `dispose`.
   * @throws as `update`; the gradients are then as they were before.
   */
  accumulate<A extends unknown[]>(lossFn: LossFunction<A>, args: A, weight = 1): tf.Scalar {
    const target = this.#requireTarget('accumulate');
    throwLateFailure();
    let unweighted: tf.Tensor | null = null;
    const first = !this.#accumulating;
    const weighted = (...inputs: A) => {
      const loss = (lossFn instanceof Link ? lossFn.call(...inputs) : lossFn(...inputs)) as tf.Tensor;
      if (first) target.cleargrads();
      if (!(loss instanceof tf.Tensor)) return loss;
      unweighted = tf.keep(tf.clone(loss));
      return tf.mul(loss, weight);
    };
    try {
      backward(() => weighted(...args), target).dispose();
    } catch (error) {
      (unweighted as tf.Tensor | null)?.dispose();
      throw error;
    }
    this.#accumulating = true;
    this.#freeLoss();
    this.#loss = unweighted;
    return unweighted as unknown as tf.Scalar;
  }

  /**
   * Gives some parameters settings of their own. Call it after `setup`, which makes new rules; later calls add to earlier ones.
   *
   * ```ts
   * optimizer.configure(/^\/extractor\//, { lrScale: 0.1 });
   * optimizer.configure(/\/(b|beta|gamma)$/, { weightDecay: false });
   * ```
   *
   * Snapshots of a Trainer keep it, as they keep hyperparameters: a resume says where the program has set it otherwise.
   * @param names full paths of parameters: a string, a pattern, a function, or several.
   * @param options hyperparameters as numbers of their own, which schedules do not change, `lrScale`, `weightDecay`.
   * @returns the optimizer.
   * @throws OptimizerNotSetUpError before `setup`; UnknownNameError when no parameter has such a name; UnknownOptionError.
   */
  configure(names: NameFilter, options: ConfigureOptions<H>): this {
    const where = `${this.constructor.name}.configure`;
    const target = this.#requireTarget('configure');
    const kinds = Object.entries(this.hyperparam).map(([name, value]) => [name, typeof value as OptionKind]);
    const { lrScale, weightDecay, ...own } = checkOptions<ConfigureOptions>(
      where,
      options,
      { ...Object.fromEntries(kinds), lrScale: 'number', weightDecay: 'boolean' },
      { lrMultiplier: 'lrScale', lr_mult: 'lrScale', decay: 'weightDecay' },
    );
    if (lrScale !== undefined && rateName(this.hyperparam) === undefined) {
      throw new InvalidArgumentError(
        `${where} lrScale`,
        'an optimizer with a step size',
        this.constructor.name,
      );
    }
    const matches = nameMatcher(names, where);
    const all = [...target.namedparams()];
    const chosen = all.filter(([path]) => matches(path));
    if (chosen.length === 0)
      throw noSuchParameter(
        where,
        names,
        all.map(([path]) => path),
      );
    for (const [, param] of chosen) {
      const rule = param.updateRule;
      if (rule === null) continue;
      Object.assign(rule.hyperparam, own);
      if (lrScale !== undefined) rule.rateScale = lrScale;
      if (weightDecay === undefined) continue;
      rule.decays = weightDecay;
      if ('weightDecayRate' in rule.hyperparam) {
        Object.assign(rule.hyperparam, { weightDecayRate: weightDecay ? own['weightDecayRate'] : 0 });
      }
    }
    return this;
  }

  /** Keeps the number of updates. */
  #save(): Saved {
    const { t } = this;
    return {
      restore: () => {
        this.t = t;
      },
      release() {},
    };
  }

  #backward<A extends unknown[]>(target: Link, lossFn: LossFunction<A>, args: A): tf.Scalar {
    const lossOf = lossFn instanceof Link ? () => lossFn.call(...args) : () => lossFn(...args);
    const forward = () => {
      const loss = lossOf();
      target.cleargrads();
      return loss as tf.Tensor;
    };
    return tf.keep(backward(forward, target));
  }

  /**
   * The parameters that an update changes, each storage once: of share-copies the first one with a rule, to which the
   * gradients of the others move. Missing gradients become zeros.
   */
  #trainable(target: Link): Parameter[] {
    const groups = new Map<tf.Tensor, Parameter[]>();
    for (const param of new Set(target.params(false))) {
      if (param.frozen) continue;
      const group = groups.get(param.tensor);
      if (group === undefined) groups.set(param.tensor, [param]);
      else group.push(param);
    }
    const trainable: Parameter[] = [];
    for (const group of groups.values()) {
      const first = group.find((param) => param.updateRule !== null);
      if (first === undefined) this.#warnOfMissingRule(group[0]!);
      else {
        for (const other of group) {
          if (other === first) continue;
          first.addgrad(other);
          other.cleargrad();
        }
        if (first.grad === null) {
          tf.tidy(() => {
            first.grad = tf.zerosLike(first.tensor);
          });
        }
        trainable.push(first);
      }
    }
    return trainable;
  }

  /** Chainer leaves such a parameter as it is without a word. */
  #warnOfMissingRule(param: Parameter): void {
    if (this.#warned.has(param)) return;
    this.#warned.add(param);
    console.warn(
      `Parameter '${param.path}' is not updated: it came into the model after optimizer.setup(). ` +
        'Call setup(model) again (state and t start anew), or freeze it: param.frozen = true.',
    );
  }

  /**
   * Adds a hook; hooks run in order of addition, before those of the rules.
   * @throws OptimizerNotSetUpError before `setup`, DuplicateNameError, InvalidArgumentError.
   */
  addHook(hook: OptimizerHook, options: HookOptions = {}): this {
    this.#requireTarget('addHook');
    this.#hooks.add(`${this.constructor.name}.addHook`, hook, options);
    return this;
  }

  /** @throws UnknownNameError */
  removeHook(name: string): void {
    this.#hooks.remove(`${this.constructor.name}.removeHook`, name);
  }

  /** Runs the hooks of one timing, as `update` does. */
  callHooks(timing: HookTiming): void {
    const params = this.#trainable(this.#requireTarget('callHooks'));
    this.#runHooks(timing, params);
    for (const param of params) param.updateRule?.settleDecay(param);
  }

  #runHooks(timing: HookTiming, params: readonly Parameter[]): void {
    for (const hook of this.#hooks.of(timing)) {
      // A hook that looks at gradients sees them with the decay that was added before.
      if (hook.decayRate === undefined) for (const param of params) param.updateRule?.settleDecay(param);
      hook.forOptimizer?.(this);
      for (const param of params) param.updateRule?.callHook(hook, param);
    }
  }

  /**
   * Counts an epoch.
   * @param auto true from an updater that has set `useAutoNewEpoch`.
   * @throws InvalidArgumentError when both the updater and the caller would count.
   */
  newEpoch(auto = false): void {
    if (auto !== this.useAutoNewEpoch) {
      throw new InvalidArgumentError(
        `${this.constructor.name}.newEpoch`,
        auto ? 'useAutoNewEpoch to be true' : 'no call by hand while an updater counts the epochs',
        auto ? 'false' : 'newEpoch()',
        auto
          ? 'Set optimizer.useAutoNewEpoch = true before.'
          : 'Leave the call out, or set optimizer.useAutoNewEpoch = false.',
      );
    }
    this.epoch += 1;
  }

  /**
   * `t`, `epoch` and the state of every rule under its parameter's path, Chainer's keys; parameters are not included.
   * State that does not exist yet is listed too, so that a file can be loaded into a new optimizer.
   */
  *serialEntries(prefix = ''): Generator<SerialEntry> {
    const target = this.#requireTarget('serialEntries');
    yield countEntry(`${prefix}t`, this, 't');
    yield countEntry(`${prefix}epoch`, this, 'epoch');
    for (const [path, param] of target.namedparams()) {
      if (param.updateRule !== null)
        yield* param.updateRule.serialEntries(`${prefix}${path.slice(1)}/`, param);
    }
  }

  /** Frees the state and the last loss, and leaves the model without rules; `setup` may follow. May be called again. */
  dispose(): void {
    this.#freeLoss();
    this.#accumulating = false;
    for (const [param, rule] of this.#rules) {
      rule.dispose();
      if (param.updateRule === rule) param.updateRule = null;
    }
    this.#rules.clear();
    this.#warned = new WeakSet();
    this.#hooks = new HookList();
    this.#target = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #requireTarget(method: string): Link {
    if (this.#target === null) throw new OptimizerNotSetUpError(`${this.constructor.name}.${method}`);
    return this.#target;
  }

  toString(): string {
    const values = Object.entries(this.hyperparam).map(([name, value]) => `${name}=${value}`);
    return `${this.constructor.name}(${values.join(', ')})`;
  }
}

function noSuchParameter(where: string, names: NameFilter, paths: readonly string[]): UnknownNameError {
  const asked = String(names);
  const word = asked.replaceAll(/[^\w/]|\\/g, '');
  const nearest = nearestName(word, paths) ?? paths.find((path) => path.includes(word));
  const near = nearest === undefined || nearest === null ? paths.slice(0, 8) : [nearest];
  return new UnknownNameError(where, asked, near);
}
