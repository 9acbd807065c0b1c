/**
 * What convolutions in 8 bits gain, where the processor multiplies bytes in one instruction (AVX-VNNI) and where V8 needs three: the inner
 * product alone, with its operands in the first-level cache, and whole networks, calibrated with the input that is measured.
 *
 *     npm run bench:int8 -- [Node: 24 or 26, default 24]
 *
 * Three processes of each kind take turns; times are medians over them, the fastest one in brackets.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileAssembly } from '../driver/assembly.ts';
import { bundleForNode } from '../driver/bundle.ts';
import { installPeers } from '../driver/install.ts';
import { nodeBinary, runInNode } from '../driver/node-process.ts';
import { median } from '../driver/stats.ts';

const [ROWS, K] = [6, 256];
/** Sums of one tile, by row and half of the columns. */
const sums = Array.from({ length: ROWS }, (_, row) =>
  [0, 1].map((half) => ({ row, half, name: `s${row}${half}` })),
).flat();

/** A tile in AssemblyScript: its operands lie at 0 and at 16384, its sums are written to 32768. */
function tile(name: string, kStep: number, product: string): string {
  // Four bytes of a row at a time: one number of 32 bits, or four of 8.
  const rowBytes = (K / kStep) * 4;
  const body = Array.from({ length: ROWS }, (_, row) => {
    const value = `const r${row} = v128.load32_splat(a, ${row * rowBytes});`;
    return `${value} ${[0, 1].map((half) => `s${row}${half} = ${product}(b${half}, r${row}, s${row}${half});`).join(' ')}`;
  });
  return `
export function ${name}(repeats: i32): void {
  ${sums.map((sum) => `let ${sum.name} = i32x4.splat(0);`).join(' ')}
  for (let i = 0; i < repeats; i++) {
    let a: usize = 0;
    for (let b: usize = 16384; b < ${16384 + (K / kStep) * 32}; b += 32) {
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      ${body.join('\n      ')}
      a += 4;
    }
  }
  ${sums.map((sum, i) => `v128.store(32768, ${sum.name}, ${16 * i});`).join(' ')}
}
`;
}

const source =
  tile('float', 1, 'f32x4.relaxed_madd') + tile('int8', 4, 'i32x4.relaxed_dot_i8x16_i7x16_add_s');

/** Runs in a process of its own: operands, both results checked, and computing time of many tiles. */
const program = `
const exports = new WebAssembly.Instance(new WebAssembly.Module(require('node:fs').readFileSync(process.argv[1]))).exports;
const memory = exports.memory.buffer;
const [ROWS, K] = [${ROWS}, ${K}];
const rates = {};
for (const [name, step, ops] of [['float', 1, 2], ['int8', 4, 2]]) {
  const A = new (step === 1 ? Float32Array : Int8Array)(memory, 0, ROWS * K);
  const B = new (step === 1 ? Float32Array : Int8Array)(memory, 16384, 8 * K);
  for (let i = 0; i < A.length; i++) A[i] = (i * 7) % 11;
  for (let i = 0; i < B.length; i++) B[i] = (i * 5) % 13 - 6;
  exports[name](1);
  const out = new (step === 1 ? Float32Array : Int32Array)(memory, 32768, ROWS * 8);
  for (let row = 0; row < ROWS; row++)
    for (let column = 0; column < 8; column++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += A[row * K + k] * B[(Math.floor(k / step) * 8 + column) * step + (k % step)];
      if (out[row * 8 + column] !== sum) throw new Error(name + ' is wrong');
    }
  for (let i = 0; i < 2000; i++) exports[name](20);
  const times = [];
  for (let i = 0; i < 15; i++) {
    const before = process.cpuUsage();
    exports[name](20000);
    const { user, system } = process.cpuUsage(before);
    times.push(user + system);
  }
  times.sort((a, b) => a - b);
  rates[name] = (20000 * ROWS * 8 * K * ops) / times[times.length >> 1] / 1000;
}
console.log(JSON.stringify(rates));
`;

installPeers((text) => console.error(text));
const major = process.argv[2] ?? '24';
const node = nodeBinary(major);
if (node === null) throw new Error(`Node ${major} could not be installed on this machine`);
await bundleForNode();
const folder = mkdtempSync(join(tmpdir(), 'chaingrad-int8-'));
const file = join(folder, 'tile.wasm');
writeFileSync(file, await compileAssembly(source, { relaxed: true, memoryPages: 1 }));
const run = (flags: readonly string[]): string =>
  execFileSync(node, [...flags, '-e', program, file], { encoding: 'utf8', maxBuffer: 2 ** 28 });

/** Instructions for a product of bytes, as V8 emits them. */
const emitted = (flags: readonly string[]): string[] => {
  const code = run([...flags, '--no-liftoff', '--no-wasm-dynamic-tiering', '--print-wasm-code']);
  return ['vpdpbusd', 'vpmaddubsw', 'pmaddubsw'].filter((name) => new RegExp(`\\b${name}\\b`).test(code));
};

/** What V8 is told: nothing, and to do without AVX-VNNI, where it would have it. */
const kinds: (readonly string[])[] = [[]];
if (emitted([]).includes('vpdpbusd')) kinds.push(['--no-enable-avx-vnni']);

console.log(`${cpus()[0]?.model}, load ${loadavg()[0]!.toFixed(1)}, Node ${major}, one thread\n`);
console.log('| | G operations a second, float | in 8 bits | |\n|---|---:|---:|---:|');
for (const flags of kinds) {
  const { float, int8 } = JSON.parse(run(flags)) as { float: number; int8: number };
  const cells = [
    emitted(flags).join(', '),
    float.toFixed(0),
    int8.toFixed(0),
    `${(int8 / float).toFixed(2)}x`,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
rmSync(folder, { recursive: true });

console.log('\n| | float | in 8 bits | |\n|---|---:|---:|---:|');
const PROCESSES = 3;
for (const model of ['ssd-mobilenet-v2', 'ssd300']) {
  for (const flags of kinds) {
    const times: Record<string, number[]> = { chaingrad: [], 'chaingrad-bytes': [] };
    for (let i = 0; i < PROCESSES; i++) {
      for (const side of ['chaingrad', 'chaingrad-bytes'] as const) {
        const job = { side, model, tasks: ['forward'], batch: 1, threads: 1, drawn: true } as const;
        const { result } = await runInNode(node, { ...job, warmup: 4, minRuns: 11, seconds: 2 }, flags);
        times[side]!.push(median(result.tasks.forward!.runs));
      }
    }
    const [float, bytes] = Object.values(times) as [number[], number[]];
    const cell = (all: number[]) => `${median(all).toFixed(1)} ms (${Math.min(...all).toFixed(1)})`;
    const gain = `${(median(float) / median(bytes)).toFixed(2)}x (${(Math.min(...float) / Math.min(...bytes)).toFixed(2)}x)`;
    console.log(`| ${[model, ...flags].join(', ')} | ${cell(float)} | ${cell(bytes)} | ${gain} |`);
  }
}
