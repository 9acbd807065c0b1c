import { InvalidArgumentError } from '../errors.ts';
import {
  checkOptions,
  type OptionKind,
  type OptionKinds,
  type OtherNames,
  unknownOption,
  valueText,
} from '../options.ts';
import { type Hyperparameters, rateName } from './hyperparameter.ts';
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

/** What the hyperparameters of rules are called, here and elsewhere. */
const usualNames = [
  ...[
    'lr',
    'alpha',
    'learningRate',
    'learning_rate',
    'momentum',
    'nesterov',
    'beta1',
    'beta2',
    'betas',
    'beta_1',
    'beta_2',
  ],
  ...['eps', 'epsilon', 'weightDecay', 'weight_decay', 'weightDecayRate', 'decay', 'rho', 'amsgrad'],
];

/** How a step size is called by those who know it by another name than these hyperparameters have. */
export function otherRateNames(defaults: Hyperparameters): OtherNames {
  const rate = rateName(defaults);
  if (rate === undefined) return {};
  const names = ['lr', 'alpha', 'learningRate', 'learning_rate'].filter((name) => !(name in defaults));
  return Object.fromEntries(names.map((name) => [name, rate]));
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
 * @throws UnknownOptionError for a hyperparameter that there is not, also where a usual one is set as a property: `adam.lr = 1`;
 *   InvalidArgumentError for a value of another kind, or NaN.
 */
export function gradientMethod<H extends Hyperparameters>(
  defaults: H,
  Rule: RuleClass<H>,
): GradientMethodClass<H> {
  const kinds = kindsOf(defaults);
  const otherNames = otherRateNames(defaults);
  class Method extends GradientMethod<H> {
    constructor(options?: Readonly<Partial<H>>) {
      const given = Object.entries(checkOptions(new.target.name, options ?? {}, kinds, otherNames));
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
        if (typeof value !== typeof defaults[name] || Number.isNaN(value)) {
          const where = `${this.constructor.name} ${String(name)}`;
          throw new InvalidArgumentError(where, `a ${typeof defaults[name]}`, valueText(value));
        }
        this.hyperparam[name] = value;
      },
    });
  }
  for (const name of usualNames) {
    if (name in defaults) continue;
    Object.defineProperty(Method.prototype, name, {
      configurable: true,
      get: () => undefined,
      set(this: Method) {
        throw unknownOption(this.constructor.name, name, Object.keys(defaults), otherNames);
      },
    });
  }
  return Method as unknown as GradientMethodClass<H>;
}
