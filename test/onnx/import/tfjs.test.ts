/** The graph-models of two packages of npm, in our chain and in tfjs' own executor. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Parameter, SGD, usingConfig } from '@chaingrad/core';
import { installFastKernels } from '@chaingrad/kernels';
import { exportOnnx, importTfjs, type OnnxChain, OnnxLayer, UnsupportedOperatorError } from '@chaingrad/onnx';
import type { GraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { MobileNetV2MidModel } from 'nsfwjs/models/mobilenet_v2_mid';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describeBackends, maxError } from '../../support/backends.ts';
import { generator } from '../../weights/fuzz/mutate.ts';
import { executorOf } from './graph-model.ts';

const require = createRequire(import.meta.url);
const folder = join(dirname(require.resolve('@vladmandic/human')), '../models');

type Outputs = Record<string, tf.Tensor>;
type Named = OnnxChain<tf.Tensor | Outputs>;

/** What the executor calls the values that our chain gives, and ours. */
const nodesOf = (model: Named, json: { signature?: { outputs: Record<string, { name: string }> } }) =>
  model.outputs.map(
    ({ name }) => json.signature?.outputs[name]?.name ?? json.signature?.outputs[`${name}:0`]?.name ?? name,
  );

function inputFor(model: Named, seed: number): tf.Tensor {
  const [door] = model.inputs;
  const shape = door!.shape!.map((n) => (typeof n === 'number' ? n : 1));
  const random = generator(seed);
  const pixels = Float32Array.from(
    { length: tf.util.sizeFromShape(shape) },
    () => random() * (door!.dtype === 'float32' ? 1 : 255),
  );
  return tf.tensor(pixels, shape, door!.dtype === 'float32' ? 'float32' : 'int32');
}

const call = (model: Named, x: tf.Tensor): tf.Tensor[] => {
  const y = usingConfig('train', false, () => model.call(x));
  return y instanceof tf.Tensor ? [y] : model.outputs.map(({ name }) => y[name]!);
};

async function worstDifference(model: Named, executor: GraphModel, json: object): Promise<number> {
  const x = inputFor(model, 3);
  const ours = call(model, x);
  const theirs = [executor.execute(x, nodesOf(model, json))].flat();
  let worst = 0;
  for (const [i, y] of ours.entries()) {
    expect(y.shape).to.deep.equal(theirs[i]!.shape);
    worst = Math.max(worst, maxError(await y.data(), await theirs[i]!.data()));
  }
  tf.dispose([x, ours, theirs]);
  return worst;
}

const executorOfFile = async (name: string, json: object) =>
  executorOf({ json, weights: await readFile(join(folder, name.replace(/json$/, 'bin'))) });

