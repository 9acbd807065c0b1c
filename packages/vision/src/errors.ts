/** The errors of the vision package. Programs catch by class and read the fields; people read the message. */
import { ChaingradError } from '@chaingrad/core';

/** The base of all errors of `@chaingrad/vision`. */
export class VisionError extends ChaingradError {}

/** A value does not have the layout that the package works with. */
abstract class LayoutError extends VisionError {
  constructor(
    readonly where: string,
    readonly expected: string,
    readonly got: string,
    advice = '',
  ) {
    super(`${where}: expected ${expected}, got ${got}.${advice === '' ? '' : ` ${advice}`}`);
  }
}

/** Something that should be an image is not: wrong shape, type or range. */
export class ImageFormatError extends LayoutError {}

/** Boxes, labels or scores do not have the layout of the package, or do not fit each other. */
export class BboxFormatError extends LayoutError {}

/** Masks or label maps do not have the layout of the package, or do not fit each other. */
export class MaskFormatError extends LayoutError {}

/** An option has a value that cannot be used. */
export class VisionOptionError extends VisionError {
  constructor(
    readonly where: string,
    readonly option: string,
    readonly expected: string,
    readonly got: unknown,
    advice = '',
  ) {
    super(
      `${where}: '${option}' must be ${expected}, got ${JSON.stringify(got) ?? String(got)}.` +
        (advice === '' ? '' : ` ${advice}`),
    );
  }
}
