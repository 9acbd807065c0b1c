/** Runs a measurement in a process of its own: of Node, or of Python for PyTorch. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job, Measurement } from '../measure.ts';
import { benchmarks, build, files } from './paths.ts';

/** A measurement as it comes out of a process or page. */
export interface Result extends Omit<Measurement, 'outputs'> {
  readonly engine: string;
  readonly peakBytes?: number;
}

export interface Ran {
  readonly result: Result;
  readonly outputs: readonly Float32Array[];
}

/** The binary of a major version of Node: this one, the one in benchmarks/node_modules, or none. */
export function nodeBinary(major: string): string | null {
  if (process.versions.node.split('.')[0] === major) return process.execPath;
  const binary = `${benchmarks}node_modules/node-${major}/bin/node`;
  return existsSync(binary) ? binary : null;
}

/** The Python that has PyTorch: that of PYTHON, or `python3`; null where it has none. */
export function pythonBinary(): string | null {
  const binary = process.env['PYTHON'] ?? 'python3';
  return spawnSync(binary, ['-c', 'import torch']).status === 0 ? binary : null;
}

/** @throws Error with what the process said when it fails. */
export const runInNode = (binary: string, job: Job, flags: readonly string[] = []): Promise<Ran> =>
  runProgram(binary, [...flags, `${build}node/node.js`], job);

/** @throws Error with what the process said when it fails. */
export const runInPython = (binary: string, job: Job): Promise<Ran> =>
  runProgram(binary, [`${benchmarks}pytorch/main.py`], job);

/** Seconds that a process has for all its runs. Some other side's may wait for its own threads for ever. */
const LONGEST = 300;

async function runProgram(binary: string, program: readonly string[], job: Job): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), 'chaingrad-bench-'));
  const result = join(folder, 'result.json');
  try {
    const child = spawn(binary, [...program, JSON.stringify({ ...job, files, result })], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 1000 * LONGEST,
      killSignal: 'SIGKILL',
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
    });
    const code = await new Promise((resolve) =>
      child.on('close', (status, signal) => resolve(status ?? signal)),
    );
    if (code === 'SIGKILL') throw new Error(`killed, or without a result after ${LONGEST} s`);
    if (code !== 0 || !existsSync(result)) throw new Error(reason(said) ?? `exit code ${code}`);
    const outputs: Float32Array[] = [];
    for (let i = 0; existsSync(`${result}.${i}`); i++) {
      const { buffer, byteOffset, byteLength } = readFileSync(`${result}.${i}`);
      outputs.push(new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)));
    }
    return { result: JSON.parse(readFileSync(result, 'utf8')), outputs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The line of an uncaught error that names it. */
function reason(said: string): string | null {
  const lines = said.split('\n').map((line) => line.trim());
  return (
    lines.find((line) => /^(\w*Error|Error \[\w+\])/.test(line)) ??
    lines.findLast((line) => line !== '') ??
    null
  );
}
