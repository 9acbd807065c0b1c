/**
 * Builds every package: one ES module an entry, with its type declarations beside it.
 * Everything that is not a relative import stays an import: packages see each other, and tfjs, through npm.
 * For pages without a bundler there is one more file with all of it inside: packages/vision/dist/chaingrad.js.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import commonjs from '@rollup/plugin-commonjs';
import nodeResolve from '@rollup/plugin-node-resolve';
import dts from 'rollup-plugin-dts';
import esbuild from 'rollup-plugin-esbuild';

const external = (id) => !id.startsWith('.') && !id.startsWith('/');

const packages = readdirSync('packages').filter((name) => existsSync(`packages/${name}/src/index.ts`));

// Chunks have their hash in their names: those of earlier builds would stay, and be published.
for (const name of packages) rmSync(`packages/${name}/dist`, { recursive: true, force: true });

/** The source files of a manifest's exports or imports: what has a `chaingrad-source` condition, within other conditions too. */
const sourcesOf = (targets = {}) =>
  Object.values(targets)
    .filter((target) => typeof target === 'object')
    .flatMap((target) => target['chaingrad-source'] ?? sourcesOf(target));

/** The modules of a package that others load by name, or that it loads by a name of its own. */
function entries(name) {
  const manifest = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8'));
  const sources = [...sourcesOf(manifest.exports), ...sourcesOf(manifest.imports)];
  const bins = Object.values(manifest.bin ?? {}).map((file) =>
    file.replace('dist', 'src').replace(/js$/, 'ts'),
  );
  return [...sources, ...bins].map((source) => `packages/${name}/${source}`);
}

/** Puts tfjs' WASM binary beside the modules: pages look for it there. */
const wasmBeside = {
  name: 'wasm-beside',
  generateBundle() {
    const fileName = 'tfjs-backend-wasm-simd.wasm';
    const source = readFileSync(`node_modules/@tensorflow/tfjs-backend-wasm/dist/${fileName}`);
    this.emitFile({ type: 'asset', fileName, source });
  },
};

/** Node's modules, which tfjs' code for Node names and a page never runs. */
const withoutNode = {
  name: 'without-node',
  resolveId: (id) =>
    /^(node:.*|crypto|fs|os|path|perf_hooks|util|worker_threads)$/.test(id) ? '\0empty' : null,
  load: (id) => (id === '\0empty' ? 'export default {}' : null),
};

/** Browsers without `using` (Firefox 140 is one) lack its symbols, for which esbuild's helper has others than our classes. */
const banner =
  "Symbol.dispose??=Symbol.for('Symbol.dispose');Symbol.asyncDispose??=Symbol.for('Symbol.asyncDispose');";

const browserFile = {
  input: 'packages/vision/src/browser.ts',
  plugins: [
    withoutNode,
    nodeResolve({ browser: true, exportConditions: ['chaingrad-source'], extensions: ['.js', '.ts'] }),
    commonjs(),
    esbuild({ target: 'es2022', tsconfig: 'tsconfig.json', minify: true, keepNames: true }),
    wasmBeside,
  ],
  output: { file: 'packages/vision/dist/chaingrad.js', format: 'es', inlineDynamicImports: true, banner },
  onwarn(warning, warn) {
    if (warning.code === 'UNRESOLVED_IMPORT') throw new Error(warning.message);
    // Modules of a package import each other freely; tfjs' do, too. Its Node code is never run here.
    if (
      warning.code !== 'CIRCULAR_DEPENDENCY' &&
      warning.code !== 'THIS_IS_UNDEFINED' &&
      warning.pluginCode !== 'UNSUPPORTED_REQUIRE_CALL'
    )
      warn(warning);
  },
};

/** `using` and Symbol.dispose stand in our types: programs for an older target have no declaration of them by themselves. */
const typesBanner = '/// <reference lib="esnext.disposable" />';

const modules = packages.flatMap((name) => {
  const input = Object.fromEntries(
    entries(name).map((file) => [file.replace(/^.*src\//, '').replace(/\.ts$/, ''), file]),
  );
  const dir = `packages/${name}/dist`;
  return [
    {
      input,
      external,
      plugins: [
        // Spread literals (`{ ...{ a, b }, c }`) become one, which V8 makes many times as fast.
        esbuild({ target: 'es2022', tsconfig: 'tsconfig.json', minifySyntax: true }),
        ...(name === 'kernels' ? [wasmBeside] : []),
      ],
      // Without hoisting no module imports a package that it does not use itself.
      output: {
        ...{ dir, format: 'es', sourcemap: true, chunkFileNames: 'chunk-[hash].js' },
        hoistTransitiveImports: false,
        // Programs of Node, which has the symbols.
        ...(name === 'cli' || name === 'create' ? {} : { banner }),
      },
    },
    {
      input,
      external,
      plugins: [
        dts({ tsconfig: 'tsconfig.json', respectExternal: false, compilerOptions: { customConditions: [] } }),
      ],
      output: { dir, format: 'es', banner: typesBanner },
    },
  ];
});

export default [...modules, browserFile];
