import type { Parameter } from '../parameter.ts';

/** How one parameter is updated by its gradient, and the state that takes (Chainer's `UpdateRule`). */
export interface UpdateRule {
  update(param: Parameter): void;
  dispose(): void;
}
