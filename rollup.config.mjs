/**
 * Builds every package: one ES module an entry, with its type declarations beside it.
 * Everything that is not a relative import stays an import: packages see each other, and tfjs, through npm.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import dts from 'rollup-plugin-dts';
import esbuild from 'rollup-plugin-esbuild';

const external = (id) => !id.startsWith('.') && !id.startsWith('/');

const packages = readdirSync('packages').filter((name) => existsSync(`packages/${name}/src/index.ts`));

/** The source files that a package exports: each export that has a `chaingrad-source` condition. */
function entries(name) {
  const manifest = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8'));
  const sources = Object.values(manifest.exports ?? {})
    .map((target) => target['chaingrad-source'])
    .filter((source) => source !== undefined);
  const bins = Object.values(manifest.bin ?? {}).map((file) => file.replace('dist', 'src').replace(/js$/, 'ts'));
  return [...sources, ...bins].map((source) => `packages/${name}/${source}`);
}

export default packages.flatMap((name) => {
  const input = Object.fromEntries(
    entries(name).map((file) => [file.replace(/^.*src\//, '').replace(/\.ts$/, ''), file]),
  );
  const dir = `packages/${name}/dist`;
  return [
    {
      input,
      external,
      plugins: [esbuild({ target: 'es2022', tsconfig: 'tsconfig.json' })],
      output: { dir, format: 'es', sourcemap: true, chunkFileNames: 'chunk-[hash].js' },
    },
    {
      input,
      external,
      plugins: [dts({ tsconfig: 'tsconfig.json', respectExternal: false, compilerOptions: { customConditions: [] } })],
      output: { dir, format: 'es' },
    },
  ];
});
