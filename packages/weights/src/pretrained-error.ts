/** The errors of choosing a pretrained model. */
import { ChaingradError } from '@chaingrad/core';

/** An argument contradicts the pretrained weights, or is missing. */
export class PretrainedArgumentError extends ChaingradError {
  constructor(
    /** The argument, e.g. `nFgClass`. */
    readonly argument: string,
    /** What it must be, or null where it only must be given. */
    readonly expected: unknown,
    readonly got: unknown,
    advice: string,
  ) {
    const must = expected === null ? 'must be specified' : `must be ${show(expected)}, got ${show(got)}`;
    super(`${argument} ${must}. ${advice}`);
  }
}

/** A name that no pretrained model has, and that is no path either. */
export class UnknownPretrainedError extends ChaingradError {
  constructor(
    readonly pretrained: string,
    readonly known: readonly string[],
  ) {
    super(
      `There is no pretrained model '${pretrained}'. Known names: ${known.join(', ')}. ` +
        `A file needs a path (./${pretrained}) or an address.`,
    );
  }
}

const show = (value: unknown): string => (Array.isArray(value) ? `(${value.join(', ')})` : String(value));
