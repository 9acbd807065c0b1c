/** A whole file over HTTP, in spite of broken connections. */

import { checkOptions, type OptionKinds } from '@chaingrad/core';
import type { ReadProgress } from '../read-bytes.ts';
import { DownloadError } from '../source-error.ts';
import { type AnswerHead, request } from './request.ts';
import { type RetryOptions, retryKinds, TransientError, withRetries } from './retry.ts';

/** What comes is another file than the one that was asked for: nothing of it is of use. */
export class WrongFileError extends DownloadError {}

export interface DownloadOptions extends RetryOptions {
  readonly onProgress?: ((progress: ReadProgress) => void) | undefined;
  /** The length that the file must have, where it is known. */
  readonly bytes?: number | undefined;
  /** A longer file is refused: a server may never stop. Default 8 GiB. */
  readonly maxBytes?: number | undefined;
}

export const downloadKinds: OptionKinds<DownloadOptions> = {
  ...retryKinds,
  onProgress: 'function',
  bytes: 'number',
  maxBytes: 'number',
};

/** How many times as long as on the way a body may be that a server compresses, which it is asked not to do. */
const maxUnpacking = 64;

/** Where a download goes to. */
export interface DownloadTarget {
  /** How many bytes are there already; writing goes on behind them. */
  readonly length: number;
  /** The state of the file that they are of; null where it is not known, so that they cannot be gone on from. */
  readonly validator: string | null;
  /** Begins anew, or goes on, with a file of this state. */
  begin(start: number, validator: string | null, total: number | null): void | Promise<void>;
  write(chunk: Uint8Array): void | Promise<void>;
}

/**
 * Downloads a file into a target. After a broken connection it goes on where it stopped, if the server can and the file
 * is still the same; otherwise from the beginning.
 * @throws DownloadError when the server refuses, keeps failing, or sends more or less than it announced; UnknownOptionError.
 */
export async function download(
  url: string,
  target: DownloadTarget,
  options: DownloadOptions = {},
): Promise<void> {
  const {
    bytes,
    maxBytes = 2 ** 33,
    onProgress,
    ...retry
  } = checkOptions('download', options, downloadKinds);
  let total: number | null = null;
  let limit = bytes ?? maxBytes;
  const tooLong = (length: number | string) =>
    bytes === undefined
      ? new DownloadError(
          url,
          200,
          `at most ${limit} bytes`,
          `${length}`,
          limit === maxBytes
            ? 'Raise maxBytes if this is meant.'
            : 'The server sends a little that unpacks to much.',
        )
      : new WrongFileError(url, 200, `${bytes} bytes`, `${length}`, 'The file there is another one.');

  /** @returns whether bytes are to come. */
  const begin = async (head: AnswerHead): Promise<boolean> => {
    if (head.status === 416) {
      // Nothing is left to ask for: complete, unless the file has changed in between.
      if (head.total === target.length && (total ?? head.total) === head.total) {
        total = head.total;
        return false;
      }
      await target.begin(0, null, null);
      throw new TransientError(416, `the bytes from ${head.start} on`, 'another file than before');
    }
    total = head.total;
    if (head.packed !== null && bytes === undefined) {
      limit = Math.min(maxBytes, maxUnpacking * head.packed + (1 << 20));
    }
    if (total !== null && bytes !== undefined && total !== bytes) throw tooLong(total);
    if (total !== null && total > limit) throw tooLong(total);
    await target.begin(head.start, head.encoded ? null : head.validator, total);
    return true;
  };

  await withRetries(
    url,
    async () => {
      const resume = target.length > 0 && target.validator !== null;
      const range = resume ? { start: target.length, validator: target.validator } : {};
      let isBody = true;
      await request(
        url,
        { ...retry, ...range },
        async (head) => {
          isBody = await begin(head);
        },
        async (chunk) => {
          if (!isBody) return;
          if (target.length + chunk.length > limit) throw tooLong(`more than ${limit}`);
          await target.write(chunk);
          onProgress?.({ loaded: target.length, total });
        },
      );
      if (total !== null && target.length !== total) {
        throw new TransientError(200, `${total} bytes`, `${target.length}`);
      }
      if (bytes !== undefined && target.length !== bytes) throw tooLong(target.length);
    },
    () => target.length,
    retry,
  );
}
