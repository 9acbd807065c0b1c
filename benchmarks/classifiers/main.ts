/**
 * Classifiers on one picture of 224 x 224, one thread: this library beside both builds of ONNX Runtime on the files that it exports, each in
 * processes of its own that take turns.
 *
 *     npm run bench:classifiers -- [processes a side, default 3]
 *
 * Rows are the medians over the processes of the median of ten passes, what we lose first. onnxruntime-node is native code.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { useBackend } from '@chaingrad/core';
import { exportOnnx } from '@chaingrad/onnx';
import { MobileNetV2, ResNet18, ResNet50, SEResNet50 } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';

const models = {
  ResNet18: () => new ResNet18({ nClass: 1000 }),
  ResNet50: () => new ResNet50({ nClass: 1000 }),
  SEResNet50: () => new SEResNet50({ nClass: 1000 }),
  MobileNetV2: () => new MobileNetV2({ nClass: 1000 }),
} as const;

const sides = ['chaingrad', 'onnxruntime-web', 'onnxruntime-node'] as const;
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

/** Milliseconds of a forward pass, in this process. */
async function measure(side: Side, name: keyof typeof models, file: string): Promise<number> {
  if (side === 'chaingrad') {
    await useBackend('wasm', { threads: 1 });
    const model = models[name]();
    model.initialize(shape);
    return timed(async () => {
      const x = tf.tensor4d(data, [...shape]);
      const y = model.evaluating(() => model.call(x)) as tf.Tensor;
      await y.data();
      tf.dispose([x, y]);
    });
  }
  const ort = side === 'onnxruntime-web' ? await import('onnxruntime-web') : await import('onnxruntime-node');
  if (side === 'onnxruntime-web') ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(new Uint8Array(await readFile(file)), {
    executionProviders: [side === 'onnxruntime-web' ? 'wasm' : 'cpu'],
    intraOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  const [input] = session.inputNames;
  return timed(() => session.run({ [input!]: new ort.Tensor('float32', data, shape) }));
}

const [, , first = '3', name, file] = process.argv;
if (name !== undefined) {
  console.log(await measure(first as Side, name as keyof typeof models, file!));
  process.exit(0);
}

const run = async (...args: string[]): Promise<number> => {
  const all = [...process.execArgv, fileURLToPath(import.meta.url), ...args];
  const { stdout } = await promisify(execFile)(process.execPath, all);
  return Number(stdout.trim().split('\n').at(-1));
};

const folder = await mkdtemp(join(tmpdir(), 'chaingrad-classifiers-'));
const rows: { text: string; ratio: number }[] = [];
await useBackend('cpu');
for (const [title, make] of Object.entries(models)) {
  const model = make();
  model.initialize(shape);
  const path = join(folder, `${title}.onnx`);
  await writeFile(path, await exportOnnx(model, [shape], { layout: 'NHWC', foldBatchNormalization: true }));
  model.dispose();
  const times: Record<Side, number[]> = { chaingrad: [], 'onnxruntime-web': [], 'onnxruntime-node': [] };
  for (let turn = 0; turn < Number(first); turn++)
    for (const side of sides) times[side].push(await run(side, title, path));
  const [ours, web, native] = sides.map((side) => median(times[side]));
  const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  rows.push({
    text: `| ${title} | ${ms(ours!)} | ${ms(web!)} (${(web! / ours!).toFixed(2)}x) | ${ms(native!)} (${(native! / ours!).toFixed(2)}x) |`,
    ratio: native! / ours!,
  });
}
await rm(folder, { recursive: true });
rows.sort((a, b) => a.ratio - b.ratio);
console.log(
  `${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}, Node ${process.versions.node}\n`,
);
console.log('| | chaingrad | onnxruntime-web | onnxruntime-node |\n|---|---:|---:|---:|');
console.log(rows.map(({ text }) => text).join('\n'));
