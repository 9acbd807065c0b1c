/** Lists of pictures: a text file with a name a line. */
import { decodeText } from '../text.ts';
import type { ReadContext } from './format.ts';

/** What a line may mean: itself, without the flag of a list of one class, without folders, without its ending. */
export function* meanings(line: string): Generator<string> {
  for (const whole of [line, line.replace(/(?<!\s)\s+-?[01]$/, '')]) {
    yield whole;
    const base = whole.replace(/^.*[\\/]/, '');
    yield base;
    yield base.replace(/\.[^.]*$/, '');
  }
}

/**
 * The names in a list. A name that is there twice counts once, and is told.
 *
 * @throws SyntaxError for text that cannot be decoded; the error of the reader where there is no such file.
 */
export async function readList(
  path: string,
  { files, log }: Pick<ReadContext, 'files' | 'log'>,
): Promise<string[]> {
  const counts = new Map<string, number>();
  for (const line of decodeText(await files.read(path)).split(/\r\n|\r|\n/)) {
    const name = line.trim();
    if (name !== '') counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const [name, count] of counts) {
    if (count > 1) log.add('duplicate', path, `'${name}' is listed ${count} times`, 'counts once');
  }
  return [...counts.keys()];
}
