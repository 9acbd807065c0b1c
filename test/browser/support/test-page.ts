/** Bundles test files of the other folders into a page. */
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { disposeSymbols } from '../../../examples/web/dispose-symbols.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const wasmFile = 'tfjs-backend-wasm-simd.wasm';

/**
 * Writes a folder to be served: `<name>.html` for each set of test files.
 * @param sets test files by name, relative to test/.
 */
export async function writeTestPages(
  folder: string,
  sets: Readonly<Record<string, { backend: 'wasm' | 'webgpu'; files: readonly string[] }>>,
): Promise<void> {
  await mkdir(join(folder, 'tests'), { recursive: true });
  // The tests look for fixtures beside their own folder.
  await symlink(join(root, 'test/fixtures'), join(folder, 'fixtures'));
  await copyFile(join(root, 'node_modules/mocha/mocha.js'), join(folder, 'mocha.js'));
  await copyFile(
    join(root, 'node_modules/@tensorflow/tfjs-backend-wasm/dist', wasmFile),
    join(folder, wasmFile),
  );
  const entries: Record<string, string> = {};
  for (const [name, { backend, files }] of Object.entries(sets)) {
    const entry = join(folder, `${name}-entry.ts`);
    const loads = files.map((file) => `await import(${JSON.stringify(join(root, 'test', file))});`);
    await writeFile(
      entry,
      `import { runTests } from ${JSON.stringify(join(root, 'test/browser/support/run-tests.ts'))};\n` +
        `void runTests('${backend}', async () => {\n${loads.join('\n')}\n});\n`,
    );
    entries[`tests/${name}`] = entry;
    await writeFile(
      join(folder, `${name}.html`),
      `<!doctype html><title>${name}</title><script src="/mocha.js"></script>` +
        `<script type="module" src="/tests/${name}.js"></script>`,
    );
  }
  const shim = join(root, 'test/browser/support/node-fs.ts');
  await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: folder,
    bundle: true,
    splitting: true,
    chunkNames: 'tests/[name]-[hash]',
    format: 'esm',
    target: 'es2022',
    banner: { js: disposeSymbols },
    conditions: ['chaingrad-source'],
    mainFields: ['browser', 'module', 'main'],
    nodePaths: [join(root, 'node_modules')],
    alias: { 'node:fs': shim, 'node:url': shim },
    external: ['webgpu'],
    logLevel: 'error',
  });
  // What is served is what was built: an empty bundle would pass every test.
  for (const name of Object.keys(sets)) await readFile(join(folder, `tests/${name}.js`));
}

/** Bundles one program of a folder, in place, and writes the page that runs it. The WASM binary lies beside it. */
export async function bundlePage(folder: string, program: string): Promise<void> {
  await copyFile(
    join(root, 'node_modules/@tensorflow/tfjs-backend-wasm/dist', wasmFile),
    join(folder, wasmFile),
  );
  await build({
    absWorkingDir: root,
    entryPoints: [join(folder, program)],
    outdir: folder,
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    banner: { js: disposeSymbols },
    conditions: ['chaingrad-source'],
    mainFields: ['browser', 'module', 'main'],
    nodePaths: [join(root, 'node_modules')],
    external: ['webgpu'],
    logLevel: 'error',
  });
  await writeFile(
    join(folder, 'index.html'),
    `<!doctype html><title>${program}</title><script type="module" src="/${program}"></script>`,
  );
}
