/** The files that a manifest or an index names: beside it, never elsewhere, for it may come from anyone. */
import { brief, FormatError } from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import type { ByteSource } from '../sources/read-bytes.ts';

/** Gives the file of a path beside the manifest. */
export type Beside = (path: string) => Promise<RandomAccess>;

/** More shards than this are no weights any more. */
const maxShards = 4096;
/** Any folder, to see where a path leads from it. */
const folder = new URL('https://folder.invalid/a/b/');

/**
 * Checks the paths of shards.
 * @param file the file that names them; it is none of them itself.
 * @throws FormatError for a path that leads out of the file's folder, to another server or kind of address, read as a path or as
 * an address; for a path that comes twice, and for more than 4096.
 */
export function checkBeside(
  paths: readonly unknown[],
  file: string,
  what: 'manifest' | 'index',
): asserts paths is readonly string[] {
  const own = within(file.replace(/[?#].*$/, '').replace(/^.*[/\\]/, ''));
  const seen = new Set<string>();
  for (const path of paths) {
    const place = typeof path === 'string' && within(path) !== null ? within(unescaped(path)) : null;
    if (place === null) throw new FormatError({ file }, `shards beside the ${what}`, brief(path));
    if (place === own) throw new FormatError({ file }, 'shards', 'its own name');
    if (seen.has(place)) throw new FormatError({ file }, 'every shard once', brief(path));
    seen.add(place);
    if (seen.size > maxShards)
      throw new FormatError({ file }, `at most ${maxShards} shards`, `${paths.length}`);
  }
}

/** Where a path leads within the folder, as addresses are normalised; null where it leads elsewhere. */
function within(path: string): string | null {
  // Addresses lose tabs, line ends and outer blanks before they are looked at.
  if (/[\p{Cc}\\]/u.test(path) || path !== path.trim() || /^[a-z][a-z0-9+.-]*:|^\//i.test(path)) return null;
  if (path.split('/').includes('..') || !URL.canParse(path, folder)) return null;
  const { origin, pathname, search } = new URL(path, folder);
  const isInside = origin === folder.origin && pathname.startsWith(folder.pathname);
  return isInside && pathname.length > folder.pathname.length ? pathname + search : null;
}

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // A percent sign that begins no escape is one.
    return path;
  }
}

/**
 * The address or path of a file in the same folder as another; null where there is no folder (bytes, a Blob). What the address
 * asks with (`?token=...`), the other's does, too.
 */
export function neighbour(source: ByteSource, path: string): string | URL | null {
  if (source instanceof URL) return withQuery(new URL(path, source), source.search);
  if (typeof source !== 'string') return null;
  if (!/^[a-z][a-z0-9+.-]+:/i.test(source)) return source.replace(/[^/\\]*$/, '') + path;
  // An address of two parts; of a path the letter before a colon is a drive.
  const [, place = '', query = ''] = /^([^?#]*)(\?[^#]*)?/.exec(source) ?? [];
  const address = place.replace(/[^/\\]*$/, '') + path;
  return path.includes('?') || query === '' ? address : address + query;
}

function withQuery(url: URL, query: string): URL {
  if (url.search === '') url.search = query;
  return url;
}
