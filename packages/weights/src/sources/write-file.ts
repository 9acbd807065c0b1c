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
 * last. Of several, those that they replace are moved aside before, the first one first: a crash in between leaves a set without
 * its first file, the one to open, and never one of old and new files. A single file is always there, the old or the new one.
 * @throws SourceError when one cannot be written: then all are as they were; and in a page.
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
    const beside = () =>
      path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.${crypto.randomUUID()}.part`);
    return { file, part: beside(), aside: beside(), content };
  });
  /** What puts the files back that were there before, the last step first. */
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const { part, content } of planned) await fs.writeFile(part, content, { flush: true });
    if (planned.length > 1) {
      for (const { file, aside } of planned) {
        if (!(await isFile(file, fs))) continue;
        await fs.rename(file, aside);
        undo.unshift(() => fs.rename(aside, file));
      }
    }
    for (const { file, part } of [...planned].reverse()) {
      await fs.rename(part, file);
      if (planned.length > 1) undo.unshift(() => fs.rm(file, { force: true }));
    }
    undo.length = 0;
    for (const { aside } of planned) await fs.rm(aside, { force: true }).catch(() => {});
    for (const folder of new Set(planned.map(({ file }) => path.dirname(file)))) await syncFolder(folder, fs);
  } catch (error) {
    for (const back of undo) await back().catch(() => {});
    for (const { part } of planned) await fs.rm(part, { force: true }).catch(() => {});
    const { message } = error as Error;
    throw new SourceError(name, 'a file that can be written', message, 'Does the folder exist?', error);
  }
}

/** Writes one file as `writeFiles` does. */
export const writeFile = (path: string | URL, content: FileContent['content']): Promise<void> =>
  writeFiles([{ path, content }]);

const isFile = async (file: string, fs: typeof import('node:fs/promises')): Promise<boolean> =>
  (await fs.stat(file).catch(() => null))?.isFile() ?? false;

/** The rename itself must be on the disk, too, or a power cut could bring the old file back. */
async function syncFolder(folder: string, fs: typeof import('node:fs/promises')): Promise<void> {
  try {
    await using handle = await fs.open(folder, 'r');
    await handle.sync();
  } catch {
    // Windows cannot open folders, some network drives cannot sync them: there the rename is as safe as it gets.
  }
}
