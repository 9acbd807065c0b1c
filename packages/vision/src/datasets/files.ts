/** The files of a dataset: a folder on disk, or files that a page was given. */
import { nodeModule } from '@chaingrad/core';
import { VisionError, VisionOptionError } from '../errors.ts';

/** A folder with everything below it. Paths use '/' and start at the folder. */
export interface DatasetFiles {
  /** For messages. */
  readonly name: string;
  /** Rejects where there is no such file. */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Names in a folder ('' is the whole), in alphabetical order; both empty where there is no such folder. */
  list(folder: string): Promise<{ readonly files: readonly string[]; readonly folders: readonly string[] }>;
}

/** A path in Node, or files. */
export type DatasetSource = string | DatasetFiles;

/**
 * A folder on disk, in Node.
 * @throws VisionOptionError in a page, which has no folders.
 */
export function diskFiles(root: string): DatasetFiles {
  const fs = nodeModule<typeof import('node:fs/promises')>('node:fs/promises');
  if (fs === null) {
    throw new VisionOptionError(
      'diskFiles',
      'root',
      'files in a page',
      root,
      'Use memoryFiles with what the user chose or dropped.',
    );
  }
  return {
    name: root,
    async read(path) {
      const file = `${root}/${path}`;
      const stat = await fs.stat(file);
      // A device may have no end, and a pipe waits for a writer. What a folder is, reading it tells.
      if (!stat.isFile() && !stat.isDirectory())
        throw new VisionError(`${file}: expected a file, got a device or a pipe.`);
      return new Uint8Array(await fs.readFile(file));
    },
    async list(folder) {
      const entries = await fs
        .readdir(`${root}/${folder}`, { withFileTypes: true })
        .catch((error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
          throw error;
        });
      const files: string[] = [];
      const folders: string[] = [];
      for (const entry of entries) {
        // Links are followed: a data set is often a folder of links.
        const isFolder = entry.isSymbolicLink()
          ? await fs.stat(`${root}/${folder}/${entry.name}`).then(
              (stat) => stat.isDirectory(),
              () => false,
            )
          : entry.isDirectory();
        (isFolder ? folders : files).push(entry.name);
      }
      return { files: files.sort(), folders: folders.sort() };
    },
  };
}

/**
 * Files in memory by path.
 *
 * ```ts
 * // <input type="file" webkitdirectory>: the first part of each path is the chosen folder.
 * const files = memoryFiles([...input.files].map((f) => [f.webkitRelativePath.replace(/^[^/]*\//, ''), f]));
 * ```
 */
export function memoryFiles(
  entries: Iterable<readonly [path: string, content: Blob | Uint8Array<ArrayBuffer>]>,
  name = 'files',
): DatasetFiles {
  const byPath = new Map(entries);
  return {
    name,
    async read(path) {
      const content = byPath.get(path);
      if (content === undefined) throw new Error(`no such file: ${path}`);
      return content instanceof Uint8Array ? content : new Uint8Array(await content.arrayBuffer());
    },
    async list(folder) {
      const prefix = folder === '' ? '' : `${folder}/`;
      const files = new Set<string>();
      const folders = new Set<string>();
      for (const path of byPath.keys()) {
        if (!path.startsWith(prefix)) continue;
        const [first, ...rest] = path.slice(prefix.length).split('/');
        (rest.length > 0 ? folders : files).add(first!);
      }
      return { files: [...files].sort(), folders: [...folders].sort() };
    },
  };
}

export const openFiles = (source: DatasetSource): DatasetFiles =>
  typeof source === 'string' ? diskFiles(source) : source;

/** The message of an unreadable file without the long path that Node puts into it. */
export const whyUnreadable = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code === 'ENOENT'
    ? 'no such file'
    : error instanceof Error
      ? error.message
      : String(error);
