/**
 * What computing in whole numbers of 8 bits could gain at most: the inner product of a pointwise convolution as our kernels have it, and with
 * WASM's product of 8-bit numbers, and from both rates a bound for whole networks.
 *
 *     npm run bench:int8 -- [Node: 24 or 26, default 24]
 *
 * Both tiles have 6 rows and 8 columns and find their operands in the first-level cache. The bound is generous: products take less time by as
 * much as the tile is faster, and quantizing takes none. Winograd's algorithm, for whose sums 8 bits are too few, stays where it is faster
 * than a direct convolution at the full rate of the 8-bit tile; depthwise layers stay as they are. Times are computing times.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileAssembly } from '../driver/assembly.ts';
import { bundleForNode } from '../driver/bundle.ts';
import { installPeers } from '../driver/install.ts';
import { nodeBinary, runInNode } from '../driver/node-process.ts';
import { graphOf } from '../models/index.ts';

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
const rates = JSON.parse(run([])) as { float: number; int8: number };
const code = run(['--no-liftoff', '--no-wasm-dynamic-tiering', '--print-wasm-code']);
rmSync(folder, { recursive: true });
const emitted = ['vpdpbusd', 'vpmaddubsw', 'vfmadd231ps', 'pmaddubsw'].filter((name) =>
  new RegExp(`\\b${name}\\b`).test(code),
);
console.log(
  `${cpus()[0]?.model}, load ${loadavg()[0]!.toFixed(1)}, Node ${major}; V8 emits ${emitted.join(', ')}`,
);
console.log(
  `one core: float ${rates.float.toFixed(0)} G operations a second, 8-bit ${rates.int8.toFixed(0)} (${(rates.int8 / rates.float).toFixed(2)}x)\n`,
);
/** The rates of the 8-bit tile: as it is here, and were its product one instruction as with AVX-VNNI. */
const tiles = [rates.int8, 4 * rates.float];
console.log(
  '| | layers now | of it without Winograd | at most with 8 bits | gain | were the tile 4 times as fast | gain |',
);
console.log('|---|---:|---:|---:|---:|---:|---:|');
for (const model of ['ssd-mobilenet-v2', 'ssd300']) {
  const { result } = await runInNode(node, {
    ...{ side: 'chaingrad', model, tasks: ['layers'], batch: 1, threads: 1, drawn: true },
    ...{ warmup: 2, minRuns: 7, seconds: 0 },
  });
  const graph = graphOf(model);
  let [now, products] = [0, 0];
  const then = tiles.map(() => 0);
  for (const { name, count, ms, cpuMs = ms, gflop } of result.layers!) {
    const layer = graph.nodes.find((one) => one.name === name)!;
    if (layer.op !== 'conv') continue;
    const took = count * cpuMs;
    const isWinograd = layer.groups === 1 && layer.ksize === 3 && layer.stride === 1 && layer.inShape[2] >= 8;
    now += took;
    if (layer.groups === 1 && !isWinograd) products += took;
    tiles.forEach((rate, i) => {
      if (layer.groups > 1) then[i]! += took;
      else if (isWinograd) then[i]! += Math.min(took, ((count * gflop) / rate) * 1000);
      else then[i]! += (took * rates.float) / rate;
    });
  }
  const ms = (time: number) => `${time.toFixed(1)} ms`;
  const bounds = then.flatMap((time) => [ms(time), `${(now / time).toFixed(2)}x`]);
  console.log(`| ${[model, ms(now), ms(products), ...bounds].join(' | ')} |`);
}
