/** Names for the pictures that are written: never one of the pictures that are read, never the same twice. */
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { extname, join, parse, resolve } from 'node:path';
import { CliError, oneLine } from './errors.ts';
import type { ImageFormat } from './images.ts';

const extensions: Record<ImageFormat, readonly [string, ...string[]]> = {
  png: ['.png'],
  jpeg: ['.jpg', '.jpeg'],
  webp: ['.webp'],
};

/** The path of a file with links followed, so that two ways to write it are the same; as it is where there is no such file. */
const identity = (file: string) => (existsSync(file) ? realpathSync(file) : resolve(file));

/**
 * Makes a folder, with those above it, if it does not exist.
 *
 * @throws CliError when it cannot be made.
 */
export function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw new CliError(`cannot make the folder ${dir}: ${oneLine(error)}`);
  }
}

/**
 * A giver of names in a folder, which is made if it does not exist.
 *
 * @param dir the folder.
 * @param inputs the files that must not be overwritten.
 * @returns a function of an input file and the format to write, giving the path: the name of the input, and `name-2`, `name-3`... when
 *   that is taken by an input or was given before. Files of an earlier run are replaced.
 * @throws CliError when the folder cannot be made.
 */
export function outputNames(
  dir: string,
  inputs: readonly string[],
): (input: string, format: ImageFormat) => string {
  makeFolder(dir);
  const taken = new Set(inputs.map(identity));
  return (input, format) => {
    const { name, ext } = parse(input);
    // A PNG called .jpg stays a PNG, and gets the name of one.
    const suffix = extensions[format].includes(extname(input).toLowerCase()) ? ext : extensions[format][0];
    for (let i = 1; ; i++) {
      const output = join(dir, `${name}${i === 1 ? '' : `-${i}`}${suffix}`);
      const key = identity(output);
      if (taken.has(key)) continue;
      taken.add(key);
      return output;
    }
  };
}
