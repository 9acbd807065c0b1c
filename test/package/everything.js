// What a program of users does, in one file of plain JavaScript: it runs on every runtime (test/package/install.test.ts).
import { rmSync } from 'node:fs';
import { cpus } from 'node:os';
import {
  Adam,
  Chain,
  Classifier,
  Linear,
  memory,
  Random,
  relu,
  setSeed,
  transferParams,
  useBackend,
  usingConfig,
} from '@chaingrad/core';
import { LogReport, PrefetchIterator, StandardUpdater, snapshot, Trainer } from '@chaingrad/training';
import { SSDMobileNetV2 } from '@chaingrad/vision';
import { load, save } from '@chaingrad/weights';

class Net extends Chain {
  l1 = new Linear(null, 16);
  l2 = new Linear(null, 3);
  forward(x) {
    return this.l2.call(relu(this.l1.call(x)));
  }
}

const backend = await useBackend('wasm', { threads: Math.min(2, cpus().length) });
if (backend.wasm === null) throw new Error(`No kernels: ${backend.notes.join(' ')}`);

/** Trains some epochs, or goes on until there were as many; examples come from a thread. */
async function train(epochs, out) {
  setSeed(0);
  const rng = new Random(1);
  const examples = Array.from({ length: 96 }, (_, i) => {
    const label = i % 3;
    return { label, values: Array.from({ length: 4 }, (_, k) => 3 * Number(k === label) + rng.normal()) };
  });
  const model = new Classifier(new Net());
  const iterator = new PrefetchIterator(examples, 16, {
    worker: new URL('./worker.js', import.meta.url),
    nWorkers: 1,
  });
  const updater = new StandardUpdater(iterator, new Adam({ alpha: 0.01 }).setup(model));
  const trainer = new Trainer(updater, [epochs, 'epoch'], { out });
  trainer.extend(new LogReport());
  trainer.extend(snapshot({ autoload: true, log: () => {} }), { trigger: [1, 'epoch'] });
  await trainer.run();
  await iterator.finalize?.();
  return model;
}

for (const out of ['whole', 'parts']) rmSync(out, { recursive: true, force: true });
const model = await train(4, 'whole');
await train(2, 'parts');
const resumed = await train(4, 'parts');
const bits = (link) => [...link.params()].map((param) => param.array.dataSync().join()).join();
if (bits(model) !== bits(resumed)) throw new Error('A resumed training differs from an uninterrupted one.');

await save('model.safetensors', model);
const again = new Classifier(new Net());
const { copied } = await load(again, 'model.safetensors');
if (copied.length !== 4 || bits(model) !== bits(again))
  throw new Error('What was saved is not what is loaded.');

const detector = new SSDMobileNetV2({ nFgClass: 2 });
detector.initialize([1, 300, 300, 3]);
const other = new SSDMobileNetV2({ nFgClass: 3 });
other.initialize([1, 300, 300, 3]);
if (transferParams(detector, other).mismatched.length !== 12)
  throw new Error('Other parameters differ than the heads.');
const img = { data: new Uint8Array(60 * 80 * 3).fill(127), shape: [60, 80, 3] };
const before = memory().numTensors;
const { bboxes } = await detector.predict([img]);
if (bboxes.length !== 1 || memory().numTensors !== before) throw new Error('predict leaks.');
usingConfig('train', false, () => {});
if (!('text/html' in model.predictor.summary([1, 4])[Symbol.for('Jupyter.display')]()))
  throw new Error('no table for notebooks.');
console.log(`everything works: ${backend.name}, ${backend.wasm.threads} threads`);
