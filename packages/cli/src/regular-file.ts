/** Files that a user names, read as a whole. */
import { readFile, stat } from 'node:fs/promises';
import { CliError } from './errors.ts';

/**
 * The bytes of a file. A device may have no end, and a pipe waits for a writer.
 *
 * @throws CliError for those; the error of Node where there is no such file, or a folder.
 */
export async function readRegularFile(file: string): Promise<Buffer> {
  const found = await stat(file);
  if (!found.isFile() && !found.isDirectory()) throw new CliError('is a device or a pipe, expected a file');
  return readFile(file);
}
