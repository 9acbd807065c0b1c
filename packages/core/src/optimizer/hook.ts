import { DuplicateNameError, InvalidArgumentError, UnknownNameError } from '../errors.ts';
import { checkOptions, valueText } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import type { Optimizer } from './optimizer.ts';
import type { UpdateRule } from './update-rule.ts';

/** Before the parameters change, or after. */
export type HookTiming = 'pre' | 'post';

/**
 * Changes gradients (or values) around an update (Chainer's optimizer hooks).
 * It has one of three members. With `forEachParam` it may be added to an optimizer or to one parameter's rule, with `decayRate`
 * too; with `forOptimizer` it sees the whole model, and belongs to an optimizer.
 */
export interface OptimizerHook {
  readonly name: string;
  /** Default 'pre'. */
  readonly timing?: HookTiming;
  /**
   * How much of the values is added to the gradient. A hook that does nothing else says so by this number, and rules that can
   * add it in the pass of their step: `UpdateRule.addDecay`.
   */
  readonly decayRate?: number;
  /** Called for every parameter that is not frozen (Chainer's `call_for_each_param = True`). */
  forEachParam?(rule: UpdateRule, param: Parameter): void;
  /** Called once an update (Chainer's `call_for_each_param = False`). */
  forOptimizer?(optimizer: Optimizer): void;
}

export interface HookOptions {
  /** Under which the hook is known, and can be removed. Default the hook's own. */
  readonly name?: string;
  /** Default the hook's own, else 'pre'. */
  readonly timing?: HookTiming;
}

/** The hooks of an optimizer or of a rule, in order of addition. */
export class HookList {
  readonly #hooks = new Map<string, { hook: OptimizerHook; timing: HookTiming }>();

  /**
   * @param where who adds, for messages.
   * @throws DuplicateNameError, or InvalidArgumentError for a hook without a name or method, or a wrong timing.
   */
  add(where: string, hook: OptimizerHook, options: HookOptions): void {
    const { name = hook.name, timing = hook.timing ?? 'pre' } = checkOptions(where, options, {
      name: 'any',
      timing: ['pre', 'post'],
    });
    if (typeof name !== 'string' || name === '') {
      throw new InvalidArgumentError(
        where,
        'a hook with a name',
        name,
        "Give it one: addHook(hook, { name: 'myHook' }).",
      );
    }
    if ((hook.forEachParam ?? hook.forOptimizer ?? hook.decayRate) === undefined) {
      throw new InvalidArgumentError(
        where,
        'a hook with forEachParam(), forOptimizer() or decayRate',
        `'${name}'`,
      );
    }
    if (timing !== 'pre' && timing !== 'post')
      throw new InvalidArgumentError(`${where} timing`, "'pre' | 'post'", valueText(timing));
    if (this.#hooks.has(name)) throw new DuplicateNameError(where, name);
    this.#hooks.set(name, { hook, timing });
  }

  /** @throws UnknownNameError */
  remove(where: string, name: string): void {
    if (!this.#hooks.delete(name)) throw new UnknownNameError(where, name, [...this.#hooks.keys()]);
  }

  *of(timing: HookTiming): Generator<OptimizerHook> {
    for (const entry of this.#hooks.values()) if (entry.timing === timing) yield entry.hook;
  }
}
