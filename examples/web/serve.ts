/**
 * Builds the studio and serves it with the headers that it needs.
 *
 *     npm run web                    # http://localhost:8080/
 *     npm run web -- --port 9000
 *     npm run web -- --host 0.0.0.0  # for a phone in the same network (WebGPU and the camera need https there)
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildStudio } from './build.ts';
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '8080' }, host: { type: 'string', default: '127.0.0.1' } },
  });
  const out = fileURLToPath(new URL('dist', import.meta.url));
  await buildStudio(out);
  const headers = await studioHeaders(out);
  const server = await startServer({ '/': out }, { port: Number(values.port), host: values.host, headers });
  console.log(`The studio: ${server.url}   (end with Ctrl-C)`);
}
