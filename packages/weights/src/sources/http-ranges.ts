/** A file on a server, of which only the needed parts are fetched. */

import { checkOptions } from '@chaingrad/core';
import { type AnswerHead, request } from './download/request.ts';
import { type RetryOptions, retryKinds, TransientError, withRetries } from './download/retry.ts';
import type { RandomAccess } from './random-access.ts';
import { DownloadError, SourceError } from './source-error.ts';

/** What the first request asks for: its answer tells the length, and whether the server can send ranges at all. */
const firstLength = 4096;

/**
 * Opens a file by HTTP ranges. If it changes on the server between two reads, that is noticed.
 * @returns null when the server cannot send ranges, or does not tell the length.
 * @throws DownloadError when it refuses or keeps failing; UnknownOptionError.
 */
export async function openHttpRanges(url: string, options: RetryOptions = {}): Promise<RandomAccess | null> {
  checkOptions('openHttpRanges', options, retryKinds);
  const first = await fetchRange(url, 0, firstLength, null, options, true);
  if (first === null || first.head.total === null) return null;
  return new HttpAccess(url, first.head.total, first.head.validator, first.bytes, options);
}

class HttpAccess implements RandomAccess {
  constructor(
    readonly name: string,
    readonly size: number,
    readonly validator: string | null,
    readonly first: Uint8Array<ArrayBuffer>,
    readonly options: RetryOptions,
  ) {}

  async read(start: number, end: number, signal = this.options.signal): Promise<Uint8Array<ArrayBuffer>> {
    if (!(start >= 0 && start <= end && end <= this.size)) {
      throw new SourceError(
        this.name,
        `bytes ${start} to ${end}`,
        `only ${this.size} bytes`,
        'The file is cut off.',
      );
    }
    if (end <= this.first.length) return this.first.subarray(start, end);
    const part = await fetchRange(this.name, start, end, this.validator, { ...this.options, signal }, false);
    if (part === null || (part.head.total !== null && part.head.total !== this.size)) {
      throw new DownloadError(
        this.name,
        200,
        'the same file as before',
        'another one',
        'It was replaced: load it again.',
      );
    }
    return part.bytes;
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The bytes of a range, or null when the server sends the whole file in its place. */
async function fetchRange(
  url: string,
  start: number,
  end: number,
  validator: string | null,
  options: RetryOptions,
  mayBeShorter: boolean,
): Promise<{ head: AnswerHead; bytes: Uint8Array<ArrayBuffer> } | null> {
  const buffer = new Uint8Array(end - start);
  let length = 0;
  let head: AnswerHead | undefined;
  const whole = Symbol('whole');
  try {
    await withRetries(
      url,
      () =>
        request(
          url,
          { ...options, start: start + length, end, validator: validator ?? head?.validator ?? null },
          (answer) => {
            if (answer.status !== 206) throw whole;
            head = answer;
          },
          (chunk) => {
            if (length + chunk.length > buffer.length) {
              throw new DownloadError(url, 206, `${buffer.length} bytes from ${start} on`, 'more');
            }
            buffer.set(chunk, length);
            length += chunk.length;
          },
        ).then(() => {
          const expected = mayBeShorter ? Math.min(buffer.length, head?.total ?? 0) : buffer.length;
          if (length < expected)
            throw new TransientError(206, `${expected} bytes from ${start} on`, `${length}`);
        }),
      () => length,
      options,
    );
  } catch (error) {
    if (error === whole) return null;
    throw error;
  }
  return { head: head!, bytes: buffer.subarray(0, length) };
}
