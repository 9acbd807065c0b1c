import type { BatchStatistics } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { config } from '../configuration.ts';
import { InvalidArgumentError, ShapeMismatchError } from '../errors.ts';
import type { Axes } from '../functions/arguments.ts';
import { batchAxes, batchNormalization, fixedBatchNormalization } from '../functions/normalization.ts';
import { type InitializerLike, type Shape, toInitializer } from '../initializers.ts';
import { Link } from '../link.ts';
import { metaMode } from '../meta/mode.ts';
import { checkOptions, type OptionKinds } from '../options.ts';
import { type Parameter, shapesEqual } from '../parameter.ts';
import { Persistent } from '../persistent.ts';
import { whileRunning } from '../running.ts';
import { bias, type InitializerOption } from './arguments.ts';

export interface BatchNormalizationLinkOptions {
  /** How much of the running statistics stays at each step. Default 0.9. */
  decay?: number;
  /** Added to the variance. Default 2e-5. */
  eps?: number;
  /** The axes over which the statistics are taken. Default all but the last (channels). */
  axis?: Axes;
  useGamma?: boolean;
  useBeta?: boolean;
  /** Default 1. */
  initialGamma?: InitializerOption;
  /** Default 0. */
  initialBeta?: InitializerOption;
  /** Default 0. */
  initialAvgMean?: InitializerOption;
  /** Default 1. */
  initialAvgVar?: InitializerOption;
}

const kinds: OptionKinds<BatchNormalizationLinkOptions> = {
  decay: 'number',
  eps: 'number',
  axis: 'any',
  useGamma: 'boolean',
  useBeta: 'boolean',
  initialGamma: 'any',
  initialBeta: 'any',
  initialAvgMean: 'any',
  initialAvgVar: 'any',
};

/**
 * Batch normalization (Ioffe and Szegedy, 2015; Chainer's `BatchNormalization`). Parameters: gamma, beta; persistents: avg_mean,
 * avg_var and N, all but N of the shape (C) for channels last.
 *
 * Made for (N, H, W, C); `new BatchNormalization<Tensor2D>(8)` takes (N, C).
 * While `config.train` is on it uses the batch's statistics and moves the running ones; else it uses the running ones.
 */
export class BatchNormalization<T extends tf.Tensor = tf.Tensor4D> extends Link {
  readonly gamma: Parameter | null;
  readonly beta: Parameter | null;
  readonly avg_mean: Persistent<tf.Tensor | null>;
  readonly avg_var: Persistent<tf.Tensor | null>;
  readonly N: Persistent<number>;
  readonly decay: number;
  readonly eps: number;
  readonly axis: Axes | null;
  private readonly initialAvgMean: InitializerLike;
  private readonly initialAvgVar: InitializerLike;

  /**
   * @param size the number of channels, or the shape of the axes that are not reduced; null: found at the first call.
   * @throws InvalidArgumentError when neither size nor axis is given.
   */
  constructor(size: number | Shape | null = null, options: BatchNormalizationLinkOptions = {}) {
    super();
    checkOptions('BatchNormalization', options, kinds);
    const { decay = 0.9, eps = 2e-5, axis = null, useGamma = true, useBeta = true } = options;
    if (size === null && axis === null) {
      throw new InvalidArgumentError(
        'BatchNormalization',
        'a size or an axis',
        'neither',
        'Give the number of channels, or the axes of the statistics, e.g. { axis: [0, 1, 2] }.',
      );
    }
    this.decay = decay;
    this.eps = eps;
    this.axis = axis;
    this.gamma = useGamma ? bias('gamma', options.initialGamma, null, 1) : null;
    this.beta = useBeta ? bias('beta', options.initialBeta) : null;
    this.avg_mean = new Persistent<tf.Tensor | null>(null);
    this.avg_var = new Persistent<tf.Tensor | null>(null);
    this.N = new Persistent<number>(0);
    this.initialAvgMean = options.initialAvgMean ?? 0;
    this.initialAvgVar = options.initialAvgVar ?? 1;
    if (size !== null) this.initializeFor(typeof size === 'number' ? [size] : size);
  }

