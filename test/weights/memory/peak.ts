/**
 * How much memory loading a file takes at most, in a process of its own (Linux: it reads /proc/self/status).
 *
 *     npx tsx --conditions=chaingrad-source test/weights/memory/peak.ts linear|vgg16 FILE [cpu|wasm] [NAMES]
 *
 * Prints one JSON object: the bytes of the model, the peak beyond what the process had before, and their ratio.
 */
import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import { Linear, type Link, useBackend } from '@chaingrad/core';
import { load, type NameMapName } from '@chaingrad/weights';

const [kind, file, backend = 'cpu', names] = process.argv.slice(2) as [
  string,
  string,
  'cpu' | 'wasm',
  NameMapName?,
];

/** Kilobytes of a line of /proc/self/status: VmRSS now, VmHWM at most. */
const status = (field: string) =>
  Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))![1]);

await useBackend(backend);
let model: Link;
if (kind === 'linear') model = new Linear(null, 4096);
else {
  const { VGG16 } = await import('@chaingrad/vision');
  model = new VGG16();
}
globalThis.gc?.();
const before = status('VmRSS');
const start = performance.now();
const report = await load(model, file, names === undefined ? {} : { names });
const seconds = (performance.now() - start) / 1000;
const bytes = report.scalars * 4;
const peak = (status('VmHWM') - before) * 1024;
console.log(JSON.stringify({ backend, bytes, peak, ratio: peak / bytes, seconds }));
process.exit(0);
