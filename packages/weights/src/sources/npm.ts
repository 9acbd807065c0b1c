/** Files of packages of npm: from `node_modules` where they are installed, otherwise from a CDN, verified. */
import { type OptionKinds, pickOptions } from '@chaingrad/core';
import type { KnownFile } from '../pretrained.ts';
import { type CacheOptions, cachedFile, cacheKinds } from './cache/cached-file.ts';
import { node } from './node.ts';
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
  const installed = await installedFile(file);
  if (installed !== null) return installed;
  const path = `${file.package}@${file.version}/${file.file}`;
  const { bytes, sha256 } = file;
  return cachedFile(new URL(path, npmUrl).href, { ...pickOptions(options, cacheKinds), bytes, sha256 });
}

/** The path of an installed file of the right version, looked for from the current folder and from here; else null. */
async function installedFile({ package: name, version, file, bytes }: PackagedFile): Promise<string | null> {
  const modules = node();
  if (modules === null) return null;
  const { fs, module, path } = modules;
  for (const from of [path.join(process.cwd(), 'x.js'), import.meta.url]) {
    try {
      const require = module.createRequire(from);
      for (const folder of require.resolve.paths(name) ?? []) {
        const root = path.join(folder, name);
        const text = await fs.readFile(path.join(root, 'package.json'), 'utf8').catch(() => null);
        if (text === null) continue;
        const target = path.join(root, file);
        const stat = await fs.stat(target).catch(() => null);
        if ((JSON.parse(text) as { version?: unknown }).version === version && stat?.size === bytes)
          return target;
      }
    } catch {
      // No folder of packages there.
    }
  }
  return null;
}