describeBackends('graph-models of TensorFlow.js', () => {
  before(() => installFastKernels('wasm'));

  for (const [name, parameters] of [
    ['antispoof', 10],
    ['blazeface', 106],
    ['centernet', 166],
    ['emotion', 22],
    ['facemesh', 114],
    ['faceres', 73],
    ['handlandmark-lite', 102],
    ['iris', 189],
    ['liveness', 22],
    ['movenet-lightning', 141],
  ] as const) {
    it(`${name}: what tfjs' executor gives`, async () => {
      const before = tf.memory().numTensors;
      const path = join(folder, `${name}.json`);
      const model = await importTfjs<tf.Tensor | Outputs>(path);
      expect([...model.namedparams()].length).to.equal(parameters);
      const json = JSON.parse(await readFile(path, 'utf8')) as object;
      const executor = await executorOfFile(`${name}.json`, json);
      const worst = await worstDifference(model, executor, json);
      expect(worst).to.be.at.most(2e-5);
      executor.dispose();
      model.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });
  }

  it("nsfwjs' classifier, whose files are modules of JavaScript", async () => {
    const { modelJson, weightBundles } = MobileNetV2MidModel as unknown as {
      modelJson(): Promise<{ default: { weightsManifest: [{ paths: string[] }] } }>;
      weightBundles: (() => Promise<{ default: string }>)[];
    };
    const { default: json } = await modelJson();
    const shards = await Promise.all(
      weightBundles.map(async (bundle) => Buffer.from((await bundle()).default, 'base64')),
    );
    const [{ paths }] = json.weightsManifest;
    const files = [
      new File([JSON.stringify(json)], 'model.json'),
      ...shards.map((bytes, i) => new File([bytes], paths[i]!)),
    ];
    const model = await importTfjs<tf.Tensor | Outputs>(files);
    const executor = await executorOf({ json, weights: new Uint8Array(Buffer.concat(shards)) });
    expect(await worstDifference(model, executor, json)).to.be.at.most(2e-5);
    executor.dispose();
    const shapes = Object.fromEntries([...model.namedparams()].map(([path, { shape }]) => [path, shape]));
    expect(shapes['/sequential/keras_layer/predict/MobilenetV2/Conv/Conv2D_weights']).to.deep.equal([
      48, 3, 3, 3,
    ]);
    expect(Object.keys(shapes)).to.have.length(106);
    model.dispose();
  });

  it('nothing is transposed on the way, and what follows a convolution is part of it', async () => {
    for (const name of ['centernet', 'faceres', 'movenet-lightning']) {
      const model = await importTfjs<tf.Tensor | Outputs>(join(folder, `${name}.json`));
      const x = inputFor(model, 4);
      const { kernelNames } = await tf.profile(() => tf.tidy(() => void call(model, x)));
      expect(kernelNames).to.include('ChaingradConv2D').and.not.include('Transpose');
      const convolutions = kernelNames.filter((kernel) => kernel === 'Relu6' || kernel === 'Relu').length;
      if (name === 'movenet-lightning') expect(convolutions).to.equal(0);
      x.dispose();
      model.dispose();
    }
  });

  it('names say what the file says, or where a layer is', async () => {
    const model = await importTfjs(join(folder, 'blazeface.json'));
    const layer = model.linkAt('/functional_1/conv2d');
    expect(layer).to.be.instanceOf(OnnxLayer);
    expect([...layer.namedparams()].map(([path, { shape }]) => [path, shape])).to.deep.equal([
      ['/bias', [24]],
      ['/weight', [24, 3, 5, 5]],
    ]);
    expect(model.onnxNames.get('/functional_1/conv2d/weight')).to.equal('unknown');
    model.dispose();
    const centre = await importTfjs(join(folder, 'centernet.json'), { outputs: ['tower_0/keypoints'] });
    expect(centre.linkAt('/tower_0/MobilenetV3/Conv')).to.be.instanceOf(OnnxLayer);
    expect(centre.outputs.map(({ name }) => name)).to.deep.equal(['tower_0/keypoints']);
    // The heads of the sizes are left out.
    expect([...centre.namedparams()].some(([path]) => path.includes('wh'))).to.equal(false);
    centre.dispose();
  });

  it('control flow is refused by its name and place', async () => {
    const error = await importTfjs(join(folder, 'handtrack.json')).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(UnsupportedOperatorError);
    expect(String(error)).to.match(
      /handtrack\.json, node 'StatefulPartitionedCall\/map\/.*' \(TensorList\w+\): control flow is not imported/,
    );
    expect(String(error)).to.include('Switch').and.include('Merge');
  });

  for (const name of ['emotion', 'facemesh', 'movenet-lightning']) {
    it(`${name} goes out as an ONNX file that gives the same in onnxruntime`, async () => {
      const model = await importTfjs<tf.Tensor | Outputs>(join(folder, `${name}.json`));
      const x = inputFor(model, 5);
      const spec = { shape: [...x.shape], dtype: x.dtype as 'float32' | 'int32' };
      const bytes = await exportOnnx(model, [spec], {
        layout: 'NHWC',
        batch: name.startsWith('m') ? 'fixed' : 'dynamic',
      });
      const session = await InferenceSession.create(bytes);
      const data = await x.data();
      const answer = await session.run({
        [session.inputNames[0]!]: new Tensor(x.dtype as 'float32', data as Float32Array, x.shape),
      });
      await session.release();
      const ours = call(model, x);
      for (const [i, output] of session.outputNames.entries()) {
        const expected = await ours[i]!.data();
        const difference = Math.max(
          ...(answer[output]!.data as Float32Array).map((v, k) => Math.abs(v - expected[k]!)),
        );
        // Some outputs are one probability near zero.
        expect(difference).to.be.at.most(1e-5 * Math.max(1, ...expected.map(Math.abs)));
      }
      tf.dispose([x, ours]);
      model.dispose();
    });
  }
}, ['wasm']);

describeBackends('a training step of a graph-model', () => {
  it('goes where differences say', async () => {
    const before = tf.memory().numTensors;
    const model = await importTfjs(join(folder, 'liveness.json'));
    const x = inputFor(model as unknown as Named, 6);
    const target = tf.tensor2d([0, 1], [1, 2]);
    const loss = (): tf.Scalar => tf.losses.meanSquaredError(target, model.call(x)) as tf.Scalar;
    const lossNow = async () => {
      const value = tf.tidy(loss);
      const [number] = await value.data();
      value.dispose();
      return number!;
    };
    const updated = new SGD({ lr: 0 }).setup(model).update(loss);
    const first = (await updated.data())[0]!;
    updated.dispose();
    expect(first).to.be.closeTo(await lossNow(), 1e-6);
    let checked = 0;
    for (const [path, parameter] of model.namedparams()) {
      const { array, grad } = parameter as Parameter & { array: tf.Tensor; grad: tf.Tensor };
      const random = generator(7);
      const direction = tf.tensor(
        Float32Array.from({ length: array.size }, () => random() - 0.5),
        array.shape,
      );
      const slope = tf.tidy(() => tf.sum(tf.mul(grad, direction)).dataSync()[0]!);
      const start = tf.clone(array);
      const at = async (step: number) => {
        const moved = tf.tidy(() => tf.add(start, tf.mul(direction, step)));
        parameter.assign(moved);
        moved.dispose();
        return lossNow();
      };
      const step = 1e-4;
      const measured = ((await at(step)) - (await at(-step))) / (2 * step);
      parameter.assign(start);
      tf.dispose([start, direction]);
      expect(slope, path).to.be.closeTo(measured, 2e-3 + 0.03 * Math.abs(measured));
      if (Math.abs(measured) > 1e-2) checked++;
    }
    expect(checked).to.be.at.least(5);
    new SGD({ lr: 0.01 }).setup(model).update(loss).dispose();
    expect(await lossNow()).to.be.below(first);
    model.dispose();
    tf.dispose([x, target]);
    expect(tf.memory().numTensors).to.equal(before);
  });
}, ['cpu']);
