/** One HTTP request whose answer must keep coming. */
import { DownloadError } from '../source-error.ts';
import { environmentFetch } from './fetch.ts';
import { type RetryOptions, TransientError } from './retry.ts';

/** What the head of an answer says of the file. */
export interface AnswerHead {
  readonly status: number;
  /** The first byte that the body holds. */
  readonly start: number;
  /** The length of the whole file, or null where it is not told. */
  readonly total: number | null;
  /** What tells one state of the file from another (a strong ETag, or the date), for requests of the rest. */
  readonly validator: string | null;
  /** Whether the body is compressed on the way: then it cannot be resumed. */
  readonly encoded: boolean;
  /** The bytes on the way of a compressed body, or null where they are not told. */
  readonly packed: number | null;
}

export interface RangeRequest extends RetryOptions {
  readonly start?: number;
  /** The byte after the last one. */
  readonly end?: number | undefined;
  /** Asks for the range only if the file is still in this state. */
  readonly validator?: string | null;
}

/** Statuses after which the same request may succeed a little later. */
const transient = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Requests a file or a part of it, and hands on what comes.
 * @param onHead sees the head before any bytes, and may throw.
 * @param onChunk is awaited, so that a slow disk slows the download and does not fill the memory.
 * @throws TransientError where another attempt may help; DownloadError where not; what the callbacks throw.
 */
export async function request(
  url: string,
  { start = 0, end, validator = null, signal, stallTimeout = 30_000, minRate = 1024 }: RangeRequest,
  onHead: (head: AnswerHead) => void | Promise<void>,
  onChunk: (chunk: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort(signal!.reason);
  signal?.addEventListener('abort', stop, { once: true });
  const watch = new StallWatch(stallTimeout, minRate, controller);
  const partial = start > 0 || end !== undefined;
  let response: Response | undefined;
  try {
    const headers: Record<string, string> = partial
      ? { range: `bytes=${start}-${end === undefined ? '' : end - 1}` }
      : {};
    if (partial && validator !== null) headers['if-range'] = validator;
    // Compressed on the way, lengths and ranges would mean something else. Pages may not ask for it; they see no difference.
    headers['accept-encoding'] = 'identity';
    // The browser's own cache would keep every file a second time.
    response = await environmentFetch()(url, { headers, signal: controller.signal, cache: 'no-store' });
    refuse(url, response);
    const head = readHead(response, { start, end, partial }, url);
    await watch.pause(() => onHead(head));
    if (response.body === null) return;
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        watch.count(value.length);
        await watch.pause(() => onChunk(value));
        signal?.throwIfAborted();
      }
    } finally {
      // Lets the connection go when the reading stopped early; of a finished stream it does nothing.
      await reader.cancel().catch(() => {});
    }
  } catch (error) {
    controller.abort();
    signal?.throwIfAborted();
    const status = response?.status ?? null;
    if (watch.stalled)
      throw new TransientError(status, 'data', `less than ${minRate} bytes a second for ${stallTimeout} ms`);
    throw isNetworkError(error) ? networkError(error, url, status) : error;
  } finally {
    watch.end();
    signal?.removeEventListener('abort', stop);
  }
}

/** `fetch` reports network errors as TypeError; "terminated" is one, too. Errors of ours are of other classes. */
const isNetworkError = (error: unknown): error is Error =>
  error instanceof TypeError ||
  (error instanceof Error && 'code' in error && `${error.code}`.startsWith('UND_'));

function networkError(error: Error, url: string, status: number | null): Error {
  // The message is "fetch failed"; the reason hides in the cause.
  const { cause } = error;
  const reason = cause instanceof Error ? cause.message || `${(cause as NodeJS.ErrnoException).code}` : '';
  const got = reason === '' ? error.message : `${error.message} (${reason})`;
  const hopeless = /redirect|invalid url|unknown scheme|certificate|self.signed/i.test(got);
  if (hopeless) return new DownloadError(url, status, 'the file', got, undefined, error);
  return new TransientError(status, 'the whole file', got, null, { cause: error });
}

function refuse(url: string, response: Response): void {
  const { status } = response;
  if (response.ok || status === 416) return;
  void response.body?.cancel().catch(() => {});
  const got = `${status} ${response.statusText}`.trim();
  if (transient.has(status)) throw new TransientError(status, 'the file', got, retryAfter(response));
  const advice =
    status === 401 || status === 403
      ? 'The server wants to know who asks: download the file by hand and give its path.'
      : 'Check the address; a mirror can be given as baseUrl.';
  throw new DownloadError(url, status, 'the file', got, advice);
}

/** Milliseconds to wait: the header has seconds, or a date. */
function retryAfter(response: Response): number | null {
  const header = response.headers.get('retry-after');
  if (header === null) return null;
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(wait) ? Math.max(0, wait) : null;
}

function readHead(
  response: Response,
  { start, end, partial }: { start: number; end: number | undefined; partial: boolean },
  url: string,
): AnswerHead {
  const { status, headers } = response;
  const encoded = (headers.get('content-encoding') ?? 'identity') !== 'identity';
  const validator = strongTag(headers.get('etag')) ?? headers.get('last-modified');
  const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  const whole = range === null || range[3] === '*' ? null : Number(range[3]);
  if (status === 416) return { status, start, total: whole, validator, encoded, packed: null };
  const length = headers.get('content-length');
  const sent = length !== null && /^\d+$/.test(length) ? Number(length) : null;
  const [known, packed] = encoded ? [null, sent] : [sent, null];
  if (status !== 206) return { status, start: 0, total: known, validator, encoded, packed };
  // Across origins a page may not see the header; then the length is all there is.
  const wrong =
    range !== null && (Number(range[1]) !== start || (end !== undefined && Number(range[2]) >= end));
  if (!partial || wrong || encoded) {
    const got = encoded ? 'a compressed part' : `'${headers.get('content-range')}'`;
    throw new DownloadError(url, status, partial ? `the bytes from ${start} on` : 'the whole file', got);
  }
  const total = range === null && known !== null && end === undefined ? start + known : whole;
  return { status, start, total, validator, encoded, packed };
}

const strongTag = (etag: string | null): string | null =>
  etag === null || etag.startsWith('W/') ? null : etag;

/** Aborts a request that brings less than it must. A window in which the receiver took much of the time does not count. */
class StallWatch {
  stalled = false;
  #bytes = 0;
  #busy = 0;
  #since: number | null = null;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(timeout: number, minRate: number, controller: AbortController) {
    this.#timer = setInterval(() => {
      const enough = this.#bytes >= (minRate * timeout) / 1000;
      if (!enough && this.#since === null && this.#busy < timeout / 2) {
        this.stalled = true;
        controller.abort(new Error('stalled'));
      }
      this.#bytes = 0;
      this.#busy = 0;
    }, timeout);
  }

  count(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Waits for the receiver. */
  async pause(work: () => void | Promise<void>): Promise<void> {
    this.#since = performance.now();
    try {
      await work();
    } finally {
      this.#busy += performance.now() - this.#since;
      this.#since = null;
    }
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
