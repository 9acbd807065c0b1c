/** The packages of this repository, for the scripts: which there are, in which order they stand on each other, what they declare. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository's folder, with a slash at the end. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** The condition by which this repository's own programs read the sources; no published file is behind it. */
export const sourceCondition = 'chaingrad-source';

/**
 * @typedef {object} WorkspacePackage
 * @property {string} folder its folder below packages/
 * @property {string} path the folder's full path
 * @property {Record<string, any>} manifest its package.json
 */

/** @returns {WorkspacePackage[]} every package, each behind those that it depends on. */
export function workspacePackages() {
  const all = readdirSync(`${root}packages`)
    .filter((folder) => existsSync(`${root}packages/${folder}/package.json`))
    .map((folder) => {
      const path = `${root}packages/${folder}`;
      return { folder, path, manifest: JSON.parse(readFileSync(`${path}/package.json`, 'utf8')) };
    });
  const byName = new Map(all.map((one) => [one.manifest.name, one]));
  const sorted = new Set();
  const add = (one, above) => {
    if (above.includes(one))
      throw new Error(`${one.manifest.name} depends on itself through other packages.`);
    for (const name of Object.keys(one.manifest.dependencies ?? {})) {
      const below = byName.get(name);
      if (below !== undefined) add(below, [...above, one]);
    }
    sorted.add(one);
  };
  for (const one of all) add(one, []);
  return [...sorted];
}
