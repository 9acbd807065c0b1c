export * from './ada-grad.ts';
export * from './adam.ts';
export {
  GradientMethod,
  type GradientMethodClass,
  gradientMethod,
  type RuleClass,
} from './gradient-method.ts';
export type { HookOptions, HookTiming, OptimizerHook } from './hook.ts';
export * from './hooks/clipping.ts';
export * from './hooks/decay.ts';
export * from './hooks/noise.ts';
export * from './hooks/scaling.ts';
export { type Hyperparameters, inheritHyperparameters } from './hyperparameter.ts';
export { type ConfigureOptions, type LossFunction, Optimizer } from './optimizer.ts';
export * from './rmsprop.ts';
export * from './sgd.ts';
export { type Step, UpdateRule } from './update-rule.ts';
