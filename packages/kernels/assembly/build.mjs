/**
 * Compiles assembly/ to the two binaries and embeds them as base64 in src/wasm/binaries.generated.ts, so that the package
 * needs no file beside its modules. The generated module is not committed: run `npm run build -w @chaingrad/kernels` once
 * before the tests, the type check or rollup.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
mkdirSync('build', { recursive: true });

/** The binaries run inside the memory of another module: they may import that memory, and must not write into it. */
function check(name, bytes) {
  const module = new WebAssembly.Module(bytes);
  const imports = WebAssembly.Module.imports(module).map((i) => `${i.module}.${i.name} (${i.kind})`);
  if (imports.join() !== 'env.memory (memory)') throw new Error(`${name} imports ${imports.join(', ')}`);
  // walk the sections: 11 is data
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at++];
    let size = 0;
    for (let shift = 0, byte = 128; byte & 128; shift += 7) size |= ((byte = bytes[at++]) & 127) << shift;
    if (id === 11) throw new Error(`${name} has a data section, which would overwrite the memory of tfjs`);
    at += size;
  }
}

const lines = ['// Made from assembly/ by assembly/build.mjs.\n'];
for (const target of ['simd', 'relaxed']) {
  const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', target]);
  if (error) {
    console.error(stderr.toString());
    throw error;
  }
  const bytes = readFileSync(`build/${target}.wasm`);
  // V8 before 12 does not know relaxed SIMD, so the second binary cannot be looked at everywhere.
  if (WebAssembly.validate(bytes)) check(target, bytes);
  lines.push(`export const ${target} =\n  '${bytes.toString('base64')}';\n`);
}
writeFileSync('src/wasm/binaries.generated.ts', lines.join('\n'));
