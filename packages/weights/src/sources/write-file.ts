import { fileSystem } from './file-system.ts';
import { sourceName } from './read-bytes.ts';
import { SourceError } from './source-error.ts';

/**
 * Writes a file in Node: beside the target first, then renamed, so that a crash leaves the old file or the new one.
 * @param bytes whole, or in pieces, which are written as they come.
 * @throws SourceError when it cannot be written, and in a browser page.
 */
export async function writeFile(
  target: string | URL,
  bytes: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const name = sourceName(target);
  const fs = fileSystem();
  if (fs === undefined) {
    const advice =
      'A page cannot write files by path: take the bytes (serializeNpz, serializeSafetensors, exportOnnx).';
    throw new SourceError(name, 'a file system', 'a browser page', advice);
  }
  const isUrl = target instanceof URL || /^file:/i.test(target);
  const suffix = `.${crypto.randomUUID()}.part`;
  const part = isUrl ? new URL(new URL(target).href + suffix) : target + suffix;
  const path = isUrl ? new URL(target) : target;
  try {
    await fs.writeFile(part, bytes, { flush: true });
    await fs.rename(part, path);
  } catch (error) {
    await fs.rm(part, { force: true }).catch(() => {});
    const { message } = error as Error;
    throw new SourceError(name, 'a file that can be written', message, 'Does the folder exist?', error);
  }
}
