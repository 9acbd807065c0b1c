/** A server on this machine that serves weights, well or badly. Every answer ends, at the latest when the server is closed. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a file is served. */
export interface Behaviour {
  readonly body?: Uint8Array;
  /** Default: a strong ETag made of the path. Null: no ETag. */
  readonly etag?: string | null;
  /** False: ranges are not understood. */
  readonly ranges?: boolean;
  /** Closes the connection after so many bytes of an answer, for as many answers as given (default: all). */
  readonly dropAfter?: number;
  readonly drops?: number;
  /** What to answer first, each once: statuses of errors. */
  readonly statuses?: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends so many bytes at once, then waits `every` milliseconds. */
  readonly drip?: { readonly bytes: number; readonly every: number };
  /** Where to send the client to. */
  readonly redirect?: string;
  /** Sends without end, and without a length. */
  readonly endless?: boolean;
  /** A length that is not the body's. */
  readonly claims?: number;
  /** Answers by hand. */
  readonly handle?: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface Asked {
  readonly path: string;
  readonly range: string | null;
  readonly ifRange: string | null;
}

export class WeightsServer {
  readonly requests: Asked[] = [];
  /** Bytes of bodies sent so far. */
  sent = 0;
  readonly #files = new Map<string, Behaviour>();
  readonly #counts = new Map<string, number>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(): Promise<WeightsServer> {
    const server = new WeightsServer();
    await new Promise<void>((resolve) => {
      server.#server.listen(0, '127.0.0.1', resolve);
    });
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Serves a file at a path. @returns its address. */
  serve(path: string, behaviour: Behaviour): string {
    this.#files.set(`/${path}`, behaviour);
    this.#counts.delete(`/${path}`);
    return this.url + path;
  }

  reset(): void {
    this.requests.length = 0;
    this.sent = 0;
    this.#files.clear();
    this.#counts.clear();
  }

  /** No request is answered any more. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url!;
    const range = request.headers.range ?? null;
    this.requests.push({ path, range, ifRange: (request.headers['if-range'] as string | undefined) ?? null });
    const count = this.#counts.get(path) ?? 0;
    this.#counts.set(path, count + 1);
    const file = this.#files.get(path);
    const status = file?.statuses?.[count];
    if (file === undefined) response.writeHead(404).end('<html>not here</html>');
    else if (file.handle) file.handle(request, response);
    else if (status !== undefined) response.writeHead(status, file.headers ?? {}).end('<html>sorry</html>');
    else if (file.redirect !== undefined) response.writeHead(302, { location: file.redirect }).end();
    else void this.#send(file, range, request, response, count).catch(() => response.destroy());
  }

  async #send(
    { body = new Uint8Array(0), ...file }: Behaviour,
    range: string | null,
    request: IncomingMessage,
    response: ServerResponse,
    count: number,
  ): Promise<void> {
    const etag = file.etag === undefined ? `"${request.url}"` : file.etag;
    const headers: Record<string, string | number> = { ...file.headers };
    if (etag !== null) headers['etag'] = etag;
    const match = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
    const stale = request.headers['if-range'] !== undefined && request.headers['if-range'] !== etag;
    let part = body;
    let status = 200;
    if (match !== null && file.ranges !== false && !stale) {
      const start = Number(match[1]);
      const end = match[2] === '' ? body.length : Math.min(body.length, Number(match[2]) + 1);
      if (start >= body.length) {
        response.writeHead(416, { ...headers, 'content-range': `bytes */${body.length}` }).end();
        return;
      }
      part = body.subarray(start, end);
      status = 206;
      headers['content-range'] = `bytes ${start}-${end - 1}/${body.length}`;
    }
    if (!file.endless) headers['content-length'] = file.claims ?? part.length;
    response.writeHead(status, headers);
    const drop =
      file.dropAfter !== undefined && count < (file.drops ?? Number.POSITIVE_INFINITY)
        ? file.dropAfter
        : null;
    const step = file.drip?.bytes ?? 1 << 16;
    for (let at = 0; file.endless || at < part.length; at += step) {
      if (response.destroyed) return;
      const chunk = file.endless ? new Uint8Array(step) : part.subarray(at, at + step);
      const cut = drop !== null && at + chunk.length >= drop;
      this.sent += cut ? drop - at : chunk.length;
      const more = response.write(cut ? chunk.subarray(0, drop - at) : chunk);
      if (cut) {
        // What was written must leave before the connection breaks.
        setTimeout(() => response.destroy(), 20);
        return;
      }
      if (file.drip) await new Promise((resolve) => setTimeout(resolve, file.drip!.every));
      else if (!more) await drained(response);
    }
    response.end();
  }
}

/** Waits until the client has taken what was written, or is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
