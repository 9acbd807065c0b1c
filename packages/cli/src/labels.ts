/** The names of classes in a text file. */
import { CliError, oneLine } from './errors.ts';
import { readRegularFile } from './regular-file.ts';

/**
 * Reads class names: a JSON array of strings, or one name a line (empty lines at the end are dropped).
 *
 * @param file path of the file; names are those of foreground classes in order, without the background.
 * @throws CliError when the file cannot be read or holds no name.
 */
export async function readLabels(file: string): Promise<string[]> {
  let text: string;
  try {
    text = (await readRegularFile(file)).toString('utf8');
  } catch (error) {
    throw new CliError(`cannot read the labels ${file}: ${oneLine(error)}`);
  }
  const names = text.trimStart().startsWith('[') ? parseJson(file, text) : text.trimEnd().split(/\r?\n/);
  if (names.length === 0 || names.some((name) => name.trim() === '')) {
    throw new CliError(
      `${file}: expected one class name a line (or a JSON array of strings), got an empty name`,
    );
  }
  return names.map((name) => name.trim());
}

function parseJson(file: string, text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  } catch {
    // The message below says what was expected; the parser's own position adds nothing to it.
  }
  throw new CliError(`${file}: expected a JSON array of strings, or one class name a line`);
}
