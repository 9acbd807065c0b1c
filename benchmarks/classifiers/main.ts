/**
 * Classifiers on one picture of 224 x 224, one thread: this library beside LiteRT.js and both builds of ONNX Runtime on the files that it
 * exports, each in processes of its own that take turns.
 *
 *     npm run bench:classifiers -- [processes a side, default 3] [Node: 20, 24 or 26, default that which runs this]
 *
 * Rows are the medians over the processes of the median of ten passes, what we lose first. Below each column stands what kind of code it ran.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { useBackend } from '@chaingrad/core';
import { exportOnnx, exportTflite } from '@chaingrad/onnx';
import { MobileNetV2, ResNet18, ResNet50, SEResNet50 } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { installPeers } from '../driver/install.ts';
import { nodeBinary } from '../driver/node-process.ts';
import { instructions } from '../instructions.ts';
import { nativeCode, wasmCode } from '../sides/code.ts';
import { openLiteRt } from '../sides/litert.ts';

const models = {
  ResNet18: () => new ResNet18({ nClass: 1000 }),
  ResNet50: () => new ResNet50({ nClass: 1000 }),
  SEResNet50: () => new SEResNet50({ nClass: 1000 }),
  MobileNetV2: () => new MobileNetV2({ nClass: 1000 }),
} as const;

const sides = ['chaingrad', 'litert', 'onnxruntime-web', 'onnxruntime-node'] as const;
type Side = (typeof sides)[number];

const shape = [1, 224, 224, 3] as const;
const data = Float32Array.from({ length: 224 * 224 * 3 }, (_, i) => 100 * Math.sin(i));

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

async function timed(run: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 13; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return median(times.slice(3));
}

/** What a process of a side prints: milliseconds of a forward pass, and the kind of code. */
interface Measured {
  readonly ms: number;
  readonly code: string;
}

/** Measures in this process. `file` is the ONNX file, beside the TFLite file. */
async function measure(side: Side, name: keyof typeof models, file: string): Promise<Measured> {
  if (side === 'chaingrad') {
    const { wasm } = await useBackend('wasm', { threads: 1 });
    const model = models[name]();
    model.initialize(shape);
    const ms = await timed(async () => {
      const x = tf.tensor4d(data, [...shape]);
      const y = model.evaluating(() => model.call(x)) as tf.Tensor;
      await y.data();
      tf.dispose([x, y]);
    });
    return { ms, code: wasmCode(wasm!.relaxedSimd) };
  }
  if (side === 'litert') {
    const { run, code } = await openLiteRt('node', await readFile(file.replace('.onnx', '.tflite')));
    return { ms: await timed(() => run(data, shape)), code };
  }
  const ort = side === 'onnxruntime-web' ? await import('onnxruntime-web') : await import('onnxruntime-node');
  if (side === 'onnxruntime-web') ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(new Uint8Array(await readFile(file)), {
    executionProviders: [side === 'onnxruntime-web' ? 'wasm' : 'cpu'],
    intraOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  const [input] = session.inputNames;
  const ms = await timed(() => session.run({ [input!]: new ort.Tensor('float32', data, shape) }));
  return { ms, code: side === 'onnxruntime-web' ? wasmCode(false) : nativeCode(instructions()) };
}

const [, , first = '3', second, file] = process.argv;
if (file !== undefined) {
  console.log(JSON.stringify(await measure(first as Side, second as keyof typeof models, file)));
  process.exit(0);
}

installPeers((text) => console.error(text));
const node = nodeBinary(second ?? process.versions.node.split('.')[0]!);
if (node === null) throw new Error(`Node ${second} could not be installed on this machine`);

const run = async (...args: string[]): Promise<Measured> => {
  const all = [...process.execArgv, fileURLToPath(import.meta.url), ...args];
  const { stdout } = await promisify(execFile)(node, all);
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
};

const folder = await mkdtemp(join(tmpdir(), 'chaingrad-classifiers-'));
const rows: { text: string; ratio: number }[] = [];
const codes = new Map<Side, string>();
await useBackend('cpu');
for (const [title, make] of Object.entries(models)) {
  const model = make();
  model.initialize(shape);
  const path = join(folder, `${title}.onnx`);
  await writeFile(path, await exportOnnx(model, [shape], { layout: 'NHWC', foldBatchNormalization: true }));
  await writeFile(path.replace('.onnx', '.tflite'), await exportTflite(model, [shape]));
  model.dispose();
  const times = new Map<Side, number[]>(sides.map((side) => [side, []]));
  for (let turn = 0; turn < Number(first); turn++)
    for (const side of sides) {
      const { ms, code } = await run(side, title, path);
      times.get(side)!.push(ms);
      codes.set(side, code);
    }
  const [ours, ...others] = sides.map((side) => median(times.get(side)!));
  const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  const cells = others.map((theirs) => `${ms(theirs)} (${(theirs / ours!).toFixed(2)}x)`);
  rows.push({ text: `| ${[title, ms(ours!), ...cells].join(' | ')} |`, ratio: others.at(-1)! / ours! });
}
await rm(folder, { recursive: true });
rows.sort((a, b) => a.ratio - b.ratio);
const { stdout: version } = await promisify(execFile)(node, ['--version']);
console.log(
  `${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}, Node ${version.trim().slice(1)}\n`,
);
console.log(`| | ${sides.join(' | ')} |\n|---|${'---:|'.repeat(sides.length)}`);
console.log(rows.map(({ text }) => text).join('\n'));
console.log(`| code | ${sides.map((side) => codes.get(side)).join(' | ')} |`);
