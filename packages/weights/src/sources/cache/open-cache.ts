/** The cache of this machine or page. */
import { node } from '../node.ts';
import { BrowserStore } from './browser-store.ts';
import { FileStore } from './file-store.ts';
import type { CacheStore } from './store.ts';

/**
 * The folder of the cache in Node: `$CHAINGRAD_CACHE`; otherwise `chaingrad` in the user's folder for caches
 * (`$XDG_CACHE_HOME`, `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`). Null in a page.
 */
export function cacheFolder(): string | null {
  const modules = node();
  if (modules === null) return null;
  const { os, path } = modules;
  const { env, platform } = process;
  if (env['CHAINGRAD_CACHE']) return path.resolve(env['CHAINGRAD_CACHE']);
  const home = os.homedir();
  const folders: Partial<Record<NodeJS.Platform, string>> = {
    darwin: path.join(home, 'Library', 'Caches'),
    win32: env['LOCALAPPDATA'] || path.join(home, 'AppData', 'Local'),
  };
  return path.join(env['XDG_CACHE_HOME'] || folders[platform] || path.join(home, '.cache'), 'chaingrad');
}

/**
 * The cache: in Node a folder, in a page the browser's Cache API. Null where there is neither (an insecure page).
 * @param folder another folder, in Node.
 */
export function openCache(folder?: string): CacheStore | null {
  const place = cacheFolder();
  if (place !== null) return new FileStore(folder ?? place);
  return typeof caches === 'undefined' ? null : new BrowserStore(folder);
}
