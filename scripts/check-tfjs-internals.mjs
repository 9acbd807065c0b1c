/**
 * Checks that what tfjs has inside (engine, tape, registries, data of tensors, heaps of backends) is touched in one file of a
 * package only, `src/tfjs-internals.ts`, and fails with a line for each place elsewhere.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { root, workspacePackages } from './packages.mjs';

/** Names of tfjs' insides, as properties, methods or imports. A local variable may be called so. */
const inside = new Set([
  ...[
    'engine',
    'ENGINE',
    'makeTensorFromTensorInfo',
    'makeTensorFromDataId',
    'removeDataId',
    'registryFactory',
  ],
  ...['findBackend', 'findBackendFactory'],
  ...['registerKernel', 'unregisterKernel', 'getKernel', 'getKernelsForBackend', 'copyRegisteredKernels'],
  ...['registerGradient', 'unregisterGradient', 'getGradient', 'registerBackend', 'removeBackend'],
  ...['dataId', 'incRef', 'decRef', 'disposeData', 'numDataIds', 'readSync', 'tensorMap', 'uploadToGPU'],
  ...[
    '_malloc',
    '_free',
    'HEAPU8',
    'wasmMemory',
    'dataIdMap',
    'memoryOffset',
    'makeOutput',
    'typedArrayFromHeap',
  ],
  ...['runWebGPUProgram', 'runWebGLProgram', 'bufferManager', 'textureManager'],
]);

const allowed = 'tfjs-internals.ts';

/** Files that may break the rule, and why. One that does not must be taken off. */
const exempt = new Map([['packages/core/src/meta/backend.ts', 'it is a backend itself']]);

/** A file inside of a package of tfjs; its .wasm files are documented. */
const deepImport = /^@tensorflow\/tfjs[^/]*\/.*(?<!\.wasm)$/;

/** Whether an identifier names a part of something, and is not a variable or a parameter. */
function isPart(node) {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isBindingElement(parent))
    return (parent.propertyName ?? parent.name) === node && ts.isObjectBindingPattern(parent.parent);
  if (ts.isImportSpecifier(parent)) return (parent.propertyName ?? parent.name) === node;
  return (
    ts.isShorthandPropertyAssignment(parent) ||
    ((ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isMethodDeclaration(parent)) &&
      parent.name === node)
  );
}

/** The places of a file that touch tfjs' insides. */
function placesIn(file) {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const places = [];
  const add = (node, what) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    places.push(`${relative(root, file)}:${line + 1}: ${what}`);
  };
  const visit = (node) => {
    if (ts.isIdentifier(node) && inside.has(node.text) && isPart(node)) add(node, `'${node.text}'`);
    if (ts.isStringLiteralLike(node) && (deepImport.test(node.text) || inside.has(node.text)))
      add(node, `'${node.text}'`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return places;
}

const problems = [];
let count = 0;
for (const { folder } of workspacePackages()) {
  const sources = join(root, 'packages', folder, 'src');
  if (!existsSync(sources)) continue;
  for (const path of readdirSync(sources, { recursive: true })) {
    if (!path.endsWith('.ts') || path.endsWith('.generated.ts') || path === allowed) continue;
    count++;
    const file = join(sources, path);
    const places = placesIn(file);
    const name = relative(root, file);
    if (!exempt.has(name))
      problems.push(...places.map((place) => `${place} is inside of tfjs: go through ${allowed}`));
    else if (places.length === 0)
      problems.push(`${name} keeps the rule now: take it off the list in scripts/check-tfjs-internals.mjs`);
  }
}
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
console.log(`${count} source files leave tfjs' insides to ${allowed}, but for ${exempt.size} exempt ones.`);
