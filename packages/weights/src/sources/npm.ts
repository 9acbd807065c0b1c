/** Weights that lie in packages of npm: from `node_modules` where they are installed, otherwise from a CDN, verified. */

import { type CacheOptions, cachedFile } from './cache/cached-file.ts';
import { node } from './node.ts';
import type { ByteSource } from './read-bytes.ts';
import { SourceError } from './source-error.ts';

/** A file in a package of npm. */
export interface PackagedFile {
  readonly package: string;
  readonly version: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Where packages of npm lie for everybody: `<base><package>@<version>/<file>`. */
export const npmBaseUrl = 'https://cdn.jsdelivr.net/npm/';

const faceApi = { package: '@vladmandic/face-api', version: '1.7.15' } as const;

/** The detectors whose weights come with npm, by name; the first file is the one to open. */
export const packagedModels = {
  'ssd-mobilenet-v2-oid': [
    {
      package: '@mediapipe/objectron',
      version: '0.4.1675468480',
      file: 'objectron_solution_packed_assets.data',
      bytes: 9_987_912,
      sha256: '470986ca5df183f41698da6de74b027d838fe289d77b5ab094497d350bee664e',
    },
  ],
  'ssd-mobilenet-v1-face': [
    {
      ...faceApi,
      file: 'model/ssd_mobilenetv1_model-weights_manifest.json',
      bytes: 28_233,
      sha256: '888f744dffbc84f5f060d1f8427d9742341943a2dfaaf9205d10029b7e7a2955',
    },
    {
      ...faceApi,
      file: 'model/ssd_mobilenetv1_model.bin',
      bytes: 5_616_957,
      sha256: '2835640602d53718aa6ae9a42896327eaa21beefed056c218d32ca7d79e1e2f8',
    },
  ],
} as const satisfies Record<string, readonly PackagedFile[]>;

export type PackagedModelName = keyof typeof packagedModels;

export interface PackagedOptions extends CacheOptions {
  /** Another server with the packages of npm, ending in '/'. Default: `npmBaseUrl`. */
  readonly npmUrl?: string | undefined;
}

/**
 * A file of a package: its path where the package is installed (in Node), else from the cache or the CDN.
 * @throws DownloadError when it cannot be had, or is not the file that it must be.
 */
export async function packagedFile(
  file: PackagedFile,
  { npmUrl = npmBaseUrl, ...options }: PackagedOptions = {},
): Promise<ByteSource> {
  const installed = await installedFile(file);
  if (installed !== null) return installed;
  const path = `${file.package}@${file.version}/${file.file}`;
  const { bytes, sha256 } = file;
  return cachedFile(new URL(path, npmUrl).href, { ...options, bytes, sha256 });
}

/**
 * The weights of a packaged detector, for its `fromPretrained`: the first of its files.
 * @throws SourceError for a name that is not in `packagedModels`; DownloadError.
 */
export async function packagedModel(name: string, options?: PackagedOptions): Promise<ByteSource> {
  if (!Object.hasOwn(packagedModels, name)) {
    const known = Object.keys(packagedModels).join(', ');
    throw new SourceError(name, `a packaged model among ${known}`, `'${name}'`, 'Choose one of these.');
  }
  return packagedFile(packagedModels[name as PackagedModelName][0], options);
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
