import { InvalidArgumentError } from '../errors.ts';
import type { Hyperparameters } from './hyperparameter.ts';
import { Optimizer } from './optimizer.ts';
import type { UpdateRule } from './update-rule.ts';

/** A rule that takes its optimizer's hyperparameters. */
export type RuleClass<H> = new (parent: H) => UpdateRule;

/** What `gradientMethod` returns: a class with a property for each hyperparameter. */
export type GradientMethodClass<H extends Hyperparameters> = new (
  options?: Readonly<Partial<H>>,
) => GradientMethod<H> & H;

/** An optimizer that gives every parameter a rule of one class (Chainer's `GradientMethod`). */
export class GradientMethod<H extends Hyperparameters> extends Optimizer<H> {
  readonly #Rule: RuleClass<H>;

  constructor(hyperparam: H, Rule: RuleClass<H>) {
    super(hyperparam);
    this.#Rule = Rule;
  }

  createUpdateRule(): UpdateRule {
    return new this.#Rule(this.hyperparam);
  }
}

/**
 * The base class of an optimizer: `class SGD extends gradientMethod({ lr: 0.01 }, SGDRule) {}`.
 * Its constructor takes the hyperparameters that differ from the defaults, and each one is a property: `optimizer.lr`.
 *
 * @param defaults every hyperparameter with its default.
 * @throws InvalidArgumentError (the constructor) for a hyperparameter that there is not.
 */
export function gradientMethod<H extends Hyperparameters>(
  defaults: H,
  Rule: RuleClass<H>,
): GradientMethodClass<H> {
  class Method extends GradientMethod<H> {
    constructor(options?: Readonly<Partial<H>>) {
      const where = new.target.name;
      const names = Object.keys(defaults).join(' | ');
      if (options !== undefined && typeof options !== 'object')
        throw new InvalidArgumentError(where, `an object of ${names}`, options);
      const hyperparam = { ...defaults };
      for (const [name, value] of Object.entries(options ?? {}) as [keyof H, H[keyof H] | undefined][]) {
        if (!Object.hasOwn(defaults, name)) throw new InvalidArgumentError(where, names, `'${String(name)}'`);
        if (value !== undefined) hyperparam[name] = value;
      }
      super(hyperparam, Rule);
    }
  }
  for (const name of Object.keys(defaults) as (keyof H)[]) {
    Object.defineProperty(Method.prototype, name, {
      get(this: Method) {
        return this.hyperparam[name];
      },
      set(this: Method, value: H[typeof name]) {
        this.hyperparam[name] = value;
      },
    });
  }
  return Method as unknown as GradientMethodClass<H>;
}
