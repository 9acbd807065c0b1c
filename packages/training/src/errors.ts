/** Errors of training, beside those of `@chaingrad/core`. */
import { ChaingradError } from '@chaingrad/core';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** An example could not be read, decoded or augmented. */
export class ExampleError extends ChaingradError {
  constructor(
    /** The example's index in the dataset. */
    readonly index: number,
    /** What happened. */
    override readonly cause: unknown,
  ) {
    super(`Example ${index}: ${messageOf(cause)}`);
  }
}

/** Examples of a batch that cannot become one array. */
export class BatchError extends ChaingradError {
  constructor(
    /** Which part of the examples: '[0]', 'label', or '' for the whole. */
    readonly where: string,
    readonly expected: string,
    readonly got: string,
    advice: string,
  ) {
    super(`batch${where === '' ? '' : ` ${where}`}: expected ${expected}, got ${got}. ${advice}`);
  }
}

/** A trainer was asked for something at the wrong time. */
export class TrainerStateError extends ChaingradError {}

/** A parameter became NaN or infinite. */
export class NonNumberError extends ChaingradError {
  constructor(
    /** The optimizer whose model diverged. */
    readonly optimizer: string,
    /** The paths of the parameters. */
    readonly paths: readonly string[],
    readonly iteration: number,
  ) {
    super(
      `Parameters are NaN or infinite at iteration ${iteration} (optimizer '${optimizer}'): ${paths.join(', ')}. ` +
        'Training cannot go on from here: lower the learning rate, clip the gradients, or look at the data.',
    );
  }
}

/** A file of a store could not be read or written. */
export class StoreError extends ChaingradError {
  constructor(
    /** Where: the folder, or the store's name. */
    readonly location: string,
    readonly file: string,
    problem: string,
    override readonly cause?: unknown,
  ) {
    super(`${location}, '${file}': ${problem}`);
  }
}
