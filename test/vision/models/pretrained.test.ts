/** Trained weights by name, from Chainer's cache, and from files: here generated ones under ChainerCV's names. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MismatchError, type NamedArray, useBackend } from '@chaingrad/core';
import { SSD300, SSD512, VGG16, VisionOptionError } from '@chaingrad/vision';
import { chainerCachePath, PretrainedArgumentError, pretrained, serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { readJson } from '../../support/goldens.ts';
import { fillParams, type ParamRow } from '../../support/models.ts';
import { maxAbsDiff } from '../support.ts';
import { warningsOf } from './warnings.ts';

/** The error of a promise that must fail. */
const errorOf = async (promise: Promise<unknown>): Promise<Error> => {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
};

describe('vision/models/fromPretrained', () => {
  const saved = process.env['CHAINER_DATASET_ROOT'];
  let root: string;
  let trained: SSD300;
  let tensors: number;

  const cache = async (file: string, bytes: Uint8Array) => {
    const path = chainerCachePath(file)!;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  };
  const archive = (keep: RegExp) =>
    writeNpz(
      [...trained.namedparams()]
        .filter(([path]) => keep.test(path))
        .map(([path, { shape, tensor }]): [string, NamedArray] => [
          path.slice(1),
          { shape, dtype: 'float32', data: Float32Array.from(tensor.dataSync()) },
        ]),
      { compression: false },
    );
  const expectEqual = (model: SSD300, path: string) => {
    const [a, b] = [model, trained].map(
      (m) => [...m.namedparams()].find(([name]) => name === path)![1].tensor,
    );
    expect(a!.shape).to.deep.equal(b!.shape);
    expect(maxAbsDiff(a!.dataSync(), b!.dataSync()), path).to.equal(0);
  };

  before(async () => {
    await useBackend('wasm');
    root = await mkdtemp(join(tmpdir(), 'chaingrad-'));
    process.env['CHAINER_DATASET_ROOT'] = root;
    trained = new SSD300({ nFgClass: 20 });
    fillParams(trained, readJson<{ params: ParamRow[] }>('goldens/ssd300_params.json').params);
  });
  after(async () => {
    trained.dispose();
    if (saved === undefined) delete process.env['CHAINER_DATASET_ROOT'];
    else process.env['CHAINER_DATASET_ROOT'] = saved;
    await rm(root, { recursive: true });
  });
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, 'tensors left behind').to.equal(tensors);
  });

  it("'voc0712' implies 20 classes and gives every parameter", async () => {
    await cache(pretrained.SSD300.voc0712.source.file, await serialize(trained, { compression: false }));
    const warnings = await warningsOf(async () => {
      using model = await SSD300.fromPretrained('voc0712');
      expect(model.nFgClass).to.equal(20);
      for (const [path] of trained.namedparams()) expectEqual(model, path);
    });
    expect(warnings).to.deep.equal([]);
    const error = await errorOf(SSD300.fromPretrained('voc0712', { nFgClass: 50 }));
    expect(error)
      .to.be.instanceOf(PretrainedArgumentError)
      .with.property('message')
      .match(/nFgClass must be 20/);
  });

  it("'voc0712' is complete: a file in the cache that lacks parameters is refused", async () => {
    await cache(pretrained.SSD300.voc0712.source.file, archive(/^\/extractor\//));
    const error = await errorOf(SSD300.fromPretrained('voc0712'));
    expect(error).to.be.instanceOf(MismatchError);
    expect(error.message).to.match(/multibox\/conf\/0\/W/);
  });

  it("'imagenet' needs the number of classes and gives the VGG part of both sizes", async () => {
    await cache(pretrained.SSD300.imagenet.source.file, archive(/^\/extractor\/conv([1-5]_|[67]\/)/));
    for (const Model of [SSD300, SSD512]) {
      const error = await errorOf(Model.fromPretrained('imagenet'));
      expect(error).to.be.instanceOf(PretrainedArgumentError);
      expect(error.message).to.match(/^nFgClass must be specified/);
    }
    const warnings = await warningsOf(async () => {
      using model = await SSD300.fromPretrained('imagenet', { nFgClass: 3 });
      expect(model.nFgClass).to.equal(3);
      for (const name of ['conv1_1/W', 'conv5_3/b', 'conv6/W', 'conv7/b']) {
        expectEqual(model, `/extractor/${name}`);
      }
      // The rest is drawn, or as it starts.
      expect([...model.params()].every(({ isInitialized }) => isInitialized)).to.equal(true);
      expect(
        maxAbsDiff(model.extractor.norm4.scale.tensor.dataSync(), new Float32Array(512).fill(20)),
      ).to.equal(0);
      expect(model.multibox.conf.at(0).W.shape).to.deep.equal([16, 512, 3, 3]);
    });
    expect(warnings).to.deep.equal([]);
    using large = await SSD512.fromPretrained('imagenet', { nFgClass: 3 });
    expect(large.extractor.conv12_2.W.shape).to.deep.equal([256, 128, 4, 4]);
  });

  it('takes bytes of one’s own, tells what they lack, and refuses other shapes whole', async () => {
    const heads = archive(/^\/multibox\/(loc|conf)\//);
    const warnings = await warningsOf(async () => {
      using model = await SSD300.fromPretrained(heads, { nFgClass: 20 });
      expectEqual(model, '/multibox/conf/0/W');
    });
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/SSD300\.fromPretrained.*extractor\/conv1_1\/W/s);
    const error = await errorOf(SSD300.fromPretrained(heads, { nFgClass: 21 }));
    expect(error).to.be.instanceOf(MismatchError);
    expect(error.message).to.match(/multibox\/conf\/0\/W/);
  });

  it('VGG16 is strict, and its mean may be another', async () => {
    const error = await errorOf(VGG16.fromPretrained(archive(/conv1_1/)));
    expect(error).to.be.instanceOf(MismatchError);
    const fixed = await errorOf(VGG16.fromPretrained('imagenet', { nClass: 10, mean: [1, 2, 3] }));
    expect(fixed).to.be.instanceOf(PretrainedArgumentError);
    expect(fixed.message).to.match(/nClass must be 1000/);
  });

  it('constructors want the number of classes', () => {
    for (const Model of [SSD300, SSD512]) {
      // @ts-expect-error: in JavaScript it can be forgotten
      expect(() => new Model()).to.throw(PretrainedArgumentError, 'nFgClass must be specified');
      expect(() => new Model({ nFgClass: 0 })).to.throw(VisionOptionError, "'nFgClass'");
    }
  });
});
