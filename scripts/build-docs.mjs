/**
 * Builds the documentation as one static site in out/docs: the guide (docs/, VitePress), below api/ the reference of every export (TypeDoc),
 * which leads to the sources as text. Nothing of it is fetched from elsewhere.
 * Usage: npm run build && npm run docs     or npm run docs -- --serve, which shows the guide while it is written
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { root, workspacePackages } from './packages.mjs';

const { values } = parseArgs({ options: { serve: { type: 'boolean' } } });
const run = (...args) => execFileSync('npx', ['--no-install', ...args], { cwd: root, stdio: 'inherit' });

// The programs that run in the page import the single file of the library; its kernels lie beside it.
const publicFolder = `${root}docs/public`;
rmSync(publicFolder, { recursive: true, force: true });
const { path } = workspacePackages().find(({ folder }) => folder === 'vision');
for (const file of ['chaingrad.js', 'tfjs-backend-wasm-simd.wasm'])
  cpSync(`${path}/dist/${file}`, `${publicFolder}/live/${file}`);
cpSync(`${root}docs/images`, `${publicFolder}/images`, { recursive: true });

if (values.serve) run('vitepress', 'dev', 'docs');
else {
  run('vitepress', 'build', 'docs');
  const base = process.env.DOCS_BASE ?? '/';
  run(
    'typedoc',
    '--options',
    'docs/.vitepress/typedoc.json',
    '--sourceLinkTemplate',
    `${base}source/{path}.txt`,
  );
  for (const { folder, path } of workspacePackages()) {
    for (const { name, parentPath } of readdirSync(`${path}/src`, { recursive: true, withFileTypes: true })) {
      if (!name.endsWith('.ts')) continue;
      const place = parentPath.slice(path.length);
      cpSync(`${parentPath}/${name}`, `${root}out/docs/source/${folder}${place}/${name}.txt`);
    }
  }
}
