/**
 * A small convolutional network on Fashion-MNIST: 60,000 images to learn from, 10,000 to test with, more than 91 % in five epochs.
 *
 *     apt-get install dataset-fashion-mnist        # the data, 30 MB; or give a folder that holds the four files
 *     npx tsx --conditions=chaingrad-source examples/fashion-mnist/main.ts [--data DIR] [--epochs 5] [--out result]
 */
import { parseArgs } from 'node:util';
import {
  Adam,
  argMax,
  Chain,
  Classifier,
  Convolution2D,
  dispose,
  dropout,
  Linear,
  maxPooling2D,
  relu,
  setSeed,
  type Tensor2D,
  type Tensor4D,
  tensor1d,
  tensor4d,
  useBackend,
} from '@chaingrad/core';
import {
  Evaluator,
  LogReport,
  PrintReport,
  RateSchedule,
  SerialIterator,
  StandardUpdater,
  Trainer,
} from '@chaingrad/training';
import {
  evalClassification,
  fashionMnistFolder,
  fashionMnistLabelNames,
  type MnistDataset,
  openFashionMnist,
} from '@chaingrad/vision';
import { save } from '@chaingrad/weights';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: fashionMnistFolder },
    epochs: { type: 'string', default: '5' },
    batch: { type: 'string', default: '128' },
    out: { type: 'string', default: 'result' },
    backend: { type: 'string', default: 'auto' },
  },
});
const epochs = Number(values.epochs);
const batchSize = Number(values.batch);

class Net extends Chain {
  readonly conv1 = new Convolution2D(1, 32, 3, { pad: 1 });
  readonly conv2 = new Convolution2D(32, 64, 3, { pad: 1 });
  readonly fc1 = new Linear(null, 128);
  readonly fc2 = new Linear(128, 10);

  override forward(x: Tensor4D): Tensor2D {
    const h = maxPooling2D(relu(this.conv1.call(x)), { ksize: 2 });
    const g = maxPooling2D(relu(this.conv2.call(h)), { ksize: 2 });
    return this.fc2.call(dropout(relu(this.fc1.call(g)), 0.3));
  }
}

/** Examples are indices: the pixels are copied once, straight into the batch. */
const indices = ({ length }: MnistDataset) => Int32Array.from({ length }, (_, i) => i);

const converter =
  ({ images, labels, height, width }: MnistDataset) =>
  (batch: readonly number[]) => {
    const size = height * width;
    const x = new Float32Array(batch.length * size);
    batch.forEach((index, i) => {
      for (let p = 0; p < size; p++) x[i * size + p] = images[index * size + p]! / 255;
    });
    return [
      tensor4d(x, [batch.length, height, width, 1]),
      tensor1d(
        Int32Array.from(batch, (index) => labels[index]!),
        'int32',
      ),
    ];
  };

const start = performance.now();
setSeed(0);
console.log(await useBackend(values.backend as 'auto'));
const train = await openFashionMnist('train', values.data);
const test = await openFashionMnist('test', values.data);

using net = new Net();
const classifier = new Classifier(net);
classifier.initialize([1, 28, 28, 1], { shape: [1], dtype: 'int32' });
using optimizer = new Adam().setup(classifier);
const updater = new StandardUpdater<number>(new SerialIterator(indices(train), batchSize), optimizer, {
  converter: converter(train),
});
const trainer = new Trainer(updater, [epochs, 'epoch'], { out: values.out });
const progress = ({ updater: { epochDetail } }: Trainer) => epochDetail / epochs;
const testIterator = new SerialIterator(indices(test), 500, { repeat: false, shuffle: false });
trainer.extend(new Evaluator<number>(testIterator, classifier, { converter: converter(test) }));
trainer.extend(new RateSchedule({ attr: 'alpha', peak: 2e-3, warmup: 50, progress }));
trainer.extend(new LogReport({ trigger: [100, 'iteration'] }));
trainer.extend(
  new PrintReport([
    'iteration',
    'epoch',
    'main/loss',
    'main/accuracy',
    'validation/main/accuracy',
    'elapsed_time',
  ]),
);
await trainer.run();

const predicted: number[] = [];
for await (const batch of new SerialIterator(indices(test), 500, { repeat: false, shuffle: false })) {
  const [x, t] = converter(test)(batch);
  const y = net.evaluating(() => argMax(net.call(x as Tensor4D), 1));
  predicted.push(...(await y.data()));
  dispose([x, t, y]);
}
const { accuracy, confusion, recall } = evalClassification(predicted, test.labels, 10);
console.log('\nrows: truth, columns: prediction');
fashionMnistLabelNames.forEach((name, t) => {
  const row = [...confusion.subarray(t * 10, t * 10 + 10)].map((n) => String(n).padStart(5)).join('');
  console.log(`${name.padEnd(12)}${row}   ${(100 * recall[t]!).toFixed(1)} %`);
});
await save(`${values.out}/fashion-mnist.npz`, net);
const { user, system } = process.cpuUsage();
console.log(
  `test accuracy ${(100 * accuracy).toFixed(2)} % in ${((performance.now() - start) / 1000).toFixed(0)} s` +
    ` (${((user + system) / 1e6).toFixed(0)} s of CPU time); wrote ${values.out}/fashion-mnist.npz`,
);
