/** Numbers and switches that steer an optimizer, by name. */
export type Hyperparameters = Record<string, number | boolean>;

/** The hyperparameter that is the step size; undefined where a rule has none (AdaDelta). */
export const rateName = (hyperparam: Hyperparameters): string | undefined =>
  ['lr', 'alpha'].find((name) => name in hyperparam);

const owned = new WeakMap<object, Partial<Hyperparameters>>();

/** What is set in hyperparameters that fall back to others; what is undefined is not. */
export const ownHyperparameters = (view: Hyperparameters): Partial<Hyperparameters> => owned.get(view) ?? {};

/**
 * Hyperparameters that fall back to `parent` (Chainer's `Hyperparameter`): a name that is set here shadows the
 * parent's, every other one follows the parent as it changes. Setting `undefined` restores the fallback.
 * A name that the parent lacks cannot be set: TypeError, where a typo would otherwise do nothing.
 * @param rateScale what the step size of the parent is multiplied by; asked at each reading.
 */
export function inheritHyperparameters<H extends Hyperparameters>(
  parent: H,
  rateScale: () => number = () => 1,
): H {
  const own: Partial<H> = {};
  const view = {} as H;
  owned.set(view, own);
  const rate = rateName(parent);
  const inherited = (name: keyof H) =>
    name === rate ? (((parent[name] as number) * rateScale()) as H[typeof name]) : parent[name];
  for (const name of Object.keys(parent) as (keyof H)[]) {
    Object.defineProperty(view, name, {
      get: () => own[name] ?? inherited(name),
      set: (value: H[typeof name] | undefined) => {
        own[name] = value;
      },
      enumerable: true,
    });
  }
  return Object.preventExtensions(view);
}
