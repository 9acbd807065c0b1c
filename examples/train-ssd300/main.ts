/**
 * Trains SSD300 itself (VGG-16, 26 million parameters) on a folder in the layout of Pascal VOC, with ChainerCV's recipe:
 * momentum, weight decay on weights only, twice the rate for biases. conv1 to conv3 stay as they are.
 *
 *     npx tsx --conditions=chaingrad-source examples/train-ssd300/main.ts --data data/bccd --steps 200
 *     npx tsx --conditions=chaingrad-source examples/train-ssd300/main.ts --data data/bccd --pretrained imagenet
 *
 * `--pretrained imagenet` takes ChainerCV's VGG-16 from Chainer's cache or its server, or give the path of the npz file. Without
 * it everything begins at random, which shows that the training works and takes far longer to find anything.
 */
import { parseArgs } from 'node:util';
import {
  GradientClipping,
  HeNormal,
  MomentumSGD,
  memory,
  mul,
  Random,
  setSeed,
  tensor,
  tidy,
  useBackend,
} from '@chaingrad/core';
import {
  FailOnNonNumber,
  LogReport,
  observeValue,
  PrintReport,
  RateSchedule,
  SerialIterator,
  StandardUpdater,
  Trainer,
  TransformDataset,
} from '@chaingrad/training';
import {
  MultiboxTrainChain,
  openVocDataset,
  SSD300,
  type SSDTrainExample,
  ssdBatch,
  ssdTransform,
  ssdUpdateHooks,
} from '@chaingrad/vision';
import { save } from '@chaingrad/weights';
import sharp from 'sharp';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    split: { type: 'string', default: 'trainval' },
    steps: { type: 'string', default: '200' },
    batch: { type: 'string', default: '4' },
    lr: { type: 'string', default: '0.001' },
    pretrained: { type: 'string' },
    backend: { type: 'string', default: 'auto' },
    every: { type: 'string', default: '40' },
    out: { type: 'string', default: 'result' },
  },
});
if (values.data === undefined) throw new Error('--data is missing: a folder in the layout of Pascal VOC');
const steps = Number(values.steps);

setSeed(0);
console.log(await useBackend(values.backend as 'auto'));
const lazy = await openVocDataset(values.data, {
  split: values.split,
  onProblem: 'skip',
  async decode(bytes) {
    const { data, info } = await sharp(bytes)
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data, shape: [info.height, info.width, info.channels] };
  },
});
const dataset = await lazy.preload({ maxSide: 480 });
const nFgClass = dataset.labelNames.length;
console.log(`${dataset.length} images, ${nFgClass} classes: ${dataset.labelNames.join(', ')}`);

using model =
  values.pretrained === undefined
    ? new SSD300({ nFgClass }).initialize([1, 300, 300, 3])
    : await SSD300.fromPretrained(values.pretrained, { nFgClass });
if (values.pretrained === undefined) {
  // VGG has no normalization: from random it learns only with weights that keep the size of the signal through 15 ReLUs, and
  // with pixels, which are around 60 here, brought to around 1 by the first layer.
  const initializer = new HeNormal();
  for (const [path, param] of model.extractor.namedparams()) {
    if (!path.endsWith('/W')) continue;
    const scale = path.includes('conv1_1') ? 1 / 60 : 1;
    tidy(() => param.assign(mul(tensor(initializer.generate(param.shape), [...param.shape]), scale)));
  }
}
for (const [path, param] of model.namedparams())
  if (/^\/extractor\/conv[123]_/.test(path)) param.frozen = true;

const rng = new Random(1);
using optimizer = new MomentumSGD({ lr: Number(values.lr) });
const chain = new MultiboxTrainChain(model);
ssdUpdateHooks(chain, optimizer);
// The first gradients of new heads are large; later this changes nothing.
optimizer.addHook(new GradientClipping(10));
const transform = ssdTransform(model, { rng, augment: { fill: [123, 117, 104] } });
const iterator = new SerialIterator<SSDTrainExample>(
  new TransformDataset(dataset, transform),
  Number(values.batch),
);
const updater = new StandardUpdater<SSDTrainExample>(iterator, optimizer, { converter: ssdBatch });
const trainer = new Trainer(updater, [steps, 'iteration'], { out: values.out, random: { rng } });
const every = [Number(values.every), 'iteration'] as const;
trainer.extend(
  new RateSchedule({ peak: Number(values.lr), warmup: 20, progress: (t) => t.updater.iteration / steps }),
);
trainer.extend(
  observeValue('tensors', () => memory().numTensors),
  { trigger: every },
);
trainer.extend(
  observeValue('MB', () => process.memoryUsage().rss / 1e6),
  { trigger: every },
);
trainer.extend(new FailOnNonNumber());
trainer.extend(new LogReport({ trigger: every }));
trainer.extend(
  new PrintReport([
    'iteration',
    'main/loss',
    'main/loss/loc',
    'main/loss/conf',
    'tensors',
    'MB',
    'elapsed_time',
  ]),
);
await trainer.run();
await save(`${values.out}/ssd300.npz`, model);
console.log(`wrote ${values.out}/ssd300.npz`);
