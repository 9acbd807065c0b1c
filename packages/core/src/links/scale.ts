import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { Chain } from '../chain.ts';
import { InvalidArgumentError } from '../errors.ts';
import { bias, scale } from '../functions/affine.ts';
import { checkFloats } from '../functions/arguments.ts';
import type { Shape } from '../initializers.ts';
import { Link } from '../link.ts';
import { checkOptions } from '../options.ts';
import { Parameter } from '../parameter.ts';

export interface BiasOptions {
  /** The first axis of x that the parameter covers. Default the one that makes it end at the last axis (channels). */
  axis?: number;
}

/** Adds a learned array along some axes (Chainer's `Bias`). Parameter: b, if a shape is given. */
export class Bias<T extends Tensor = Tensor4D> extends Link {
  readonly b: Parameter | null;
  readonly axis: number | null;

  /** @param shape of b; null: what is added comes with each call. */
  constructor(shape: Shape | null = null, options: BiasOptions = {}) {
    super();
    const { axis } = checkOptions('Bias', options, { axis: 'number' });
    this.b = shape === null ? null : new Parameter(0, shape, 'b');
    this.axis = axis ?? null;
  }

  /** @param y what is added, only without b. @throws InvalidArgumentError when both or neither are there. */
  override forward(x: T, y?: Tensor): T {
    checkFloats('bias x', x);
    return bias(x, operand(this, 'b', this.b, y), this.axis ?? undefined);
  }

  override get printableSpecs() {
    return { shape: this.b?.partialShape ?? null, axis: this.axis };
  }
}

export interface ScaleOptions extends BiasOptions {
  /** Whether a bias of W's shape is added afterwards. Default false. */
  biasTerm?: boolean;
  /** The shape of the bias where W comes with each call. */
  biasShape?: Shape;
}

/** Multiplies by a learned array along some axes (Chainer's `Scale`). Parameter: W, if a shape is given; child: bias, on demand. */
export class Scale<T extends Tensor = Tensor4D> extends Chain {
  readonly W: Parameter | null;
  readonly bias: Bias<T> | null;
  readonly axis: number | null;

  /** @param shape of W; null: the factor comes with each call. */
  constructor(shape: Shape | null = null, options: ScaleOptions = {}) {
    super();
    const {
      axis,
      biasTerm = false,
      biasShape,
    } = checkOptions('Scale', options, { axis: 'number', biasTerm: 'boolean', biasShape: 'object' });
    const shapeOfBias = shape ?? biasShape ?? null;
    if (biasTerm && shapeOfBias === null) {
      throw new InvalidArgumentError(
        'Scale',
        'a biasShape',
        'none',
        'There is no W whose shape the bias could have.',
      );
    }
    this.W = shape === null ? null : new Parameter(1, shape, 'W');
    this.bias = biasTerm ? new Bias<T>(shapeOfBias, axis === undefined ? {} : { axis }) : null;
    this.axis = axis ?? null;
  }

  /** @param y the factor, only without W. @throws InvalidArgumentError when both or neither are there. */
  override forward(x: T, y?: Tensor): T {
    checkFloats('scale x', x);
    const scaled = scale(x, operand(this, 'W', this.W, y), this.axis ?? undefined);
    return this.bias === null ? scaled : this.bias.call(scaled);
  }

  override get printableSpecs() {
    return { shape: this.W?.partialShape ?? null, axis: this.axis, biasTerm: this.bias !== null };
  }
}

function operand(link: Link, name: string, own: Parameter | null, given: Tensor | undefined): Tensor {
  if ((own === null) === (given === undefined)) {
    const where = `${link.constructor.name} ${link.path}`.trim();
    throw new InvalidArgumentError(
      where,
      own === null
        ? 'a second argument, as it was made without a shape'
        : `no second argument beside ${name}`,
      own === null ? 'none' : 'one',
    );
  }
  return own?.tensor ?? given!;
}
