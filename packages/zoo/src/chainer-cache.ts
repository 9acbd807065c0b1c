/** The folder in which ChainerCV keeps downloaded weights, shared with it; in Node only. */
import { type ByteSource, openNpz, type ReadBytesOptions, readBytes } from '@chaingrad/core';
import { chainercvBaseUrl } from './pretrained-models.ts';

export interface FetchModelOptions extends Pick<ReadBytesOptions, 'signal' | 'onProgress'> {
  /** The folder's address, ending in '/', where not ChainerCV's own server is asked. */
  readonly baseUrl?: string;
}

/** Node's built-in modules, or null in a page. Not imports: bundlers for the browser would follow them, and fail. */
const node = () =>
  typeof process === 'undefined' || process.getBuiltinModule === undefined
    ? null
    : {
        fs: process.getBuiltinModule('node:fs/promises'),
        os: process.getBuiltinModule('node:os'),
        path: process.getBuiltinModule('node:path'),
      };

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
 * One of ChainerCV's files of weights. In Node, the one in its cache; otherwise it is downloaded and, in Node, put
 * there. The cached file appears whole or not at all, and only if it is a sound npz archive.
 * @returns the path of the cached file, or the bytes that were downloaded.
 * @throws DownloadError when the download fails; FormatError when it is no npz file.
 */
export async function fetchModel(
  file: string,
  { baseUrl = chainercvBaseUrl, ...options }: FetchModelOptions = {},
): Promise<ByteSource> {
  const cached = chainerCachePath(file);
  if (cached !== null && (await isFile(cached))) return cached;
  const url = new URL(file, baseUrl).href;
  const bytes = await readBytes(url, options);
  openNpz(bytes, url);
  if (cached !== null) await store(cached, bytes);
  return bytes;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await node()!.fs.stat(path)).isFile();
  } catch {
    return false;
  }
}

/** Writes beside the target, then renames: other processes never see half a file. */
async function store(target: string, bytes: Uint8Array): Promise<void> {
  const { fs, path } = node()!;
  const part = `${target}.${crypto.randomUUID()}.part`;
  try {
    await fs.mkdir(path.dirname(target), { recursive: true });
    await fs.writeFile(part, bytes, { flush: true });
    await fs.rename(part, target);
  } catch (error) {
    await fs.rm(part, { force: true }).catch(() => {});
    // The weights are there, only not for next time.
    console.warn(`The weights could not be kept in ${target}: ${(error as Error).message}`);
  }
}
