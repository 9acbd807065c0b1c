/** Whether the generated modules were made from the sources as they are now. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const isSource = (path) => /\.(ts|mjs|json)$/.test(path) && !path.endsWith('.generated.ts');

/** The modules of src/wasm that the build writes; the first line of each tells the hash of the sources. */
export const generated = ['binaries', 'node-binaries', 'layouts'].map((name) => `src/wasm/${name}.generated.ts`);

/** A hash of all that the build reads. The working folder is that of the package. */
export function sourcesHash() {
  const hash = createHash('sha256');
  const files = readdirSync('assembly', { recursive: true }).map((path) => `assembly/${path}`);
  const compiler = new URL(import.meta.resolve('assemblyscript/package.json'));
  for (const file of [...files.filter(isSource).sort(), 'asconfig.json']) hash.update(`${file}\0${readFileSync(file)}\0`);
  return hash.update(readFileSync(compiler)).digest('hex');
}

export const header = (hash) => `// Made from assembly/ by assembly/build.mjs. Sources: ${hash}\n`;

export const isCurrent = (hash) =>
  generated.every((file) => existsSync(file) && readFileSync(file, 'utf8').startsWith(header(hash)));
