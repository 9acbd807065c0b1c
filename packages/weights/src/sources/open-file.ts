/** Opens a file of the disk, and nothing else. */
import { node } from './node.ts';
import { SourceError } from './source-error.ts';

export const pathAdvice = 'Check the path and its permissions.';

/**
 * Opens a file for reading. A pipe, at which opening would wait for a writer, a device and a folder are refused.
 * @throws SourceError; the error of Node when it cannot be opened.
 */
export async function openRegularFile(
  path: string | URL,
  name: string,
): Promise<{ handle: import('node:fs/promises').FileHandle; size: number }> {
  const modules = node();
  if (modules === null) {
    throw new SourceError(name, 'an address or a Blob', 'a file path', 'A page cannot read files by path.');
  }
  const { open, constants } = modules.fs;
  // Windows has no such flag, and no such pipes.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stat = await handle.stat();
    if (stat.isFile()) return { handle, size: stat.size };
    throw new SourceError(name, 'a file', stat.isDirectory() ? 'a folder' : 'a device or a pipe', pathAdvice);
  } catch (error) {
    await handle.close();
    throw error;
  }
}
