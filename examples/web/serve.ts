/**
 * Builds the studio and serves it with the headers that it needs.
 *
 *     npm run web                    # http://localhost:8080/
 *     npm run web -- --port 9000
 *     npm run web -- --lan           # for a phone in the same network: https, with a certificate of its own and a QR code
 *     npm run web -- --host 0.0.0.0  # plain http for the network: no camera, no threads, no work offline there
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { renderUnicodeCompact } from 'uqr';
import { buildStudio } from './build.ts';
import { type Certificate, selfSigned } from './certificate.ts';
import { isolationHeaders, startServer } from './server.ts';

/** The page's own policy as a header, and what only a header can say. */
export async function studioHeaders(out: string): Promise<Record<string, string>> {
  const page = await readFile(join(out, 'index.html'), 'utf8');
  const policy = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(page)?.[1];
  if (policy === undefined) throw new Error('index.html has no Content-Security-Policy.');
  return {
    ...isolationHeaders,
    'Content-Security-Policy': `${policy}; frame-ancestors 'none'`,
    'Permissions-Policy': 'camera=(self), microphone=(), geolocation=()',
    'Referrer-Policy': 'no-referrer',
  };
}

/** The machine's addresses in its networks. */
export const lanAddresses = (interfaces = networkInterfaces()): string[] =>
  Object.values(interfaces).flatMap((list = []) =>
    list.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  );

/** The same certificate as long as the addresses stay: a phone asks once whether to trust it. */
export async function certificateFor(hosts: readonly string[], folder: string): Promise<Certificate> {
  const file = join(folder, `certificate-${hosts.join('-')}.json`);
  try {
    const { until, ...certificate } = JSON.parse(await readFile(file, 'utf8'));
    if (until > Date.now()) return certificate;
  } catch {
    // There is none yet, or none that can be read.
  }
  const certificate = selfSigned(hosts);
  const until = Date.now() + 300 * 24 * 60 * 60 * 1000;
  await mkdir(folder, { recursive: true });
  await writeFile(file, JSON.stringify({ ...certificate, until }), { mode: 0o600 });
  return certificate;
}

/** What the terminal shows: where the studio is, in the network too, with a code for the phone's camera. */
export function welcome(url: string, port: number, addresses: readonly string[], isSecure: boolean): string {
  const lines = [`The studio: ${url}   (end with Ctrl-C)`];
  for (const address of addresses) {
    const lan = `${isSecure ? 'https' : 'http'}://${address}:${port}/`;
    lines.push('', `In the network: ${lan}`, renderUnicodeCompact(lan));
  }
  if (addresses.length > 0)
    lines.push(
      isSecure
        ? 'The certificate is of this machine alone: the phone warns once, and goes on when you say so.'
        : 'Over plain http a phone has no camera, no threads and no work offline: --lan serves https.',
    );
  return lines.join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
      lan: { type: 'boolean', default: false },
    },
  });
  const out = fileURLToPath(new URL('dist', import.meta.url));
  await buildStudio(out);
  const headers = await studioHeaders(out);
  const host = values.lan ? '0.0.0.0' : values.host;
  const addresses = host === '127.0.0.1' ? [] : lanAddresses();
  const cache = fileURLToPath(new URL('../../node_modules/.cache/chaingrad-studio', import.meta.url));
  const certificate = values.lan ? await certificateFor(['localhost', ...addresses], cache) : undefined;
  const server = await startServer(
    { '/': out },
    { port: Number(values.port), host, headers, ...(certificate !== undefined && { certificate }) },
  );
  console.log(welcome(server.url, server.port, addresses, values.lan));
}
