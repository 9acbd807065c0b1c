/** Builds a project, a folder with a `main.js`, with each bundler for a page; any message but of a backend that is left out fails. */
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import commonjs from '@rollup/plugin-commonjs';
import nodeResolve from '@rollup/plugin-node-resolve';
import { expect } from 'chai';
import { build as esbuild } from 'esbuild';
import { rollup } from 'rollup';
import { build as vite } from 'vite';
import webpack from 'webpack';

const page = '<!doctype html><title>page</title><script type="module" src="./main.js"></script>';

/** What is installed only by those who want it: bundlers may say that it is missing. */
const optional = /@tensorflow\/tfjs-backend-webgpu/;

const expectNoMessages = (messages: readonly string[]) =>
  expect(
    messages.filter((message) => !optional.test(message)),
    'messages of the bundler',
  ).to.deep.equal([]);

export interface Bundler {
  readonly bundler: string;
  /** Writes `index.html` and what it loads into `out`. */
  bundle(project: string, out: string): Promise<void>;
}

export const bundlers: readonly Bundler[] = [
  {
    bundler: 'Vite',
    async bundle(project, out) {
      const html = join(project, 'index.html');
      await writeFile(html, page);
      await vite({
        root: project,
        base: './',
        logLevel: 'silent',
        build: { outDir: out, emptyOutDir: true },
      });
      await rm(html);
    },
  },
  {
    bundler: 'webpack',
    async bundle(project, out) {
      const compiler = webpack({
        mode: 'production',
        context: project,
        entry: './main.js',
        output: { path: out, filename: 'main.js', module: true },
        experiments: { outputModule: true },
        performance: { hints: false },
        optimization: { minimize: false },
      });
      const stats = await new Promise<webpack.Stats>((resolve, reject) => {
        compiler.run((error, result) => (error || !result ? reject(error) : resolve(result)));
      });
      await new Promise((resolve) => compiler.close(resolve));
      const { errors = [], warnings = [] } = stats.toJson({ all: false, errors: true, warnings: true });
      expect(errors.map(({ message }) => message)).to.deep.equal([]);
      expectNoMessages(warnings.map(({ message }) => message));
      await writeFile(join(out, 'index.html'), page);
    },
  },
  {
    bundler: 'Rollup',
    async bundle(project, out) {
      const messages: string[] = [];
      const built = await rollup({
        input: join(project, 'main.js'),
        plugins: [nodeResolve({ browser: true }), commonjs()],
        onwarn: ({ code, message }) => {
          if (code === 'UNRESOLVED_IMPORT') messages.push(message);
        },
      });
      expectNoMessages(messages);
      await built.write({ dir: out, format: 'es' });
      await built.close();
      await copyWasm(project, out);
      await writeFile(join(out, 'index.html'), page);
    },
  },
  {
    bundler: 'esbuild',
    async bundle(project, out) {
      const { warnings } = await esbuild({
        absWorkingDir: project,
        entryPoints: ['main.js'],
        outdir: out,
        bundle: true,
        splitting: true,
        format: 'esm',
        platform: 'browser',
        target: 'es2022',
        logLevel: 'silent',
      });
      expectNoMessages(warnings.map(({ text }) => text));
      await copyWasm(project, out);
      await writeFile(join(out, 'index.html'), page);
    },
  },
];

/** Those that do not know `new URL(..., import.meta.url)` copy no files. */
async function copyWasm(project: string, out: string): Promise<void> {
  const file = 'tfjs-backend-wasm-simd.wasm';
  const kernels = dirname(createRequire(join(project, 'main.js')).resolve('@chaingrad/kernels/package.json'));
  await copyFile(join(kernels, 'dist', file), join(out, file));
}
