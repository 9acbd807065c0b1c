/** The SSDs on ResNets: torchvision's file of a classifier inside, and what their own files tell. */
import { setSeed, useBackend, usingConfig, withoutValues } from '@chaingrad/core';
import { SSDResNet18, SSDResNet50, VisionOptionError } from '@chaingrad/vision';
import { load, openWeights, PretrainedArgumentError, readAbout, serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { expectSame, floats } from '../../../onnx/export/support.ts';
import { channelsLast, generate } from '../../../support/goldens.ts';
import { channelsFirst, expectSamples, magnitude } from '../../../support/models.ts';
import { stateDict, type TorchGolden } from '../../../support/torch-state.ts';
import { generatedImage, goldens, maxAbsDiff } from '../../support.ts';

describe('vision/models/ssd: SSDResNet18 and SSDResNet50', () => {
  before(() => useBackend('wasm'));

  const golden = goldens<TorchGolden>('torch_resnet18');
  const insize = 64;
  const fromFile = async () => {
    setSeed(3);
    const model = new SSDResNet18({ nFgClass: 2, insize }).initialize([1, insize, insize, 3]);
    const report = await load(model.extractor.base, await stateDict(golden.json()), {
      names: 'torchvision-resnet18',
      match: 'common',
    });
    return { model, report };
  };

  it('know their names, shapes and boxes without computing', () => {
    const before = tf.memory().numTensors;
    for (const [Model, size, grids, layers] of [
      [SSDResNet18, undefined, [38, 19, 10, 5, 3, 2], 8],
      [SSDResNet50, 512, [64, 32, 16, 8, 4, 2], 16],
    ] as const) {
      const model = withoutValues(() => {
        const made = new Model({ nFgClass: 3, ...(size === undefined ? {} : { insize: size }) });
        return made.initialize([1, made.insize, made.insize, 3]);
      });
      expect(model.extractor.grids).to.deep.equal(grids);
      expect([model.insize, model.nFgClass, model.scoreFunction]).to.deep.equal([size ?? 300, 3, 'softmax']);
      const boxes = grids.map((grid, i) => grid * grid * [4, 6, 6, 6, 4, 4][i]!);
      expect(model.coder.length).to.equal(boxes.reduce((a, b) => a + b));
      const paths = [...model.namedparams()].map(([path]) => path);
      expect(paths.some((path) => path.includes('fc6'))).to.equal(false);
      const last = layers === 8 ? 'conv2' : 'conv3';
      expect(
        paths.filter((path) => path.endsWith(`/${last}/conv/W`) && path.includes('/base/')),
      ).to.have.length(layers);
      expect(paths).to.include.members(['/extractor/extra/2/conv2/conv/b', '/multibox/conf/5/W']);
      model.dispose();
    }
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it("take torchvision's file: all but its last layer, the maps are PyTorch's, and so is the mean", async () => {
    const before = tf.memory().numTensors;
    const { model, report } = await fromFile();
    expect([report.missingInSrc, report.mismatched, report.unusedInSrc]).to.deep.equal([
      [],
      [],
      ['/fc.bias', '/fc.weight'],
    ]);
    expect(model.mean).to.deep.equal([0.485 * 255, 0.456 * 255, 0.406 * 255]);
    const { input, maps } = golden.json();
    const { key, shape, scale } = input;
    const [n, c, h, w] = shape;
    const values = channelsLast(generate({ key, scale, offset: 0 }, n * c * h * w), shape);
    // PyTorch's picture is divided by this; ours is not.
    const deviations = [0.229, 0.224, 0.225].map((std) => 255 * std);
    const x = tf.tensor4d(
      values.map((value, i) => value * deviations[i % 3]!),
      [n, h, w, c],
    );
    const found = usingConfig('train', false, () => model.extractor.call(x));
    for (const [i, name] of ['layer2', 'layer3', 'layer4'].entries()) {
      const map = found[i]!;
      const expected = golden.f32(`${name}/val`);
      const { stats } = maps.find((each) => each.name === name)!;
      expectSamples(
        channelsFirst(await map.data<'float32'>(), map.shape),
        golden.i32(`${name}/idx`),
        expected,
        1e-5 * magnitude(stats),
        name,
      );
    }
    tf.dispose([x, found]);
    const inside = tf.memory().numTensors;
    const { bboxes } = await model.predict([generatedImage('ssd-resnet', 50, 70)], { scoreThresh: 0.01 });
    expect(bboxes).to.have.length(1);
    expect(tf.memory().numTensors).to.equal(inside);
    model.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it('come back from a file of their own with classes, names and size', async () => {
    const before = tf.memory().numTensors;
    const { model } = await fromFile();
    model.labelNames = ['cat', 'dog'];
    const bytes = await serialize(model, { compression: false });
    await using file = await openWeights(bytes);
    expect(readAbout(file)).to.deep.equal({
      model: 'SSDResNet18',
      nFgClass: 2,
      labelNames: ['cat', 'dog'],
      scoreFunction: 'softmax',
      insize,
    });
    const again = await SSDResNet18.fromPretrained(bytes);
    expect(again.labelNames).to.deep.equal(['cat', 'dog']);
    const x = tf.randomUniform<tf.Rank.R4>([1, insize, insize, 3], -100, 100);
    expect(again.insize).to.equal(insize);
    const outputs = [model, again].map((each) => usingConfig('train', false, () => each.call(x)));
    const [a, b] = outputs.map(([, confs]) => confs.dataSync());
    expect(maxAbsDiff(a!, b!)).to.equal(0);
    tf.dispose([x, outputs]);
    for (const each of [model, again]) each.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it('give the same outputs in ONNX Runtime', async () => {
    const { model } = await fromFile();
    const input = floats([1, insize, insize, 3], 3);
    const image = { ...input, data: input.data.map((value) => value * 128) };
    await expectSame(model, [image], { tolerance: 2e-5 });
    model.dispose();
  });

  it('refuse to be made of what cannot be', () => {
    const before = tf.memory().numTensors;
    expect(() => new SSDResNet18({ nFgClass: 3, insize: 63 })).to.throw(
      VisionOptionError,
      'a whole number of 64 or more',
    );
    expect(() => new SSDResNet50({ nFgClass: 0 })).to.throw(VisionOptionError, "'nFgClass'");
    // @ts-expect-error: in JavaScript it can be forgotten
    expect(() => new SSDResNet18()).to.throw(PretrainedArgumentError, 'nFgClass must be specified');
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });
});
