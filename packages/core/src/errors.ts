/** Every error that the core throws on purpose. Programs catch by class and read the fields; people read the message. */

import type { MatchReport } from './matching/plan.ts';

const shapeText = (shape: readonly (number | null)[] | null): string =>
  shape === null ? 'no shape yet' : `(${shape.map((n) => n ?? '?').join(', ')})`;

/** The base of all errors of chaingrad's core. */
export class ChaingradError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A parameter without a shape was read. */
export class UninitializedParameterError extends ChaingradError {
  constructor(readonly path: string) {
    super(
      `Parameter ${path} is not initialized: its shape is found at the first forward pass. ` +
        `Call model.initialize(inputShape) or run one forward pass, or give the link its in-size.`,
    );
  }
}

/** A parameter or persistent was used after dispose(). */
export class DisposedError extends ChaingradError {
  constructor(readonly path: string) {
    super(`${path} was disposed and cannot be used again. Build a new model, or dispose later.`);
  }
}

/** Two shapes that must be equal differ. Nothing is broadcast or reshaped in silence. */
export class ShapeMismatchError extends ChaingradError {
  constructor(
    readonly path: string,
    /** Open dimensions are null. */
    readonly expected: readonly (number | null)[],
    readonly got: readonly number[] | null,
    advice = 'Shapes must be equal: nothing is broadcast or reshaped.',
  ) {
    super(`${path}: expected shape ${shapeText(expected)}, got ${shapeText(got)}. ${advice}`);
  }
}

/** An argument, an input or a field has a value that cannot be used. */
export class InvalidArgumentError extends ChaingradError {
  constructor(
    readonly where: string,
    readonly expected: string,
    readonly got: unknown,
    advice = '',
  ) {
    super(`${where}: expected ${expected}, got ${String(got)}.${advice === '' ? '' : ` ${advice}`}`);
  }
}

/** An option has a name that does not exist. */
export class UnknownOptionError extends InvalidArgumentError {
  constructor(
    where: string,
    readonly option: string,
    readonly known: readonly string[],
    /** The known name that was probably meant; null where none is near. */
    readonly nearest: string | null,
    /** What to write in its place, where that is more than the name: `match: 'common'`. */
    written = nearest,
  ) {
    const expected = known.length === 0 ? 'no options' : `an option of ${known.join(', ')}`;
    const meant = written === nearest ? `'${nearest}'` : written;
    super(where, expected, `'${option}'`, nearest === null ? '' : `Did you mean ${meant}?`);
  }
}

/** A name is taken already. */
export class DuplicateNameError extends ChaingradError {
  constructor(
    readonly where: string,
    readonly duplicate: string,
  ) {
    super(`${where}: the name '${duplicate}' exists already. Choose another, or delete the old one first.`);
  }
}

/** A name that must exist does not. */
export class UnknownNameError extends ChaingradError {
  constructor(
    readonly where: string,
    readonly unknown: string,
    readonly known: readonly string[] = [],
  ) {
    super(
      `${where}: there is no '${unknown}'.${known.length === 0 ? '' : ` Known names: ${known.join(', ')}.`}`,
    );
  }
}

/** Two models that must have the same structure do not. */
export class StructureMismatchError extends ChaingradError {
  constructor(
    readonly path: string,
    readonly detail: string,
  ) {
    super(`${path}: ${detail}`);
  }
}

/** A part of a model lies where the traversal does not see it: it would be neither trained nor saved nor copied. */
export class HiddenPartError extends ChaingradError {
  constructor(
    /** The field, or the link whose `forward` uses the part. */
    readonly where: string,
    readonly part: string,
    advice: string,
  ) {
    super(
      `${where}: expected every link and parameter in a field of its own, a ChainList or a ChainDict, got ${part}. ` +
        `There it would be neither trained nor saved nor copied. ${advice}`,
    );
  }
}

/** A link has `#private` fields that a copy would lack. */
export class NotCopyableError extends ChaingradError {
  constructor(
    /** The class that has them. */
    readonly className: string,
    readonly names: readonly string[],
    cause?: unknown,
  ) {
    super(
      `${className}.copy: the values of ${names.map((name) => `#${name}`).join(', ')} cannot be read from outside the class, and its ` +
        `constructor cannot be run again without arguments. Use TypeScript's private in place of #, or define in ${className}: ` +
        `protected override newInstance() { return new ${className}(...); }`,
    );
    this.cause = cause;
  }
}

/** A call that would have changed nothing, where something was asked for. */
export class NothingToDoError extends ChaingradError {
  constructor(
    message: string,
    /** Where names were matched: what did not fit, and why. */
    readonly report?: MatchReport,
  ) {
    super(message);
  }
}

/** An optimizer was used before it got a model. */
export class OptimizerNotSetUpError extends ChaingradError {
  constructor(readonly where: string) {
    super(`${where}: the optimizer has no model yet. Call optimizer.setup(model) first.`);
  }
}

/** A value was read while only shapes are known (inside `initialize` or `summary`). */
export class ShapeOnlyError extends ChaingradError {
  constructor(readonly operation: string) {
    super(
      `${operation} needs values, but only shapes are computed here (initialize() or summary()). ` +
        `Run one real forward pass instead, or keep data() and dataSync() out of forward().`,
    );
  }
}

/** A kernel without a shape rule was met while only shapes are known. */
export class UnsupportedInMetaError extends ChaingradError {
  constructor(readonly kernel: string) {
    super(
      `The shape of kernel '${kernel}' cannot be found without computing it. ` +
        `Run one real forward pass in place of initialize() or summary().`,
    );
  }
}
