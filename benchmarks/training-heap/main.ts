/**
 * What the WASM heap has grown to after three training steps of one image, and after four forward passes: it never gets smaller.
 *
 *     npm run bench:training-heap -- [networks, default all four]
 *
 * A process each, one thread: a heap remembers its largest moment.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { useBackend, usingConfig } from '@chaingrad/core';
import { wasmFilterCacheBytes } from '@chaingrad/kernels/wasm';
import * as tf from '@tensorflow/tfjs-core';
import { trainingStep } from '../../packages/cli/src/commands/bench/training-step.ts';
import { graphOf } from '../models/index.ts';
import { modelOf } from '../sides/models.ts';

const networks = ['ssd512', 'ssd300', 'vgg16', 'ssd-mobilenet-v2'];
const mib = (bytes: number) => Math.round(bytes / 2 ** 20);

/** MiB of the heap that holds all tensors. */
const heap = (): number =>
  mib((tf.backend() as unknown as { readonly wasm: { readonly HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength);

/** In a process of its own: prints MiB of the heap, and of the prepared filters in it. */
async function measure(name: string, task: string): Promise<void> {
  await useBackend('wasm', { threads: 1 });
  const graph = graphOf(name);
  const model = modelOf(graph);
  if (model === null) throw new Error(`${name} has no training`);
  const shape: [number, number, number, number] = [1, ...graph.input];
  model.initialize(shape);
  const x = tf.randomUniform<tf.Rank.R4>(shape, -100, 100, 'float32', 3);
  if (task === 'training') {
    const step = trainingStep(model, 1);
    for (let i = 0; i < 3; i++) await step(x).data();
  } else {
    const network = model as unknown as { call(x: tf.Tensor): tf.Tensor | tf.Tensor[] };
    for (let i = 0; i < 4; i++) {
      const outputs = usingConfig('train', false, () => [network.call(x)].flat());
      for (const output of outputs) await output.data();
      tf.dispose(outputs);
    }
  }
  process.stdout.write(`${heap()} ${mib(wasmFilterCacheBytes())}`);
}

const [first, task] = process.argv.slice(2);
if (task !== undefined) await measure(first!, task);
else {
  console.log('| network | task | heap | of it prepared filters |\n|---|---|---:|---:|');
  for (const name of first?.split(',') ?? networks)
    for (const what of ['training', 'inference']) {
      const args = [...process.execArgv, fileURLToPath(import.meta.url), name, what];
      const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
      const [bytes, filters] = stdout.trim().split(' ').slice(-2);
      console.log(`| ${name} | ${what} | ${bytes} MiB | ${filters} MiB |`);
    }
}
