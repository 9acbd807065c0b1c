/**
 * Makes a release: one version for all packages.
 *
 *   npm run release -- --dry-run [VERSION]   builds, packs, checks every tarball and lets npm rehearse; changes nothing
 *   npm run release -- --prepare VERSION     sets the version everywhere, dates the CHANGELOG's section, commits and tags
 *   npm run release -- --publish             builds, packs, checks and publishes the tagged version with provenance (in CI)
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packAll } from './pack.mjs';
import { root, workspacePackages } from './packages.mjs';

const readJson = (file) => JSON.parse(readFileSync(root + file, 'utf8'));
const writeJson = (file, value) => writeFileSync(root + file, `${JSON.stringify(value, null, 2)}\n`);
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();

/** Stops with a message, without a stack. */
class Refusal extends Error {}

/** [1, 2, 3] of '1.2.3'. What stands behind a hyphen makes a version the lower one. */
function parse(version) {
  const match = /^(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?$/.exec(version ?? '');
  if (match === null) throw new Refusal(`Expected a version like 1.2.3 or 1.2.3-beta.1, got ${version}.`);
  return [...match.slice(1, 4).map(Number), match[4] === undefined ? 1 : 0];
}

/** Whether version `a` comes after `b`; of two that differ behind the hyphen alone, npm decides. */
function isLater(a, b) {
  const [x, y] = [parse(a), parse(b)];
  const i = x.findIndex((n, k) => n !== y[k]);
  return i === -1 ? a !== b : x[i] > y[i];
}

/** The CHANGELOG with what is unreleased under a version and a date. */
function datedChangelog(version, date) {
  const text = readFileSync(`${root}CHANGELOG.md`, 'utf8');
  const match = /^## Unreleased\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(text);
  if (match === null) throw new Refusal('CHANGELOG.md has no section "## Unreleased".');
  if (!/^- /m.test(match[1]))
    throw new Refusal('CHANGELOG.md lists nothing under "## Unreleased": what is this release for?');
  return text.replace(match[0], () => `## Unreleased\n\n## ${version} (${date})\n${match[1]}`);
}

/** Sets the version of every package, and of every dependency among them, in a manifest or an entry of the lock file. */
function setVersion(entry, version, names) {
  entry.version = version;
  for (const name of names) {
    if (entry.dependencies?.[name] !== undefined) entry.dependencies[name] = version;
  }
}

function prepare(version) {
  const packages = workspacePackages();
  const names = packages.map(({ manifest }) => manifest.name);
  const current = readJson('package.json').version;
  if (!isLater(version, current)) throw new Refusal(`Expected a version after ${current}, got ${version}.`);
  if (git('status', '--porcelain') !== '') throw new Refusal('There are changes that are not committed.');
  const changelog = datedChangelog(version, new Date().toISOString().slice(0, 10));

  const lock = readJson('package-lock.json');
  for (const file of ['package.json', ...packages.map(({ folder }) => `packages/${folder}/package.json`)]) {
    const manifest = readJson(file);
    setVersion(manifest, version, names);
    writeJson(file, manifest);
    setVersion(lock.packages[file.replace(/\/?package\.json$/, '')], version, names);
  }
  lock.version = version;
  writeJson('package-lock.json', lock);
  writeFileSync(`${root}CHANGELOG.md`, changelog);
  git('commit', '--all', '--message', `Release ${version}`);
  git('tag', '--annotate', `v${version}`, '--message', `Release ${version}`);
  console.log(
    `Committed and tagged v${version}. Push it with its tag; CI publishes it: npm run release -- --publish`,
  );
}

/** A release that broke off goes on where it was. */
function isPublished(name, version) {
  try {
    return execFileSync('npm', ['view', `${name}@${version}`, 'version'], { stdio: 'pipe' }).length > 0;
  } catch {
    return false;
  }
}

/** Packs and checks every package, and publishes it, or has npm rehearse that. */
async function publish(version, { rehearse }) {
  const { tarballProblems } = await import('./check-tarballs.mjs');
  const out = mkdtempSync(join(tmpdir(), 'chaingrad-release-'));
  try {
    const packed = packAll(out, version);
    const names = packed.map(({ name }) => name);
    let bad = 0;
    for (const each of packed) {
      const problems = await tarballProblems(each, names);
      bad += problems.length;
      const { size } = JSON.parse(
        execFileSync('npm', ['pack', each.tarball, '--dry-run', '--json'], { encoding: 'utf8' }),
      )[0];
      console.log(
        `${each.name} ${each.version}: ${(size / 1e6).toFixed(2)} MB, ${problems.length === 0 ? 'as it should be' : 'NOT to be published:'}`,
      );
      for (const problem of problems) console.error(`  ${problem}`);
    }
    if (bad > 0) throw new Refusal(`${bad} things are wrong with the tarballs.`);
    const { repository } = readJson('package.json');
    if (repository === undefined) {
      const message =
        'package.json of the repository has no `repository`, which npm needs for provenance, and users to find the sources.';
      if (!rehearse) throw new Refusal(message);
      console.log(`Before the first release: ${message}`);
    }
    const tag = version.includes('-') ? 'next' : 'latest';
    for (const { name, tarball } of packed) {
      if (!rehearse && isPublished(name, version)) {
        console.log(`${name} ${version} is published already.`);
        continue;
      }
      const how = rehearse ? ['--dry-run'] : ['--provenance'];
      execFileSync('npm', ['publish', tarball, '--access', 'public', '--tag', tag, ...how], {
        stdio: ['ignore', rehearse ? 'ignore' : 'inherit', rehearse ? 'ignore' : 'inherit'],
      });
      if (!rehearse) console.log(`Published ${name} ${version}.`);
    }
  } finally {
    rmSync(out, { recursive: true });
  }
}

async function main() {
  const options = {
    'dry-run': { type: 'boolean' },
    prepare: { type: 'boolean' },
    publish: { type: 'boolean' },
    built: { type: 'boolean' },
  };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const build = () => {
    // `--built` takes dist/ as it is: what was built a moment ago.
    if (!values.built) execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  };
  const { version } = readJson('package.json');
  if (values.prepare) prepare(positionals[0]);
  else if (values['dry-run']) {
    parse(positionals[0] ?? version);
    datedChangelog(positionals[0] ?? version, 'today');
    build();
    await publish(positionals[0] ?? version, { rehearse: true });
  } else if (values.publish) {
    if (!git('tag', '--points-at', 'HEAD').split('\n').includes(`v${version}`))
      throw new Refusal(`The commit has no tag v${version}. First: npm run release -- --prepare VERSION`);
    build();
    await publish(version, { rehearse: false });
  } else throw new Refusal('Expected --dry-run, --prepare VERSION or --publish.');
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`release: ${error.message}`);
  process.exitCode = 1;
}
