/** `fetch` that goes through the proxies of the environment, in Node. */
import { node } from '../node.ts';

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const variables = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'];

let proxied: { readonly key: string; readonly fetch: Fetch } | undefined;

/**
 * The global `fetch`; where the environment names a proxy (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, with exceptions in
 * `NO_PROXY`), that of undici, because Node's own passes proxies by before version 24.
 */
export function environmentFetch(): Fetch {
  const modules = node();
  const env = modules === null ? {} : process.env;
  const found = variables.map((name) => env[name] ?? '');
  if (modules === null || found.every((value) => value === '')) return (url, init) => fetch(url, init);
  const key = [...found, env['no_proxy'], env['NO_PROXY']].join('\n');
  if (proxied?.key === key) return proxied.fetch;
  // Not an import: bundlers for the browser would follow it, and fail.
  const undici = modules.module.createRequire(import.meta.url)('undici') as typeof import('undici');
  const all = env['all_proxy'] || env['ALL_PROXY'];
  const dispatcher = new undici.EnvHttpProxyAgent({
    ...(all ? { httpProxy: env['http_proxy'] || env['HTTP_PROXY'] || all } : {}),
    ...(all ? { httpsProxy: env['https_proxy'] || env['HTTPS_PROXY'] || all } : {}),
  });
  const throughProxy: Fetch = async (url, init) =>
    (await undici.fetch(url, { ...(init as object), dispatcher })) as unknown as Response;
  proxied = { key, fetch: throughProxy };
  return throughProxy;
}
