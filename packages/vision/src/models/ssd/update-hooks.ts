import {
  GradientScaling,
  type Link,
  type Optimizer,
  StructureMismatchError,
  WeightDecay,
} from '@chaingrad/core';

/**
 * The update rules that SSD is trained with: biases learn twice as fast, all other parameters decay by 0.0005.
 *
 * They belong to the parameters' update rules, so the optimizer is set up first: before the call, or by it.
 * Source: ChainerCV's example `ssd/train.py`.
 *
 * ```ts
 * ssdUpdateHooks(chain, new MomentumSGD({ lr: 1e-3 }));
 * ```
 *
 * @param model the SSD or its train chain.
 * @param optimizer is set up for `model` first, if given.
 * @throws StructureMismatchError, naming the parameter, where no optimizer has been set up; nothing is changed then.
 */
export function ssdUpdateHooks(model: Link, optimizer?: Optimizer): void {
  optimizer?.setup(model);
  const rules = [...model.namedparams()].map(([path, param]) => {
    if (param.updateRule === null) {
      throw new StructureMismatchError(path, 'has no update rule yet: call optimizer.setup(model) before.');
    }
    return { name: param.name, rule: param.updateRule };
  });
  for (const { name, rule } of rules) {
    rule.addHook(name === 'b' ? new GradientScaling(2) : new WeightDecay(0.0005));
  }
}
