/** Errors of getting at bytes: a file that cannot be read, a download that failed. */
import { ChaingradError } from '@chaingrad/core';

/** A source of bytes (a path, a Blob, a stream, a URL) did not give what was asked of it. */
export class SourceError extends ChaingradError {
  constructor(
    /** The path, the URL or the name of the file. */
    readonly source: string,
    readonly expected: string,
    readonly got: string,
    advice: string,
    cause?: unknown,
  ) {
    super(`${source}: expected ${expected}, got ${got}. ${advice}`);
    if (cause !== undefined) this.cause = cause;
  }
}

/** A download failed: no connection, a refusal, or other bytes than asked for. */
export class DownloadError extends SourceError {
  constructor(
    readonly url: string,
    /** The HTTP status, or null when there was no answer. */
    readonly status: number | null,
    expected: string,
    got: string,
    advice = 'Check the address and the connection, then try again.',
    cause?: unknown,
  ) {
    super(url, expected, got, advice, cause);
  }
}
