/** Initial values of parameters, after `chainer.initializers`. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from './errors.ts';
import { checkOptions, valueText } from './options.ts';
import { defaultRandom, type Random } from './random.ts';

export type Shape = readonly number[];

const sizeOf = (shape: Shape) => shape.reduce((a, b) => a * b, 1);

export interface InitializerOptions {
  /** The generator to draw from. Default the default one. */
  rng?: Random;
}

/** Fills arrays of a given shape. */
export abstract class Initializer {
  readonly rng: Random | undefined;

  constructor(options: InitializerOptions = {}) {
    this.rng = checkOptions(new.target.name, options, { rng: 'object' }).rng;
  }

  /** The values of an array of `shape`, in C order. */
  generate(shape: Shape): Float32Array {
    const out = new Float32Array(sizeOf(shape));
    this.fill(out, shape, this.rng ?? defaultRandom());
    return out;
  }

  protected abstract fill(out: Float32Array, shape: Shape, rng: Random): void;
}

/** What may stand for an initializer: a number is a constant fill, a tensor or an array gives the values. */
export type InitializerLike = Initializer | number | Tensor | ArrayLike<number>;

/** Every element is `value`. */
export class Constant extends Initializer {
  constructor(readonly value: number) {
    super();
  }
  protected fill(out: Float32Array): void {
    if (this.value !== 0) out.fill(this.value);
  }
}

export class Zero extends Constant {
  constructor() {
    super(0);
  }
}

export class One extends Constant {
  constructor() {
    super(1);
  }
}

/** Not a number everywhere: makes use before setting visible. */
export class NotANumber extends Constant {
  constructor() {
    super(Number.NaN);
  }
}

/** The values of `values`, whose number must fit the shape. */
export class Values extends Initializer {
  constructor(readonly values: ArrayLike<number>) {
    super();
  }
  protected fill(out: Float32Array, shape: Shape): void {
    if (this.values.length === 1) out.fill(this.values[0]!);
    else if (this.values.length === out.length) out.set(this.values);
    else
      throw new InvalidArgumentError(
        'initializer',
        `${out.length} values for (${shape.join(', ')})`,
        this.values.length,
      );
  }
}

/** The initializer that a number or an array stands for. */
export function toInitializer(initial: Initializer | number | ArrayLike<number>): Initializer {
  if (initial instanceof Initializer) return initial;
  if (typeof initial !== 'number' && !Array.isArray(initial) && !ArrayBuffer.isView(initial))
    throw new InvalidArgumentError(
      'initializer',
      'an Initializer, a number, a tensor or an array',
      valueText(initial),
    );
  return typeof initial === 'number' ? new Constant(initial) : new Values(initial);
}

/** The unit matrix times `scale`; only for square matrices. */
export class Identity extends Initializer {
  constructor(readonly scale = 1) {
    super();
  }
  protected fill(out: Float32Array, shape: Shape): void {
    const [n, m] = shape;
    if (shape.length !== 2 || n !== m) {
      throw new InvalidArgumentError('Identity initializer', 'a square matrix', `(${shape.join(', ')})`);
    }
    for (let i = 0; i < n!; i++) out[i * n! + i] = this.scale;
  }
}

/** N(0, scale^2). */
export class Normal extends Initializer {
  constructor(
    readonly scale = 0.05,
    options: InitializerOptions = {},
  ) {
    super(options);
  }
  protected fill(out: Float32Array, _shape: Shape, rng: Random): void {
    rng.fillNormal(out, 0, this.scale);
  }
}

/** U[-scale, scale]. */
export class Uniform extends Initializer {
  constructor(
    readonly scale = 0.05,
    options: InitializerOptions = {},
  ) {
    super(options);
  }
  protected fill(out: Float32Array, _shape: Shape, rng: Random): void {
    rng.fillUniform(out, -this.scale, this.scale);
  }
}

export type FanOption = 'fan_in' | 'fan_out';

/** (fan_in, fan_out) of a weight of shape (out, in, ...receptive field). */
export function fans(shape: Shape): [fanIn: number, fanOut: number] {
  if (shape.length < 2) {
    throw new InvalidArgumentError('initializer', 'a shape of 2 or more dimensions', `(${shape.join(', ')})`);
  }
  const receptive = sizeOf(shape.slice(2));
  return [shape[1]! * receptive, shape[0]! * receptive];
}

