/**
 * How much memory loading a file takes at most, in a process of its own (Linux: it reads /proc/self/status).
 *
 *     npx tsx --conditions=chaingrad-source test/weights/memory/peak.ts linear|vgg16|ssd300|ssd300-load FILE [cpu|wasm] [NAMES]
 *
 * `ssd300` is a model of SSD300's parameters, got by `fromPretrained`; with `ssd300-load` the model is there before, and has values. Prints one JSON object: the bytes of the model, the peak beyond what the process had before, and their ratio.
 */
import '@tensorflow/tfjs-backend-cpu';
import { readFileSync } from 'node:fs';
import { Chain, Linear, type Link, useBackend } from '@chaingrad/core';
import { fromPretrained, load, type NameMapName } from '@chaingrad/weights';
import type * as tf from '@tensorflow/tfjs-core';
import { readJson } from '../../support/goldens.ts';

const [kind, file, backend = 'cpu', names] = process.argv.slice(2) as [
  string,
  string,
  'cpu' | 'wasm',
  NameMapName?,
];

/** Kilobytes of a line of /proc/self/status: VmRSS now, VmHWM at most. */
const status = (field: string) =>
  Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))![1]);

/** SSD300's parameters, by the same paths, without its layers. */
class Like300 extends Chain {
  static readonly modelName = 'Like300';
  static readonly pretrained = { mine: { source: file } };
  static readonly inputShape = [1, 1, 1, 1] as const;

  constructor() {
    super();
    for (const { path, shape } of readJson<{ params: { path: string; shape: number[] }[] }>(
      'goldens/ssd300_params.json',
    ).params) {
      const names = path.slice(1).split('/');
      let chain: Chain = this;
      for (const name of names.slice(0, -1)) {
        const child = [...chain.children()].find((link) => link.name === name) as Chain | undefined;
        chain = child ?? chain.addLink(name, new Chain());
      }
      chain.addParam(names.at(-1)!, shape, 0);
    }
  }

  override forward(x: tf.Tensor): tf.Tensor {
    return x;
  }
}

await useBackend(backend);
let model: Link | null = null;
if (kind === 'linear') model = new Linear(null, 4096);
else if (kind === 'vgg16') {
  const { VGG16 } = await import('@chaingrad/vision');
  model = new VGG16();
}
if (kind === 'ssd300-load') model = new Like300();
globalThis.gc?.();
const before = status('VmRSS');
const start = performance.now();
if (model === null) model = await fromPretrained<object, Like300>(Like300, undefined, { args: {} });
else await load(model, file, names === undefined ? {} : { names });
const seconds = (performance.now() - start) / 1000;
const bytes = 4 * model.countParams();
const peak = (status('VmHWM') - before) * 1024;
console.log(JSON.stringify({ backend, bytes, peak, ratio: peak / bytes, seconds }));
process.exit(0);
