import { ChaingradError } from '@chaingrad/core';

/** A forward pass has no ONNX graph. The message names the link in whose `forward` it stands. */
export class OnnxExportError extends ChaingradError {
  constructor(
    /** The link's path; '/' for the exported one. */
    readonly path: string,
    readonly detail: string,
    advice = '',
  ) {
    super(`${path}: ${detail}${advice === '' ? '' : ` ${advice}`}`);
  }
}