function fan(shape: Shape, option: FanOption): number {
  const [fanIn, fanOut] = fans(shape);
  return option === 'fan_in' ? fanIn : fanOut;
}

/** Normal with a deviation that depends on the fans. */
abstract class FanNormal extends Initializer {
  constructor(
    readonly scale = 1,
    options: InitializerOptions = {},
  ) {
    super(options);
  }
  protected abstract std(shape: Shape): number;
  protected fill(out: Float32Array, shape: Shape, rng: Random): void {
    rng.fillNormal(out, 0, this.scale * this.std(shape));
  }
}

/** Uniform with a limit that depends on the fans. */
abstract class FanUniform extends Initializer {
  constructor(
    readonly scale = 1,
    options: InitializerOptions = {},
  ) {
    super(options);
  }
  protected abstract limit(shape: Shape): number;
  protected fill(out: Float32Array, shape: Shape, rng: Random): void {
    const limit = this.scale * this.limit(shape);
    rng.fillUniform(out, -limit, limit);
  }
}

/** N(0, scale^2 / fan_in): the default of Chainer's weights (LeCun et al., 1998). */
export class LeCunNormal extends FanNormal {
  protected std(shape: Shape): number {
    return Math.sqrt(1 / fans(shape)[0]);
  }
}

/** N(0, scale^2 * 2 / (fan_in + fan_out)) (Glorot and Bengio, 2010). */
export class GlorotNormal extends FanNormal {
  protected std(shape: Shape): number {
    const [fanIn, fanOut] = fans(shape);
    return Math.sqrt(2 / (fanIn + fanOut));
  }
}

/** N(0, scale^2 * 2 / fan) (He et al., 2015). */
export class HeNormal extends FanNormal {
  readonly fanOption: FanOption;

  constructor(scale = 1, options: InitializerOptions & { fanOption?: FanOption } = {}) {
    const { fanOption = 'fan_in', ...rest } = checkOptions('HeNormal', options, {
      fanOption: ['fan_in', 'fan_out'],
      rng: 'object',
    });
    super(scale, rest);
    this.fanOption = fanOption;
  }
  protected std(shape: Shape): number {
    return Math.sqrt(2 / fan(shape, this.fanOption));
  }
}

/** U[-s, s], s = scale * sqrt(3 / fan_in). */
export class LeCunUniform extends FanUniform {
  protected limit(shape: Shape): number {
    return Math.sqrt(3 / fans(shape)[0]);
  }
}

/** U[-s, s], s = scale * sqrt(6 / (fan_in + fan_out)). */
export class GlorotUniform extends FanUniform {
  protected limit(shape: Shape): number {
    const [fanIn, fanOut] = fans(shape);
    return Math.sqrt(6 / (fanIn + fanOut));
  }
}

/** U[-s, s], s = scale * sqrt(6 / fan_in). */
export class HeUniform extends FanUniform {
  protected limit(shape: Shape): number {
    return Math.sqrt(6 / fans(shape)[0]);
  }
}

/** Orthonormal rows (or columns) times `scale` (Saxe et al., 2013); for (out, ...) with out <= the product of the rest. */
export class Orthogonal extends Initializer {
  constructor(
    readonly scale = 1.1,
    options: InitializerOptions = {},
  ) {
    super(options);
  }
  protected fill(out: Float32Array, shape: Shape, rng: Random): void {
    const rows = shape[0] ?? 1;
    const columns = out.length / rows;
    if (rows > columns) {
      throw new InvalidArgumentError('Orthogonal initializer', `at most ${columns} rows`, rows);
    }
    // Gram-Schmidt in float64, twice for stability.
    const basis: Float64Array[] = [];
    while (basis.length < rows) {
      const v = Float64Array.from({ length: columns }, () => rng.normal());
      for (let pass = 0; pass < 2; pass++) {
        for (const b of basis) {
          let dot = 0;
          for (let i = 0; i < columns; i++) dot += v[i]! * b[i]!;
          for (let i = 0; i < columns; i++) v[i]! -= dot * b[i]!;
        }
      }
      const norm = Math.hypot(...v);
      if (norm > 1e-9) basis.push(v.map((x) => x / norm));
    }
    for (const [r, row] of basis.entries()) {
      out.set(
        row.map((x) => x * this.scale),
        r * columns,
      );
    }
  }
}
