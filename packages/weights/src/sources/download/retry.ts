/** When to try again, how soon, and when to give up. */
import type { OptionKinds } from '@chaingrad/core';
import { DownloadError } from '../source-error.ts';

export interface RetryOptions {
  /** Stops everything, waiting included; the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How often in a row to try again without having got further. Default 4. */
  readonly retries?: number | undefined;
  /** Milliseconds before the second attempt; doubled for each further one, up to 30 seconds. Default 500. */
  readonly retryDelay?: number | undefined;
  /** Milliseconds in which at least `minRate` bytes a second must come; otherwise the attempt has failed. Default 30000. */
  readonly stallTimeout?: number | undefined;
  /** Bytes a second below which a server counts as stalled. Default 1024. */
  readonly minRate?: number | undefined;
}

export const retryKinds: OptionKinds<RetryOptions> = {
  signal: 'object',
  retries: 'number',
  retryDelay: 'number',
  stallTimeout: 'number',
  minRate: 'number',
};

/** A failure after which another attempt may succeed. */
export class TransientError extends Error {
  constructor(
    readonly status: number | null,
    readonly expected: string,
    readonly got: string,
    /** Milliseconds that the server asks to wait. */
    readonly wait: number | null = null,
    options?: ErrorOptions,
  ) {
    super(got, options);
  }
}

const maxDelay = 30_000;
/** A server that asks for more patience than this is not waited for. */
const maxWait = 120_000;
/** However often a server lets a download get a little further before it drops it. */
const maxAttempts = 1000;

/**
 * Repeats `attempt` while it fails with a TransientError. Attempts that got further do not count as failures in a row.
 * @param progress a number that grows as the work gets further.
 * @throws DownloadError when it keeps failing.
 */
export async function withRetries<T>(
  url: string,
  attempt: () => Promise<T>,
  progress: () => number,
  { signal, retries = 4, retryDelay = 500 }: RetryOptions,
): Promise<T> {
  let failures = 0;
  let reached = progress();
  for (let attempts = 1; ; attempts++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      if (progress() - reached >= 1 << 20) failures = 0;
      reached = Math.max(reached, progress());
      failures++;
      const { wait, status, expected, got } = error;
      if (failures > retries || attempts >= maxAttempts || (wait ?? 0) > maxWait) {
        const tried = attempts === 1 ? '' : ` (after ${attempts} attempts)`;
        const advice =
          wait !== null && wait > maxWait
            ? `The server asks to wait ${Math.round(wait / 1000)} seconds: try again then, or give a mirror as baseUrl.`
            : undefined;
        throw new DownloadError(url, status, expected, got + tried, advice, error);
      }
      const backOff = Math.min(maxDelay, retryDelay * 2 ** (failures - 1));
      // A little chance, so that many clients of a server that was down do not all come back at once.
      await sleep(Math.max(wait ?? 0, backOff * (0.75 + Math.random() / 2)), signal);
    }
  }
}

/** Waits; ends at once, with the signal's reason, when it is aborted. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
