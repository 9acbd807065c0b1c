/** Runs the real command line as a child process, and makes pictures for it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp, { type Sharp } from 'sharp';
import { sourceFlags } from '../support/program.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** In the verification of the whole the command as it is built, which starts three times as fast; else its source. */
const isBuilt = process.env['CHAINGRAD_BUILT_COMMAND'] === '1';
const entry = join(root, isBuilt ? 'packages/cli/dist/cli.js' : 'packages/cli/src/cli.ts');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `node` must be told to run the command. */
export const nodeArgs = (...args: string[]) => [...(isBuilt ? [] : sourceFlags), entry, ...args];

/** `chaingrad ...args`, in the folder `cwd`, with more environment variables. */
export function chaingrad(
  args: readonly string[],
  cwd = root,
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, nodeArgs(...args), {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** A folder of its own for each test file, removed after its tests. */
export function temporaryFolder(): {
  path(name: string): string;
  write(name: string, bytes: Uint8Array | string): string;
} {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'chaingrad-cli-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));
  const path = (name: string) => join(dir, name);
  return {
    path,
    write(name, bytes) {
      writeFileSync(path(name), bytes);
      return path(name);
    },
  };
}

export type Rgb = readonly [number, number, number];

/** Six colours: two rows of three. No rotation or mirroring of them looks like another. */
export const colours: readonly (readonly Rgb[])[] = [
  [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ],
  [
    [255, 255, 0],
    [0, 255, 255],
    [255, 0, 255],
  ],
];

/** The side of a block of one colour: large enough that no codec's block mixes two at its centre. */
export const block = 16;

/** Blocks of colour as a picture that sharp can encode. */
export function blocks(grid: readonly (readonly Rgb[])[]): Sharp {
  const width = grid[0]!.length * block;
  const height = grid.length * block;
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      pixels.set(grid[Math.floor(y / block)]![Math.floor(x / block)]!, (y * width + x) * 3);
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** The colour at the centre of each block of an RGB picture. */
export function blockColours(picture: { data: Uint8Array; shape: readonly number[] }): Rgb[][] {
  const [height, width] = picture.shape as [number, number];
  const rows: Rgb[][] = [];
  for (let y = block / 2; y < height; y += block) {
    const row: Rgb[] = [];
    for (let x = block / 2; x < width; x += block) {
      const at = (y * width + x) * 3;
      row.push([picture.data[at]!, picture.data[at + 1]!, picture.data[at + 2]!]);
    }
    rows.push(row);
  }
  return rows;
}
