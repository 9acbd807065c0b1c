import type { Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { bilinear } from '../functions/bilinear.ts';
import { Link } from '../link.ts';
import { checkOptions } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { bias, weight } from './arguments.ts';

/** Weighted products of all pairs of units of two inputs (Chainer's `Bilinear`). Parameters: W (left, right, out), V1, V2, b. */
export class Bilinear extends Link {
  readonly W: Parameter;
  readonly V1: Parameter | null;
  readonly V2: Parameter | null;
  readonly b: Parameter | null;

  /** @param options nobias: whether the products are all there is: no V1, V2 and b. Default false. */
  constructor(leftSize: number, rightSize: number, outSize: number, options: { nobias?: boolean } = {}) {
    super();
    const { nobias = false } = checkOptions('Bilinear', options, { nobias: 'boolean' });
    this.W = weight('W', null, [leftSize, rightSize, outSize]);
    this.V1 = nobias ? null : weight('V1', null, [leftSize, outSize]);
    this.V2 = nobias ? null : weight('V2', null, [rightSize, outSize]);
    this.b = nobias ? null : bias('b', 0, [outSize]);
  }

  /** @param e1 (N, left). @param e2 (N, right). @returns (N, out). */
  override forward(e1: Tensor2D, e2: Tensor2D): Tensor2D {
    const W = this.W.tensor as Tensor3D;
    if (this.V1 === null) return bilinear(e1, e2, W);
    const [V1, V2, b] = [this.V1.tensor, this.V2!.tensor, this.b!.tensor] as [Tensor2D, Tensor2D, Tensor1D];
    return bilinear(e1, e2, W, { V1, V2, b });
  }
}
