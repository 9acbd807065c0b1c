/** The error of every file reader: the bytes are not what the format says they must be. */
import { ChaingradError } from '../errors.ts';

/** Where in which file something is wrong. */
export interface FormatPlace {
  /** The file's name, as far as it is known. */
  readonly file: string;
  /** The array, entry or table inside the file. */
  readonly key?: string;
}

/** A weight file is damaged, lies about its sizes, or holds something that is not read on purpose. */
export class FormatError extends ChaingradError {
  readonly file: string;
  readonly key: string | undefined;

  constructor(
    place: FormatPlace,
    readonly expected: string,
    readonly got: string,
    readonly advice = 'The file is damaged or was not written in this format: fetch or write it again.',
    cause?: unknown,
  ) {
    const where = place.key === undefined ? place.file : `${place.file}, '${place.key}'`;
    super(`${where}: expected ${expected}, got ${got}. ${advice}`);
    this.file = place.file;
    this.key = place.key;
    if (cause !== undefined) this.cause = cause;
  }
}

/** A value of a file for a message: the beginning of its JSON. What is nested too deeply for JSON is only called so. */
export function brief(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? 'nothing').slice(0, 200);
  } catch {
    return 'something that is nested too deeply';
  }
}
