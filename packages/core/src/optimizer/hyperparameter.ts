/** Numbers and switches that steer an optimizer, by name. */
export type Hyperparameters = Record<string, number | boolean>;

/**
 * Hyperparameters that fall back to `parent` (Chainer's `Hyperparameter`): a name that is set here shadows the
 * parent's, every other one follows the parent as it changes. Setting `undefined` restores the fallback.
 * A name that the parent lacks cannot be set: TypeError, where a typo would otherwise do nothing.
 */
export function inheritHyperparameters<H extends Hyperparameters>(parent: H): H {
  const own: Partial<H> = {};
  const view = {} as H;
  for (const name of Object.keys(parent) as (keyof H)[]) {
    Object.defineProperty(view, name, {
      get: () => own[name] ?? parent[name],
      set: (value: H[typeof name] | undefined) => {
        own[name] = value;
      },
      enumerable: true,
    });
  }
  return Object.preventExtensions(view);
}
