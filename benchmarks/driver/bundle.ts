/** Bundles the measuring code, for Node (libraries stay outside) and for pages. */
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { type BuildOptions, build as esbuild } from 'esbuild';
import { benchmarks, build, root } from './paths.ts';

const common: BuildOptions = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  splitting: true,
  conditions: ['chaingrad-source'],
  // As in the packages (rollup.config.mjs).
  minifySyntax: true,
  logLevel: 'error',
  absWorkingDir: benchmarks,
};

/** tfjs' gradients are not registered by its build for Node, so the side that needs them gets tfjs inside. */
const tfjsCpu = './tfjs-cpu.ts';

/** What runs in Node processes: `build/node/node.js`. */
export async function bundleForNode(): Promise<void> {
  const banner = {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  };
  await esbuild({
    ...common,
    platform: 'node',
    entryPoints: [`${benchmarks}node.ts`],
    outdir: `${build}node`,
    external: [
      ...['@tensorflow/*', '@vladmandic/*', '@litertjs/*', 'onnxruntime-*', '@jax-js/*'],
      ...['sharp', 'webgpu', '@napi-rs/canvas', 'fflate'],
    ],
    plugins: [
      {
        name: 'tfjs inside',
        setup(plugin) {
          plugin.onResolve({ filter: /tfjs-cpu\.ts$/ }, () => ({ path: './tfjs-cpu.js', external: true }));
        },
      },
    ],
  });
  await esbuild({
    ...common,
    platform: 'node',
    mainFields: ['module', 'main'],
    entryPoints: [`${benchmarks}sides/${tfjsCpu}`],
    outdir: `${build}node`,
    splitting: false,
    banner,
  });
}

/** What runs in pages: `build/web`, with the libraries' own WASM files beside it. */
export async function bundleForWeb(): Promise<void> {
  await esbuild({
    ...common,
    platform: 'browser',
    entryPoints: { page: `${benchmarks}web/page.ts`, 'litert-core': '@litertjs/core' },
    outdir: `${build}web`,
    plugins: [
      {
        // Without the code for WebGPU, which its side takes from a module of its own.
        name: 'onnxruntime-web on WASM',
        setup(plugin) {
          plugin.onResolve({ filter: /^onnxruntime-web$/ }, ({ path, kind, resolveDir }) =>
            plugin.resolve(`${path}/wasm`, { kind, resolveDir }),
          );
        },
      },
    ],
    external: [
      'onnxruntime-node',
      'node:*',
      'fs',
      'path',
      'os',
      'util',
      'worker_threads',
      'perf_hooks',
      'crypto',
    ],
  });
  cpSync(`${benchmarks}web/index.html`, `${build}web/index.html`);
  const copy = (from: string, to: string) => {
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from))
      if (/\.(wasm|mjs)$/.test(name) && !/jsep|jspi|^ort\./.test(name))
        cpSync(`${from}/${name}`, `${to}/${name}`);
  };
  const tfjs = `${root}node_modules/@tensorflow/tfjs-backend-wasm/dist`;
  copy(tfjs, `${build}web/tfjs`);
  // chaingrad looks for it beside its modules.
  cpSync(`${tfjs}/tfjs-backend-wasm-simd.wasm`, `${build}web/tfjs-backend-wasm-simd.wasm`);
  copy(`${root}benchmarks/node_modules/onnxruntime-web/dist`, `${build}web/ort`);
  cpSync(`${root}node_modules/@litertjs/core/wasm`, `${build}web/litert`, { recursive: true });
}
