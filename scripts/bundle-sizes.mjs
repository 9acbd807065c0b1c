/**
 * Prints what each package adds to a page, minified and gzipped, and the whole file for pages without a bundler; fails above
 * the budget in bundle-budget.json. Run after the build. A size that has become smaller is a reason to lower its budget.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const budget = JSON.parse(readFileSync(new URL('bundle-budget.json', import.meta.url), 'utf8'));

/** Bytes of an entry with everything of its own package, without what it imports by name. */
async function moduleSize(entry) {
  const { outputFiles } = await build({
    entryPoints: [`${root}packages/${entry}`],
    bundle: true,
    minify: true,
    format: 'esm',
    packages: 'external',
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const fileSize = (file) => gzipSync(readFileSync(`${root}packages/${file}`), { level: 9 }).length;

let failed = false;
console.log('min+gzip      bytes     budget');
for (const [entry, limit] of Object.entries(budget)) {
  if (!existsSync(`${root}packages/${entry}`)) throw new Error(`${entry} was not built: run npm run build.`);
  const whole = entry.endsWith('chaingrad.js') || entry.endsWith('.wasm');
  const size = whole ? fileSize(entry) : await moduleSize(entry);
  const over = size > limit;
  failed ||= over;
  const raw = whole ? `  (${statSync(`${root}packages/${entry}`).size} raw)` : '';
  console.log(
    `${String(size).padStart(17)} ${String(limit).padStart(10)}  ${entry}${over ? '  TOO LARGE' : ''}${raw}`,
  );
}
if (failed) {
  console.error(
    'A bundle is above its budget. Make it smaller, or raise scripts/bundle-budget.json and say why.',
  );
  process.exitCode = 1;
}
