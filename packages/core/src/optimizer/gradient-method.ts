import { checkOptions, type OptionKind, type OptionKinds } from '../options.ts';
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

/** The kinds of hyperparameters with these defaults. */
export function kindsOf<H extends Hyperparameters>(defaults: H): OptionKinds<Partial<H>> {
  const kinds = Object.entries(defaults).map(([name, value]) => [name, typeof value as OptionKind]);
  return Object.fromEntries(kinds);
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
  const kinds = kindsOf(defaults);
  class Method extends GradientMethod<H> {
    constructor(options?: Readonly<Partial<H>>) {
      const given = Object.entries(checkOptions(new.target.name, options ?? {}, kinds));
      const set = given.filter(([, value]) => value !== undefined);
      super({ ...defaults, ...Object.fromEntries(set) }, Rule);
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
