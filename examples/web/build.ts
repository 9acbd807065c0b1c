/** Builds the studio into a folder: scripts, page, pictures, the WASM binary and the detector's weights. */
import { createHash } from 'node:crypto';
import { copyFile, cp, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { disposeSymbols } from './dispose-symbols.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const require = createRequire(import.meta.url);
const wasmFile = 'tfjs-backend-wasm-simd.wasm';

/** The part of npm's @mediapipe/objectron that is the detector with which trainings start: labels and model. */
const WEIGHTS_BYTES = 9_987_912;

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  // The tree of links shows the names of classes.
  keepNames: true,
  banner: { js: disposeSymbols },
  conditions: ['chaingrad-source'],
  mainFields: ['browser', 'module', 'main'],
  logLevel: 'error',
};

/** @returns the files that were written, relative to `out`. */
export async function buildStudio(out: string): Promise<string[]> {
  await rm(out, { recursive: true, force: true });
  await mkdir(join(out, 'examples'), { recursive: true });
  await cp(join(here, 'public'), out, { recursive: true });
  const start = await copyStart(out);
  const everyday = {
    model: await copyHashed(out, await readFile(`${centernet}.json`), 'json'),
    values: await copyHashed(out, await readFile(`${centernet}.bin`), 'bin'),
  };
  const isWeights = (file: string) => [start, everyday.model, everyday.values].includes(file);
  await build({
    ...common,
    entryPoints: { main: join(here, 'src/main.ts'), worker: join(here, 'src/worker.ts') },
    outdir: out,
    splitting: true,
    chunkNames: '[name]-[hash]',
    define: {
      WEIGHTS: JSON.stringify({ start, everyday }),
    },
  });
  // The library in one file, for the page that goes out with a model.
  await build({
    ...common,
    entryPoints: [join(root, 'packages/vision/src/browser.ts')],
    outfile: join(out, 'library/chaingrad.js'),
    external: ['webgpu'],
  });
  await copyFile(
    join(root, 'node_modules/@tensorflow/tfjs-backend-wasm/dist', wasmFile),
    join(out, wasmFile),
  );
  for (const name of ['chelsea', 'astronaut', 'coffee'])
    await copyFile(join(root, `examples/images/${name}.png`), join(out, `examples/${name}.png`));

  const files = (await readdir(out, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(out, join(entry.parentPath, entry.name)))
    .sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(await readFile(join(out, file)));
  await build({
    ...common,
    entryPoints: [join(here, 'src/service-worker.ts')],
    outfile: join(out, 'service-worker.js'),
    format: 'iife',
    define: {
      VERSION: JSON.stringify(hash.digest('hex').slice(0, 16)),
      // The weights are kept by the worker that reads them; the library is fetched when a model goes out.
      FILES: JSON.stringify([
        './',
        ...files.filter((file) => file !== 'index.html' && !isWeights(file) && !file.startsWith('library/')),
      ]),
    },
  });
  return [...files, 'service-worker.js'];
}

/** Of the detector that is used first. */
const centernet = join(root, 'node_modules/@vladmandic/human/models/centernet');

/** @returns the name of the file, with a hash of its content: so it can be kept for ever. */
async function copyHashed(out: string, bytes: Uint8Array, ending: string): Promise<string> {
  const name = `detector-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}.${ending}`;
  await writeFile(join(out, name), bytes);
  return name;
}

async function copyStart(out: string): Promise<string> {
  const file = await open(require.resolve('@mediapipe/objectron/objectron_solution_packed_assets.data'));
  try {
    const bytes = new Uint8Array(WEIGHTS_BYTES);
    const { bytesRead } = await file.read(bytes, 0, WEIGHTS_BYTES, 0);
    if (bytesRead !== WEIGHTS_BYTES)
      throw new Error(`@mediapipe/objectron: ${bytesRead} bytes, expected ${WEIGHTS_BYTES}.`);
    return await copyHashed(out, bytes, 'data');
  } finally {
    await file.close();
  }
}
