import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchNormalization,
  Convolution2D,
  DepthwiseConvolution2D,
  InvalidArgumentError,
  Linear,
  type Link,
  Sequential,
} from '@chaingrad/core';
import { exportOnnx, importOnnx, saveOnnx } from '@chaingrad/onnx';
import { save } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { TinySSD } from '../../vision/models/tiny-ssd.ts';
import { callHere, callRuntime, floats, modelOf } from './support.ts';

describe('saveOnnx', () => {
  let folder: string;
  let model: Sequential;
  before(async () => {
    await tf.setBackend('cpu');
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-onnx-'));
    model = new Sequential(new Convolution2D(3, 40, 3), new Linear(null, 7));
    model.initialize([1, 8, 8, 3]);
  });
  after(() => rm(folder, { recursive: true }));

  const input = [floats([2, 8, 8, 3])];

  it('writes the bytes of exportOnnx', async () => {
    const file = join(folder, 'one.onnx');
    const before = tf.memory().numTensors;
    await saveOnnx(file, model, [[1, 8, 8, 3]]);
    expect(tf.memory().numTensors).to.equal(before);
    expect(new Uint8Array(await readFile(file))).to.deep.equal(await exportOnnx(model, [[1, 8, 8, 3]]));
  });

  it('puts arrays into a file beside it, where a runtime finds them', async () => {
    const file = join(folder, 'two.onnx');
    await saveOnnx(file, model, [[1, 8, 8, 3]], { externalData: true, layout: 'NHWC' });
    expect((await stat(file)).size).to.be.below(3000);
    const arrays = modelOf(new Uint8Array(await readFile(file))).graph!.initializer;
    for (const { name, externalData } of arrays) {
      const entries = Object.fromEntries(externalData.map(({ key, value }) => [key, value]));
      if (!name.endsWith('W')) continue;
      expect(entries['location'], name).to.equal('two.onnx.data');
      expect(Number(entries['offset']) % 4096, name).to.equal(0);
    }
    const there = await callRuntime(file, input);
    expectClose(there['output']!.data, (await callHere(model, input))[0]!.data);
  });

  it('does so by itself where there are more bytes than one file may hold, and only then', async () => {
    const { arrayBytes } = await saveOnnx(join(folder, 'any.onnx'), model, [[1, 8, 8, 3]]);
    const written = async (externalData: boolean | number) => {
      const { files } = await saveOnnx(join(folder, 'limit.onnx'), model, [[1, 8, 8, 3]], { externalData });
      return files.map((file) => String(file).split('/').at(-1));
    };
    expect(await written(arrayBytes)).to.deep.equal(['limit.onnx']);
    expect(await written(arrayBytes - 1)).to.deep.equal(['limit.onnx', 'limit.onnx.data']);
    const back = await importOnnx(join(folder, 'limit.onnx'));
    const count = (link: Link) => [...link.namedparams()].length;
    expect(count(back)).to.equal(count(model));
    back.dispose();
  });

  it('tells the network, its classes and its input', async () => {
    const bytes = await exportOnnx(model, [[1, 8, 8, 3]], {
      inputNames: ['image'],
      outputNames: ['scores'],
      about: {
        name: 'tiny',
        description: 'Seven classes of pictures.',
        classNames: ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
        mean: [1, 2, 3],
        inputRange: [0, 255],
        more: { source: 'a test' },
      },
    });
    const { metadataProps, docString, graph, producerName } = modelOf(bytes);
    expect(Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]))).to.deep.equal({
      model: 'tiny',
      layout: 'NCHW',
      class_names: '["a","b","c","d","e","f","g"]',
      mean: '[1,2,3]',
      input_range: '[0,255]',
      source: 'a test',
    });
    expect([docString, producerName, graph!.name]).to.deep.equal([
      'Seven classes of pictures.',
      'chaingrad',
      'tiny',
    ]);
    expect([graph!.input[0]!.name, graph!.output[0]!.name]).to.deep.equal(['image', 'scores']);
  });

  for (const [what, options, message] of [
    ['opset', { opset: 16 }, /opset: expected 17 to 22, got 16/],
    ['layout', { layout: 'CHW' as never }, /layout: expected 'NCHW' or 'NHWC', got CHW/],
    ['names', { inputNames: ['a', 'b'] }, /inputNames: expected 1 names, got a, b/],
    ['output names', { outputNames: [] }, /outputNames: expected 1 names/],
  ] as const) {
    it(`refuses a wrong ${what}`, async () => {
      const error = await exportOnnx(model, [[1, 8, 8, 3]], options).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(InvalidArgumentError);
      expect(String(error)).to.match(message);
    });
  }
});

describe("save('.onnx')", () => {
  let folder: string;
  before(async () => {
    await tf.setBackend('cpu');
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-onnx-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('writes links that tell their inputs, with what their files tell', async () => {
    using model = new TinySSD();
    model.labelNames = ['a', 'b', 'c'];
    const file = join(folder, 'tiny.onnx');
    await save(file, model);
    const { metadataProps, graph } = modelOf(new Uint8Array(await readFile(file)));
    const told = Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]));
    expect(JSON.parse(told['class_names']!)).to.deep.equal(['a', 'b', 'c']);
    expect(JSON.parse(told['chaingrad.about']!)).to.deep.include({
      nFgClass: 3,
      labelNames: ['a', 'b', 'c'],
    });
    expect(graph!.output.map(({ name }) => name)).to.deep.equal(['offsets', 'classes']);
  });

  it('says what to call for others', async () => {
    const error = await save(join(folder, 'no.onnx'), new Linear(3, 2)).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(InvalidArgumentError);
    expect(String(error)).to.match(/onnxArguments\(\), got Linear\. Use saveOnnx/);
  });
});

describeBackends('exportOnnx', () => {
  it('writes the same graph, reads the parameters, and leaves no tensor', async () => {
    // Twice the channels: the filter is turned before the graph.
    const chain = new Sequential(new DepthwiseConvolution2D(2, 2, 3), new BatchNormalization(4));
    chain.initialize([1, 6, 6, 2]);
    for (const [path, param] of chain.namedparams()) {
      const values = tf.tensor(floats(param.shape, path.length).data, param.shape);
      param.assign(values);
      values.dispose();
    }
    const before = tf.memory().numTensors;
    const { graph } = modelOf(await exportOnnx(chain, [[1, 6, 6, 2]], { foldBatchNormalization: true }));
    expect(tf.memory().numTensors).to.equal(before);
    expect(graph!.node.map(({ opType }) => opType)).to.deep.equal(['Conv']);
    const filter = graph!.initializer.find(({ name }) => name === '/0/W')!;
    const values = new Float32Array(filter.rawData.slice().buffer);
    expect(filter.dims).to.deep.equal([4n, 1n, 3n, 3n]);
    const gamma = floats([4], '/1/gamma'.length).data;
    const W = floats([2, 2, 3, 3], '/0/W'.length).data;
    // Output channel 1 is the second filter of channel 0, scaled by its gamma over the deviation of a new normalization.
    const want = Array.from(W.subarray(18, 27), (value) => (value * gamma[1]!) / Math.sqrt(1 + 2e-5));
    expectClose(values.subarray(9, 18), want);
    chain.dispose();
  });
});
