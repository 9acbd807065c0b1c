/** Extensions that change a hyperparameter of an optimizer over time, e.g. the learning rate. */
import {
  checkOptions,
  InvalidArgumentError,
  type Optimizer,
  type OptionKinds,
  type SerialEntry,
  UnknownNameError,
} from '@chaingrad/core';
import type { Extension } from '../extension.ts';
import { integerEntry, numberEntry } from '../state-entries.ts';
import type { Trainer } from '../trainer.ts';

export interface ShiftOptions {
  /** The value at the beginning. Default what the optimizer has then. */
  readonly init?: number | null;
  /** Default the updater's optimizer 'main'. */
  readonly optimizer?: Optimizer | null;
}

const shiftKinds: OptionKinds<ShiftOptions> = { init: 'number | null', optimizer: 'object | null' };

/**
 * Sets a hyperparameter as a function of how often the extension was called: at every iteration, unless it gets another
 * trigger. It is also set before the first iteration; a snapshot keeps it.
 */
export abstract class HyperparameterShift implements Extension {
  /** Calls so far. */
  #t = 0;
  #init: number | null;
  readonly #initGiven: boolean;
  readonly #optimizer: Optimizer | null;

  /**
   * @param kinds of the options, where a subclass has more.
   * @throws UnknownOptionError
   */
  constructor(
    readonly attr: string,
    options: ShiftOptions = {},
    kinds: OptionKinds<ShiftOptions> = shiftKinds,
  ) {
    const { init = null, optimizer = null } = checkOptions(new.target.name, options, kinds);
    this.#init = init;
    this.#initGiven = init !== null;
    this.#optimizer = optimizer;
  }

  get defaultName(): string {
    return this.constructor.name;
  }

  /** The value after `t` calls; null leaves it as it is. */
  protected abstract valueAt(t: number, init: number): number | null;

  /** @throws UnknownNameError when the optimizer has no such hyperparameter. */
  initialize(trainer: Trainer): void {
    const optimizer = this.#target(trainer);
    const { hyperparam } = optimizer;
    const value = hyperparam[this.attr];
    if (typeof value !== 'number') {
      const numbers = Object.keys(hyperparam).filter((name) => typeof hyperparam[name] === 'number');
      throw new UnknownNameError(this.constructor.name, this.attr, numbers);
    }
    this.#init ??= value;
    // A snapshot has brought back the hyperparameters of the updater's optimizers, also what others have set since.
    const restored = this.#t > 0 && [...trainer.updater.getAllOptimizers().values()].includes(optimizer);
    if (!restored) this.#set(trainer);
  }

  call(trainer: Trainer): void {
    this.#t += 1;
    this.#set(trainer);
  }

  #set(trainer: Trainer): void {
    const value = this.valueAt(this.#t, this.#init!);
    if (value !== null) this.#target(trainer).hyperparam[this.attr] = value;
  }

  #target(trainer: Trainer): Optimizer {
    return this.#optimizer ?? trainer.updater.getOptimizer('main');
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield integerEntry(
      `${prefix}_t`,
      () => this.#t,
      (value) => {
        this.#t = value;
      },
    );
    // What the program says counts, also after a resume; what was found in the optimizer would be found changed.
    if (this.#initGiven) return;
    yield numberEntry(
      `${prefix}_init`,
      () => this.#init ?? Number.NaN,
      (value) => {
        this.#init = value;
      },
    );
  }
}

export interface TargetedShiftOptions extends ShiftOptions {
  /** Where the value stops. Default it does not. */
  readonly target?: number | null;
}

const targetedKinds: OptionKinds<TargetedShiftOptions> = { ...shiftKinds, target: 'number | null' };

/** A shift that may stop at a value. */
abstract class TargetedShift extends HyperparameterShift {
  readonly #target: number | null;

  constructor(attr: string, options: TargetedShiftOptions = {}) {
    super(attr, options, targetedKinds);
    this.#target = options.target ?? null;
  }

  /** The value that the schedule has, where no target stops it. */
  protected abstract freeValueAt(t: number, init: number): number;

  protected valueAt(t: number, init: number): number {
    const value = this.freeValueAt(t, init);
    const target = this.#target;
    if (target === null) return value;
    return init <= target ? Math.min(value, target) : Math.max(value, target);
  }
}

function checkNotNegative(where: string, value: number): void {
  if (!(value >= 0)) throw new InvalidArgumentError(where, 'a number of 0 or more', value);
}

const optimizerKind = { optimizer: 'object | null' } as const;

/** init * rate^t (Chainer's `ExponentialShift`). `[10, 'epoch']` as trigger multiplies every 10 epochs. */
export class ExponentialShift extends TargetedShift {
  /** @throws InvalidArgumentError when the rate is negative. */
  constructor(
    attr: string,
    readonly rate: number,
    options?: TargetedShiftOptions,
  ) {
    super(attr, options);
    checkNotNegative('ExponentialShift rate', rate);
  }

