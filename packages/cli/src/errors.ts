/** What goes wrong in the hands of a user: one line that says what, where and what to do. */
import { listNames } from '@chaingrad/core';
import { CommanderError } from 'commander';

/** An error whose message is meant for the user as it is: one line, no stack. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
}

/** A picture that cannot be read or written. `file` is the path as the user gave it. */
export class ImageError extends CliError {
  override readonly name = 'ImageError';

  constructor(
    readonly file: string,
    readonly reason: string,
  ) {
    super(`${file}: ${reason}`);
  }
}

/** A name that is not in a list: `got`, and the list the user can choose from. */
export class UnknownNameError extends CliError {
  override readonly name = 'UnknownNameError';

  constructor(
    readonly what: string,
    readonly got: string,
    readonly valid: readonly string[],
  ) {
    super(
      `unknown ${what} '${got}'; ${valid.length === 0 ? 'there are none' : `valid are: ${listNames(valid, 50)}`}`,
    );
  }
}

/**
 * Any error as one line for stderr.
 *
 * Messages of libraries may have several lines and commander puts `error: ` in front of its own: both are evened out here.
 */
export function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  const text = error instanceof CommanderError ? message.replace(/^error: /, '') : message;
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
