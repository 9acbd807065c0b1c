/** ChainerCV's files of weights: from the folder in which ChainerCV itself keeps them, or from our cache. */

import { type OptionKinds, pickOptions } from '@chaingrad/core';
import { NpzWeights } from '../formats/npz.ts';
import { type ChainercvSource, chainercvBaseUrl } from '../pretrained.ts';
import { type CacheOptions, cachedFile, cacheKinds } from './cache/cached-file.ts';
import { node } from './node.ts';
import { openRandomAccess } from './random-access.ts';
import type { ByteSource } from './read-bytes.ts';

export interface ChainercvOptions extends CacheOptions {
  /** The folder's address, ending in '/', where not ChainerCV's own server is asked. */
  readonly baseUrl?: string | undefined;
}

export const chainercvKinds: OptionKinds<ChainercvOptions> = { ...cacheKinds, baseUrl: 'string' };

/**
 * Where ChainerCV keeps a file of weights: `$CHAINER_DATASET_ROOT/pfnet/chainercv/models/<file>`, by default below
 * `~/.chainer/dataset`. Null in a page.
 */
export function chainerCachePath(file: string): string | null {
  const modules = node();
  if (modules === null) return null;
  const { os, path } = modules;
  const root = process.env['CHAINER_DATASET_ROOT'] || path.join(os.homedir(), '.chainer', 'dataset');
  return path.join(root, 'pfnet', 'chainercv', 'models', file);
}

/**
 * One of ChainerCV's files of weights: the one that ChainerCV has downloaded, else from the cache, else downloaded. A new
 * file is kept only if it is a sound npz archive.
 * @returns a path in Node, a Blob in the browser; the bytes, where nothing can be kept.
 * @throws DownloadError when the download fails; FormatError when it is no npz file.
 */
export async function chainercvFile(
  { file, bytes, sha256 }: Omit<ChainercvSource, 'kind'>,
  options: ChainercvOptions = {},
): Promise<ByteSource> {
  const { baseUrl = chainercvBaseUrl } = options;
  options.signal?.throwIfAborted();
  const chainers = chainerCachePath(file);
  if (chainers !== null && (await isFile(chainers))) return chainers;
  const url = new URL(file, baseUrl).href;
  return cachedFile(url, {
    bytes,
    sha256,
    ...pickOptions(options, cacheKinds),
    cacheAs: new URL(file, chainercvBaseUrl).href,
    async check(source) {
      await using access = await openRandomAccess(source, { name: url });
      await NpzWeights.open(access);
      await options.check?.(source);
    },
  });
}

async function isFile(path: string): Promise<boolean> {
  const stat = await node()!
    .fs.stat(path)
    .catch(() => null);
  return stat?.isFile() ?? false;
}