  private initializeFor(shape: Shape): void {
    if (this.gamma?.isInitialized === false) this.gamma.initialize(shape);
    if (this.beta?.isInitialized === false) this.beta.initialize(shape);
    this.fill(this.avg_mean, this.initialAvgMean, shape);
    this.fill(this.avg_var, this.initialAvgVar, shape);
  }

  private fill(statistic: Persistent<tf.Tensor | null>, initial: InitializerLike, shape: Shape): void {
    if (statistic.value !== null) return;
    const mode = metaMode();
    if (mode !== null) {
      // A persistent must not hold a tensor without values; it gets its own when the mode ends.
      mode.defer((draw) => {
        if (draw) this.fill(statistic, initial, shape);
      });
      return;
    }
    if (initial instanceof tf.Tensor) {
      if (!shapesEqual(initial.shape, shape))
        throw new ShapeMismatchError(statistic.path, shape, initial.shape);
      statistic.value = initial;
      return;
    }
    const drawn = tf.tensor(toInitializer(initial).generate(shape), [...shape]);
    statistic.value = drawn;
    drawn.dispose();
  }

  /**
   * @param x (N, H, W, C), (N, C) or any other shape.
   * @param finetune with `config.train`: the running statistics become plain means over the batches since `startFinetuning`.
   * @returns normalized x.
   * @throws ShapeMismatchError with the path of gamma (or avg_mean) when x has other channels.
   */
  override forward(x: T, finetune = false): T {
    const { shape } = batchAxes(this.constructor.name, x, this.axis ?? undefined);
    this.initializeFor(shape);
    const known = this.gamma?.shape ?? this.beta?.shape ?? this.avg_mean.value?.shape ?? shape;
    if (!shapesEqual(known, shape)) {
      const { path } = this.gamma ?? this.beta ?? this.avg_mean;
      throw new ShapeMismatchError(path, shape, known, `The input has shape (${x.shape.join(', ')}).`);
    }
    const options = { eps: this.eps, ...(this.axis === null ? {} : { axis: this.axis }) };
    const gamma = this.gamma?.tensor ?? null;
    const beta = this.beta?.tensor ?? null;
    // Where only shapes are computed the running statistics may have no values yet, and must not move.
    const [avgMean, avgVar] = [this.avg_mean.value, this.avg_var.value];
    if (!config.train && avgMean !== null && avgVar !== null)
      return fixedBatchNormalization(x, gamma, beta, avgMean, avgVar, options);
    const { y, mean, variance, unbiased } = batchNormalization(x, gamma, beta, options);
    if (metaMode() === null) this.move(mean, tf.mul(variance, unbiased), finetune);
    return y;
  }

  /**
   * What a convolution needs to normalize its `channels` outputs by itself, in the pass that computes them. Null where calling this
   * link is more than that: it learns statistics, or has other axes or sizes.
   */
  statisticsFor(channels: number): BatchStatistics | null {
    const [mean, variance] = [this.avg_mean.value, this.avg_var.value];
    if (config.train || metaMode() !== null || this.axis !== null || mean === null || variance === null)
      return null;
    if (!shapesEqual(mean.shape, [channels])) return null;
    // As in a call, which says whose the parameters are.
    const [gamma, beta] = whileRunning(this, () => [this.gamma?.tensor ?? null, this.beta?.tensor ?? null]);
    return { mean, variance, gamma, beta, epsilon: this.eps } as BatchStatistics;
  }

  /** Moves the running statistics towards those of a batch. */
  private move(mean: tf.Tensor, variance: tf.Tensor, finetune: boolean): void {
    if (finetune) this.N.value += 1;
    const decay = finetune ? 1 - 1 / this.N.value : this.decay;
    const mix = (old: tf.Tensor, now: tf.Tensor) => tf.add(tf.mul(old, decay), tf.mul(now, 1 - decay));
    this.avg_mean.value = mix(this.avg_mean.value!, mean);
    this.avg_var.value = mix(this.avg_var.value!, variance);
  }

  /** Resets the count of batches, so that calls with `finetune` take the mean over those that follow. */
  startFinetuning(): void {
    this.N.value = 0;
  }

  override get printableSpecs() {
    return {
      size: this.gamma?.partialShape ?? this.beta?.partialShape ?? null,
      decay: this.decay,
      eps: this.eps,
      axis: this.axis,
      useGamma: this.gamma !== null,
      useBeta: this.beta !== null,
    };
  }
}
