// Fine-tunes a small network: its body is copied by name from a trained one, its head is new.
// npm start trains; run it again, and it goes on where it was.
import {
  Adam,
  Chain,
  Classifier,
  Convolution2D,
  globalAveragePooling2D,
  Linear,
  maxPooling2D,
  Random,
  relu,
  setSeed,
  transferParams,
  useBackend,
} from '@chaingrad/core';
import {
  Evaluator,
  LogReport,
  PrintReport,
  SerialIterator,
  StandardUpdater,
  snapshot,
  splitDatasetRandom,
  Trainer,
  TupleDataset,
} from '@chaingrad/training';
import { save } from '@chaingrad/weights';

class Net extends Chain {
  conv1 = new Convolution2D(null, 8, 3, { pad: 1 });
  conv2 = new Convolution2D(null, 16, 3, { pad: 1 });
  fc;
  constructor(nClass) {
    super();
    this.fc = new Linear(null, nClass);
  }
  forward(x) {
    const h = maxPooling2D(relu(this.conv1.call(x)), { ksize: 2 });
    return this.fc.call(globalAveragePooling2D(relu(this.conv2.call(h))));
  }
}

/** Pictures of 16 x 16: bars that lie, stand, or lean. Put your own in their place: { data, shape: [height, width, channels] }. */
function pictures(n, kinds, seed) {
  const rng = new Random(seed);
  const labels = Int32Array.from({ length: n }, (_, i) => i % kinds);
  const images = Array.from(labels, (label) => {
    const at = Math.floor(rng.uniform() * 16);
    const data = Float32Array.from({ length: 256 }, (_, i) => {
      const [y, x] = [Math.floor(i / 16), i % 16];
      const on = [y === at, x === at, (x + y) % 16 === at, (16 + x - y) % 16 === at][label];
      return Number(on) + 0.2 * rng.normal();
    });
    return { data, shape: [16, 16, 1] };
  });
  return new TupleDataset(images, labels);
}

async function train(model, dataset, epochs, out) {
  const [learn, test] = splitDatasetRandom(dataset, 0.8 * dataset.length, 0);
  const optimizer = new Adam({ alpha: 0.01 }).setup(model);
  const trainer = new Trainer(
    new StandardUpdater(new SerialIterator(learn, 16), optimizer),
    [epochs, 'epoch'],
    { out },
  );
  trainer.extend(new Evaluator(new SerialIterator(test, 16, { repeat: false, shuffle: false }), model));
  trainer.extend(new LogReport());
  trainer.extend(new PrintReport(['epoch', 'main/loss', 'validation/main/accuracy']));
  trainer.extend(snapshot({ autoload: true }), { trigger: [1, 'epoch'] });
  await trainer.run();
}

await useBackend('auto');
setSeed(0);

console.log('A network of two classes:');
const trained = new Net(2);
await train(new Classifier(trained), pictures(160, 2, 1), 4, 'result/first');

console.log('\nOne of four classes begins from it:');
const model = new Net(4);
model.initialize([1, 16, 16, 1]);
console.log(transferParams(trained, model).summary());
await train(new Classifier(model), pictures(320, 4, 2), 8, 'result/second');

await save('result/net.safetensors', model);
console.log('\nSaved as result/net.safetensors.');
