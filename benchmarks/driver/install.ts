/** Installs the peers beside the benchmarks, once. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { benchmarks } from './paths.ts';

const packageFile = (name: string) => `${benchmarks}node_modules/${name}/package.json`;

const manifest = JSON.parse(readFileSync(`${benchmarks}package.json`, 'utf8')) as {
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
};

/** The installed version of a peer; null where it could not be installed on this machine. */
export function peerVersion(name: string): string | null {
  return existsSync(packageFile(name)) ? JSON.parse(readFileSync(packageFile(name), 'utf8')).version : null;
}

/**
 * @throws Error when npm cannot install what is needed.
 */
export function installPeers(say: (text: string) => void): void {
  const wanted = Object.entries(manifest.dependencies);
  if (wanted.every(([name, version]) => peerVersion(name) === version)) return;
  say('installing what is compared with (once, about 1 GB) ...');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: benchmarks,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error('npm ci in benchmarks/ failed');
}

/** What is measured and installed with the repository. */
const inRepository = [
  '@tensorflow/tfjs-backend-wasm',
  '@tensorflow/tfjs-layers',
  '@vladmandic/face-api',
  '@litertjs/core',
];

/** Names and versions of everything that is measured. */
export function versions(): Record<string, string> {
  const peers = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
  const entries = peers.filter((name) => !name.startsWith('node-')).map((name) => [name, peerVersion(name)]);
  const own = inRepository.map((name) => [
    name,
    JSON.parse(readFileSync(`${benchmarks}../node_modules/${name}/package.json`, 'utf8')).version,
  ]);
  return Object.fromEntries([...entries.filter(([, version]) => version !== null), ...own]);
}
