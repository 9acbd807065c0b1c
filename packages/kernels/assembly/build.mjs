/**
 * Compiles assembly/ to the binaries and embeds them as base64 in src/wasm/binaries.generated.ts, and those that only Node can use in
 * node-binaries.generated.ts, so that the package needs no file beside its modules; writes the classes of the jobs'
 * arguments into src/wasm/layouts.generated.ts. The generated modules are not committed: run `npm run build -w @chaingrad/kernels`
 * once. Tests and the type check run it with `--if-changed`, which does nothing when the generated modules were made from these sources.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { writeChecked } from './checked.mjs';
import { layoutReader, layoutsSource } from './layouts.mjs';
import { microKernels } from './micro-kernels.mjs';
import { header, isCurrent, sourcesHash } from './sources.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const hash = sourcesHash();
if (process.argv.includes('--if-changed') && isCurrent(hash)) process.exit();

/** The binaries run inside the memory of another module: they may import that memory, and must not write into it. */
function check(name, bytes) {
  const module = new WebAssembly.Module(bytes);
  const imports = WebAssembly.Module.imports(module).map((i) => `${i.module}.${i.name} (${i.kind})`);
  if (imports.join() !== 'env.memory (memory)') throw new Error(`${name} imports ${imports.join(', ')}`);
  // The sections follow each other; 11 is data.
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at++];
    let size = 0;
    for (let shift = 0, byte = 128; byte & 128; shift += 7) size |= ((byte = bytes[at++]) & 127) << shift;
    if (id === 11) throw new Error(`${name} has a data section, which would overwrite the memory of tfjs`);
    at += size;
  }
}

const { options, targets } = JSON.parse(readFileSync('asconfig.json', 'utf8'));

/** The binaries for `npm run test:bounds`, in build/checked. */
async function buildChecked() {
  const asc = await import('assemblyscript/asc');
  const count = writeChecked('build/checked/assembly');
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, ...(value === true ? [] : [`${value}`])]);
  for (const [target, { enable, use }] of Object.entries(targets)) {
    const more = ['--enable', enable.join(','), '--use', use.join(','), '--outFile', `build/checked/${target}.wasm`];
    const { error, stderr } = await asc.main(['build/checked/assembly/index.ts', ...flags, ...more]);
    if (error) throw new Error(stderr.toString(), { cause: error });
  }
  console.log(`${count} instructions that touch memory are checked`);
}
if (process.argv.includes('--checked')) {
  await buildChecked();
  process.exit();
}

// Loaded only now: the compiler takes longer to load than `--if-changed` takes to find nothing to do.
const asc = await import('assemblyscript/asc');
mkdirSync('build', { recursive: true });
writeFileSync('assembly/micro-kernels.generated.ts', microKernels());
const sources = {};
let layouts = null;
for (const target of Object.keys(targets)) {
  const { found, transform } = layoutReader();
  const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', target], { transforms: [transform] });
  if (error) {
    console.error(stderr.toString());
    throw error;
  }
  const layout = layoutsSource(found);
  if (layouts !== null && layout !== layouts) throw new Error('the binaries lay their arguments out differently');
  layouts = layout;
  const bytes = readFileSync(`build/${target}.wasm`);
  // V8 before 12 does not know relaxed SIMD, so those with it cannot be looked at everywhere.
  if (WebAssembly.validate(bytes)) check(target, bytes);
  sources[target] = `export const ${target} =\n  '${bytes.toString('base64')}';\n`;
}
writeFileSync('src/wasm/layouts.generated.ts', header(hash) + layouts);
writeFileSync('src/wasm/binaries.generated.ts', header(hash) + [sources.simd, sources.relaxed].join('\n'));
writeFileSync('src/wasm/node-binaries.generated.ts', header(hash) + [sources.relaxed4, sources.wide].join('\n'));
