/**
 * Checks how the sources import each other, and fails with a line for each import that breaks a rule:
 *
 * - a package imports only those that stand below it, by their names and public exports, never by a path into their files;
 * - it declares every package that it imports (dependencies, peerDependencies);
 * - files do not import each other in a circle, but for types, which are gone at run time.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { root, workspacePackages } from './packages.mjs';

/** Each imports only what stands before it. */
const order = ['kernels', 'core', 'weights', 'onnx', 'training', 'vision', 'cli', 'create'];

/** Pairs that the order alone would allow: the right one runs without the left, whose types it may name. */
const apart = [
  ['onnx', 'training'],
  ['onnx', 'vision'],
];

/** The imports of a source file: what is imported, in which line, and whether for its types only. */
function importsOf(file) {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found = [];
  const add = (literal, typeOnly) => {
    const line = source.getLineAndCharacterOfPosition(literal.getStart()).line + 1;
    found.push({ specifier: literal.text, line, typeOnly });
  };
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true);
    } else if (
      ts.isCallExpression(node) &&
      node.expression.kind === ts.SyntaxKind.ImportKeyword &&
      ts.isStringLiteralLike(node.arguments[0])
    ) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** '@scope/name/sub' -> '@scope/name'. */
const packageOf = (specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

/** What a specifier means as an export of a package: './sub' or '.'. */
const exportOf = (specifier) => `.${specifier.slice(packageOf(specifier).length)}`;

/** The groups of files that reach each other (Tarjan's strongly connected components), of two or more. */
function circles(graph) {
  const [index, low, stack, out] = [new Map(), new Map(), [], []];
  const visit = (file) => {
    index.set(file, index.size);
    low.set(file, index.get(file));
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(file, Math.min(low.get(file), low.get(next)));
    }
    if (low.get(file) !== index.get(file)) return;
    const group = stack.splice(stack.indexOf(file));
    if (group.length > 1 || graph.get(file)?.has(file)) out.push(group);
  };
  for (const file of graph.keys()) if (!index.has(file)) visit(file);
  return out;
}

const problems = [];
const packages = workspacePackages();
const byName = new Map(packages.map((each) => [each.manifest.name, each]));
for (const { folder } of packages) {
  if (!order.includes(folder))
    problems.push(`packages/${folder} has no place in the order of scripts/check-structure.mjs.`);
}

/** The files that a file imports when it is run. */
const graph = new Map();
for (const { folder, path, manifest } of packages) {
  const src = join(path, 'src');
  // A package's own names for modules that it chooses by platform begin with '#'.
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.imports };
  for (const name of readdirSync(src, { recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    const file = join(src, name);
    const here = relative(root, file);
    graph.set(here, new Set());
    for (const { specifier, line, typeOnly } of importsOf(file)) {
      const refuse = (why) => problems.push(`${here}:${line} imports '${specifier}': ${why}`);
      if (specifier.startsWith('.')) {
        const target = join(dirname(file), specifier);
        if (relative(src, target).startsWith('..'))
          refuse(`it is outside of packages/${folder}/src. Import the package by its name.`);
        else if (!typeOnly) graph.get(here).add(relative(root, target));
        continue;
      }
      const other = packageOf(specifier);
      if (specifier.startsWith('node:')) continue;
      if (builtinModules.includes(other) && declared[other] === undefined) {
        refuse(`a module of Node is imported as 'node:${specifier}'.`);
        continue;
      }
      if (declared[other] === undefined) refuse(`packages/${folder}/package.json does not declare ${other}.`);
      const below = byName.get(other);
      if (below === undefined) continue;
      if (order.indexOf(below.folder) >= order.indexOf(folder))
        refuse(`${below.folder} does not stand below ${folder}.`);
      if (!typeOnly && apart.some(([a, b]) => a === below.folder && b === folder))
        refuse(`${folder} does not stand on ${below.folder}.`);
      if (below.manifest.exports[exportOf(specifier)] === undefined) refuse(`${other} does not export it.`);
    }
  }
}
for (const group of circles(graph))
  problems.push(`These files import each other in a circle: ${group.sort().join(', ')}.`);

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`${graph.size} source files import each other in one direction, and only what is declared.`);
