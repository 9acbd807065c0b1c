import { node } from './node.ts';
import { sourceName } from './read-bytes.ts';
import { SourceError } from './source-error.ts';

export interface FileContent {
  /** A path or a `file:` URL. */
  readonly path: string | URL;
  /** Whole, or in pieces, which are written as they come. */
  readonly content: Uint8Array | string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** `.name.123.uuid.part`: a file that process 123 is writing. A process that no longer lives has left it over. */
export const partName = /^\..*\.(\d+)\.[0-9a-f-]{36}\.part$/;

/**
 * Writes files in Node: all of them beside their targets first, then renamed one after the other, the first of the list
 * last. A crash leaves of each the old file or the new one, and a first file that is new finds the others new.
 * @throws SourceError when one cannot be written (then none is changed, unless a rename fails), and in a page.
 */
export async function writeFiles(files: readonly FileContent[]): Promise<void> {
  const modules = node();
  const name = sourceName(files[0]?.path ?? 'no file');
  if (modules === null) {
    throw new SourceError(
      name,
      'a file system',
      'a page',
      'A page cannot write files by path: take the bytes (serialize).',
    );
  }
  const { fs, path, url } = modules;
  const planned = files.map(({ path: target, content }) => {
    const isUrl = target instanceof URL || /^file:/i.test(target);
    const file = isUrl ? url.fileURLToPath(target) : (target as string);
    const part = `.${path.basename(file)}.${process.pid}.${crypto.randomUUID()}.part`;
    return { file, part: path.join(path.dirname(file), part), content };
  });
  try {
    for (const { part, content } of planned) await fs.writeFile(part, content, { flush: true });
    for (const { file, part } of [...planned].reverse()) await fs.rename(part, file);
    for (const folder of new Set(planned.map(({ file }) => path.dirname(file)))) await syncFolder(folder, fs);
  } catch (error) {
    for (const { part } of planned) await fs.rm(part, { force: true }).catch(() => {});
    const { message } = error as Error;
    throw new SourceError(name, 'a file that can be written', message, 'Does the folder exist?', error);
  }
}

/** Writes one file as `writeFiles` does. */
export const writeFile = (path: string | URL, content: FileContent['content']): Promise<void> =>
  writeFiles([{ path, content }]);

/** The rename itself must be on the disk, too, or a power cut could bring the old file back. */
async function syncFolder(folder: string, fs: typeof import('node:fs/promises')): Promise<void> {
  try {
    await using handle = await fs.open(folder, 'r');
    await handle.sync();
  } catch {
    // Windows cannot open folders, some network drives cannot sync them: there the rename is as safe as it gets.
  }
}
