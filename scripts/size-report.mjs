/**
 * Prints, for each package, how many source files and lines it has, and how many names it exports.
 * Usage: node scripts/size-report.mjs [--json]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root, sourceCondition, workspacePackages } from './packages.mjs';

const packages = workspacePackages();
/** The source files that a package exports. */
const entriesOf = ({ path, manifest }) =>
  Object.values(manifest.exports)
    .map((target) => target[sourceCondition])
    .filter((source) => source !== undefined)
    .map((source) => join(path, source));

const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent({ ...config, files: [] }, ts.sys, root);
const program = ts.createProgram(packages.flatMap(entriesOf), options);
const checker = program.getTypeChecker();

/** The names that a module exports, types included. */
function exportedNames(file) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  return checker.getExportsOfModule(module).map((symbol) => symbol.name);
}

const rows = packages.map((each) => {
  const src = join(each.path, 'src');
  const files = readdirSync(src, { recursive: true }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.generated.ts'),
  );
  const lines = files.reduce(
    (sum, name) => sum + readFileSync(join(src, name), 'utf8').split('\n').length - 1,
    0,
  );
  // The entry for pages without a bundler has the names of the others.
  const entries = entriesOf(each).filter((file) => !file.endsWith('/browser.ts'));
  return {
    name: each.manifest.name,
    files: files.length,
    lines,
    names: new Set(entries.flatMap(exportedNames)).size,
  };
});

if (process.argv.includes('--json')) {
  console.log(JSON.stringify(rows, null, 2));
} else {
  const sum = (field) => rows.reduce((total, row) => total + row[field], 0);
  const all = { name: 'all', files: sum('files'), lines: sum('lines'), names: sum('names') };
  console.log(`${'package'.padEnd(20)} files   lines  public names`);
  for (const { name, files, lines, names } of [...rows, all]) {
    console.log(
      `${name.padEnd(20)} ${String(files).padStart(5)} ${String(lines).padStart(7)} ${String(names).padStart(13)}`,
    );
  }
}
