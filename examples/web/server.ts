/** A small static server with the headers that threads and a strict page need. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type { Certificate } from './certificate.ts';

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

/** With these a page is cross-origin isolated: it may share memory between threads. */
export const isolationHeaders: Readonly<Record<string, string>> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

export interface ServerOptions {
  /** 0 takes a free one. Default 0. */
  readonly port?: number;
  /** Default '127.0.0.1': this machine alone. */
  readonly host?: string;
  /** Added to every answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For https. */
  readonly certificate?: Certificate;
}

export interface StaticServer {
  /** 'http://localhost:1234/' */
  readonly url: string;
  readonly port: number;
  /** Bytes of files that were sent. */
  readonly sent: number;
  /** Paths that were asked for, in order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/**
 * Serves folders.
 * @param folders folder by address prefix: `{ '/': 'dist', '/data/': '/srv/data' }`; the longest prefix counts.
 */
export async function startServer(
  folders: Readonly<Record<string, string>>,
  { port = 0, host = '127.0.0.1', headers = {}, certificate }: ServerOptions = {},
): Promise<StaticServer> {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const requests: string[] = [];
  let sent = 0;

  const fileOf = async (path: string): Promise<{ file: string; size: number; tag: string } | null> => {
    const prefix = prefixes.find((each) => path.startsWith(each));
    if (prefix === undefined || path.includes('\0')) return null;
    const inside = normalize(`/${path.slice(prefix.length)}`);
    const file = join(folders[prefix]!, inside.endsWith('/') ? `${inside}index.html` : inside);
    const found = await stat(file).catch(() => null);
    if (!found?.isFile()) return null;
    return { file, size: found.size, tag: `"${found.size.toString(36)}-${found.mtimeMs.toString(36)}"` };
  };

  const listener: RequestListener = async (request, response) => {
    let path: string;
    try {
      path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    } catch {
      response.writeHead(400, headers).end();
      return;
    }
    requests.push(path);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, headers).end();
      return;
    }
    const found = await fileOf(path);
    if (found === null) {
      response.writeHead(404, { ...headers, 'Content-Type': 'text/plain' }).end('Not found');
      return;
    }
    const fresh = { 'Cache-Control': 'no-cache', ETag: found.tag, ...headers };
    if (request.headers['if-none-match'] === found.tag) {
      response.writeHead(304, fresh).end();
      return;
    }
    if (request.method === 'GET') sent += found.size;
    response.writeHead(200, {
      'Content-Type': types[extname(found.file)] ?? 'application/octet-stream',
      'Content-Length': found.size,
      'X-Content-Type-Options': 'nosniff',
      ...fresh,
    });
    if (request.method === 'HEAD') response.end();
    else
      createReadStream(found.file)
        .on('error', () => response.destroy())
        .pipe(response);
  };
  const server =
    certificate === undefined ? createServer(listener) : createSecureServer({ ...certificate }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  const { port: used } = server.address() as AddressInfo;
  return {
    url: `${certificate === undefined ? 'http' : 'https'}://localhost:${used}/`,
    port: used,
    requests,
    get sent() {
      return sent;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