  protected freeValueAt(t: number, init: number): number {
    return init * this.rate ** t;
  }
}

/** init * (1 + gamma t)^-power (Chainer's `InverseShift`). */
export class InverseShift extends TargetedShift {
  /** @throws InvalidArgumentError when gamma or power is negative. */
  constructor(
    attr: string,
    readonly gamma: number,
    readonly power: number,
    options?: TargetedShiftOptions,
  ) {
    super(attr, options);
    checkNotNegative('InverseShift gamma', gamma);
    checkNotNegative('InverseShift power', power);
  }

  protected freeValueAt(t: number, init: number): number {
    return init * (1 + this.gamma * t) ** -this.power;
  }
}

/** init * (1 - t / maxCount)^rate, and 0 after `maxCount` calls (Chainer's `PolynomialShift`). */
export class PolynomialShift extends TargetedShift {
  /** @throws InvalidArgumentError unless rate is 0 or more and maxCount positive. */
  constructor(
    attr: string,
    readonly rate: number,
    readonly maxCount: number,
    options?: TargetedShiftOptions,
  ) {
    super(attr, options);
    checkNotNegative('PolynomialShift rate', rate);
    if (!(maxCount > 0))
      throw new InvalidArgumentError('PolynomialShift maxCount', 'a positive number', maxCount);
  }

  protected freeValueAt(t: number, init: number): number {
    return init * Math.max(1 - t / this.maxCount, 0) ** this.rate;
  }
}

/** Goes in a straight line from one value to another between two counts of calls (Chainer's `LinearShift`). */
export class LinearShift extends HyperparameterShift {
  constructor(
    attr: string,
    readonly valueRange: readonly [first: number, last: number],
    readonly timeRange: readonly [first: number, last: number],
    options: Pick<ShiftOptions, 'optimizer'> = {},
  ) {
    super(attr, { ...checkOptions('LinearShift', options, optimizerKind), init: valueRange[0] });
    if (!(timeRange[0] <= timeRange[1])) {
      throw new InvalidArgumentError('LinearShift timeRange', 'first <= last', timeRange.join(', '));
    }
  }

  protected valueAt(t: number): number {
    const [t1, t2] = this.timeRange;
    const [v1, v2] = this.valueRange;
    if (t <= t1) return v1;
    if (t >= t2) return v2;
    return v1 + ((t - t1) / (t2 - t1)) * (v2 - v1);
  }
}

/** init * gamma^k, where k counts the steps reached (Chainer's `MultistepShift`). */
export class MultistepShift extends HyperparameterShift {
  /** @param stepValue counts of calls at which the value is multiplied by gamma, ascending. @throws InvalidArgumentError */
  constructor(
    attr: string,
    readonly gamma: number,
    readonly stepValue: readonly number[],
    options?: ShiftOptions,
  ) {
    super(attr, options);
    if (stepValue.some((step, i) => !Number.isInteger(step) || step <= (stepValue[i - 1] ?? 0))) {
      throw new InvalidArgumentError(
        'MultistepShift stepValue',
        'ascending integers from 1',
        stepValue.join(', '),
      );
    }
  }

  protected valueAt(t: number, init: number): number {
    return init * this.gamma ** this.stepValue.filter((step) => t >= step).length;
  }
}

/** init * gamma^k, where k counts the full `step`s of calls (Chainer's `StepShift`). */
export class StepShift extends TargetedShift {
  /** @throws InvalidArgumentError unless gamma is 0 or more and step a positive integer. */
  constructor(
    attr: string,
    readonly gamma: number,
    readonly step: number,
    options?: TargetedShiftOptions,
  ) {
    super(attr, options);
    checkNotNegative('StepShift gamma', gamma);
    if (!Number.isInteger(step) || step < 1) {
      throw new InvalidArgumentError('StepShift step', 'a positive integer', step);
    }
  }

  protected freeValueAt(t: number, init: number): number {
    return init * this.gamma ** Math.floor(t / this.step);
  }
}

/**
 * Goes evenly from `warmupStart` to `init` in the first `warmupIter` calls, then leaves the value alone (Chainer's
 * `WarmupShift`). Register it after the schedule that goes on from there.
 */
export class WarmupShift extends HyperparameterShift {
  /** @throws InvalidArgumentError unless warmupIter is a positive integer. */
  constructor(
    attr: string,
    readonly warmupStart: number,
    readonly warmupIter: number,
    init: number,
    options: Pick<ShiftOptions, 'optimizer'> = {},
  ) {
    super(attr, { ...checkOptions('WarmupShift', options, optimizerKind), init });
    if (!Number.isInteger(warmupIter) || warmupIter < 1) {
      throw new InvalidArgumentError('WarmupShift warmupIter', 'a positive integer', warmupIter);
    }
  }

  protected valueAt(t: number, init: number): number | null {
    if (t > this.warmupIter) return null;
    return (t * init + (this.warmupIter - t) * this.warmupStart) / this.warmupIter;
  }
}
