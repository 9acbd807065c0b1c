/** What every tarball must be before it may be published. */
import { readFileSync } from 'node:fs';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { sourceCondition } from './packages.mjs';

/** What lies in a tarball beside dist/. */
const beside = ['LICENSE', 'README.md', 'package.json'];

/** The packages are ES modules only: what CommonJS and Node 10 would make of them does not count. */
const otherResolutions = ['node10', 'node16-cjs'];

/** publint tells ES modules from others by their look, and takes the minified file for pages, with tfjs' Node code inside, for CommonJS. */
const isMistaken = ({ code, args }) =>
  code === 'FILE_INVALID_FORMAT' && args.actualFilePath === './dist/chaingrad.js';

/** The files that `exports`, `bin` and `sideEffects` of a manifest name. */
function namedFiles({ exports, bin = {}, sideEffects }) {
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  const files = [...targets, ...Object.values(bin), ...(Array.isArray(sideEffects) ? sideEffects : [])];
  return files.map((file) => file.replace(/^\.\//, ''));
}

/**
 * @param {{ name: string, version: string, tarball: string }} packed
 * @param {readonly string[]} siblings the names of all packages that are published together.
 * @returns {Promise<string[]>} what is wrong, a line each.
 */
export async function tarballProblems({ name, version, tarball }, siblings) {
  const bytes = readFileSync(tarball);
  const problems = [];
  const contents = createPackageFromTarballData(new Uint8Array(bytes));
  const prefix = `/node_modules/${name}/`;
  const files = contents.listFiles().map((file) => file.slice(prefix.length));
  const manifest = JSON.parse(contents.readFile(`${prefix}package.json`));

  for (const field of ['name', 'version', 'description', 'license', 'exports', 'files', 'engines']) {
    if (!manifest[field]) problems.push(`package.json has no ${field}.`);
  }
  if (!(manifest.keywords?.length > 0)) problems.push('package.json has no keywords.');
  if (manifest.sideEffects === undefined) problems.push('package.json does not say sideEffects.');
  if (manifest.scripts !== undefined)
    problems.push('package.json has scripts, which are of use in the repository only.');
  if (JSON.stringify(manifest.exports).includes(sourceCondition))
    problems.push(`exports has the condition ${sourceCondition}, behind which no file is published.`);
  for (const sibling of siblings) {
    const range = manifest.dependencies?.[sibling] ?? version;
    if (range !== version) problems.push(`depends on ${sibling} ${range}, which is published as ${version}.`);
  }
  for (const file of beside) if (!files.includes(file)) problems.push(`${file} is missing.`);
  for (const file of files) {
    if (!beside.includes(file) && !manifest.files?.includes(file.split('/')[0]))
      problems.push(`${file} does not belong into it.`);
  }
  for (const file of namedFiles(manifest)) {
    if (!files.includes(file)) problems.push(`package.json names ${file}, which is not in it.`);
  }

  const { messages } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) },
    strict: true,
  });
  for (const message of messages.filter((each) => !isMistaken(each)))
    problems.push(`publint: ${formatMessage(message, manifest, { color: false })}`);

  const types = await checkPackage(contents);
  if (types.types === false) problems.push('are the types wrong: it has none.');
  else
    for (const problem of types.problems) {
      if (!otherResolutions.includes(problem.resolutionKind))
        problems.push(`are the types wrong: ${JSON.stringify(problem)}`);
    }
  return problems;
}
