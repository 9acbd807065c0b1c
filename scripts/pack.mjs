/**
 * Makes the tarballs that npm publishes from the built packages, in out/packages or the folder that is given.
 * Usage: npm run build && npm run pack [-- FOLDER] [--json]
 *
 * What is packed differs from packages/ in three ways: the licence of the repository lies in it, its addresses (repository, homepage,
 * bugs) stand in the manifest, and the export condition of the sources, which are not published, does not.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { root, sourceCondition, workspacePackages } from './packages.mjs';

/** A manifest as it is published. `version` replaces that of the package and of those it depends on. */
export function publishedManifest({ folder, manifest }, version, names) {
  const { scripts: _, ...published } = structuredClone(manifest);
  for (const target of Object.values(published.exports ?? {})) {
    if (typeof target === 'object') delete target[sourceCondition];
  }
  // Sources are not published.
  if (Array.isArray(published.sideEffects))
    published.sideEffects = published.sideEffects.filter((file) => !file.startsWith('./src/'));
  const { repository, homepage, bugs } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  if (repository !== undefined) {
    const address = typeof repository === 'string' ? { type: 'git', url: repository } : repository;
    published.repository = { ...address, directory: `packages/${folder}` };
  }
  if (homepage !== undefined) published.homepage = homepage;
  if (bugs !== undefined) published.bugs = bugs;
  published.version = version;
  for (const name of names) {
    if (published.dependencies?.[name] !== undefined) published.dependencies[name] = version;
  }
  return published;
}

/**
 * Packs every package.
 * @param {string} out the folder of the tarballs; made if it does not exist.
 * @param {string} [version] of all packages; that of their manifests where none is given.
 * @returns {{ name: string, version: string, tarball: string, manifest: Record<string, any> }[]} in the order of publishing.
 */
export function packAll(out, version) {
  const packages = workspacePackages();
  const names = packages.map(({ manifest }) => manifest.name);
  mkdirSync(out, { recursive: true });
  return packages.map((one) => {
    const { path, manifest } = one;
    const stage = mkdtempSync(join(tmpdir(), 'chaingrad-pack-'));
    try {
      const published = publishedManifest(one, version ?? manifest.version, names);
      writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
      for (const file of manifest.files) {
        if (!existsSync(join(path, file)))
          throw new Error(`${manifest.name}: ${join(path, file)} does not exist. Run npm run build.`);
        cpSync(join(path, file), join(stage, file), { recursive: true });
      }
      copyFileSync(join(path, 'README.md'), join(stage, 'README.md'));
      copyFileSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
      const printed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out], {
        cwd: stage,
        encoding: 'utf8',
      });
      const packed = JSON.parse(printed);
      // npm 12 prints an object by name where earlier ones print a list.
      const { filename } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
      return {
        name: published.name,
        version: published.version,
        tarball: join(out, filename),
        manifest: published,
      };
    } finally {
      rmSync(stage, { recursive: true });
    }
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'boolean' } },
    allowPositionals: true,
  });
  const packed = packAll(resolve(positionals[0] ?? `${root}out/packages`));
  console.log(values.json ? JSON.stringify(packed) : packed.map(({ tarball }) => tarball).join('\n'));
}
