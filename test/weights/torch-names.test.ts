/** Models of one's own under PyTorch's names, read and written. */
import '@tensorflow/tfjs-backend-cpu';
import {
  BatchNormalization,
  Chain,
  ChainList,
  Convolution2D,
  DepthwiseConvolution2D,
  EmbedID,
  GroupNormalization,
  InvalidArgumentError,
  LayerNormalization,
  Linear,
  type Link,
  type NamedArray,
  PReLU,
  readArray,
  relu,
  Sequential,
  SGD,
  withoutValues,
} from '@chaingrad/core';
import { load, MemoryWeights, nameMaps, openWeights, serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { thrown } from '../support/errors.ts';
import { readJson } from '../support/goldens.ts';
import { floats } from './support.ts';

const norm = (size: number) => new BatchNormalization(size);
const conv = (from: number, to: number, ksize: number) =>
  new Convolution2D(from, to, ksize, { nobias: true });
abstract class Net extends Chain {
  override forward(): never {
    throw new Error('not called');
  }
}

class Block extends Net {
  conv1: Link;
  bn1: Link;
  conv2: Link;
  bn2: Link;
  downsample?: Link;
  constructor(from: number, to: number) {
    super();
    this.conv1 = conv(from, to, 3);
    this.bn1 = norm(to);
    this.conv2 = conv(to, to, 3);
    this.bn2 = norm(to);
    if (from !== to) this.downsample = new Sequential(conv(from, to, 1), norm(to));
  }
}

class ResNet18 extends Net {
  conv1 = conv(3, 64, 7);
  bn1 = norm(64);
  layer1 = new ChainList(new Block(64, 64), new Block(64, 64));
  layer2 = new ChainList(new Block(64, 128), new Block(128, 128));
  layer3 = new ChainList(new Block(128, 256), new Block(256, 256));
  layer4 = new ChainList(new Block(256, 512), new Block(512, 512));
  fc = new Linear(512, 10);
}

class Small extends Net {
  features = new Sequential(new Convolution2D(3, 4, 3), relu, norm(4), new Convolution2D(4, 2, 1));
  fc = new Linear(8, 2);
}

describe("names: 'torch'", () => {
  before(() => tf.setBackend('cpu'));

  it("are those of torchvision's ResNet-18 for a model of its structure", () => {
    const expected = readJson<Readonly<Record<string, number[]>>>('weights/resnet18_names.json');
    const net = withoutValues(() => new ResNet18());
    const { names } = nameMaps.torch(net);
    expect(Object.values(names).map(({ from }) => from)).to.have.members(Object.keys(expected));
    for (const { key, kind, shape } of net.serialEntries()) {
      if (kind === 'parameter') expect(shape, key).to.deep.equal(expected[names[key]!.from as string]);
    }
    net.dispose();
  });

  it('are written, and read again', async () => {
    const net = new Small();
    const bytes = await serialize(net, { format: 'safetensors', names: 'torch' });
    await using file = await openWeights(bytes);
    expect(file.keys()).to.have.members([
      ...['features.0.weight', 'features.0.bias', 'features.2.weight', 'features.2.bias'],
      ...['features.2.running_mean', 'features.2.running_var', 'features.2.num_batches_tracked'],
      ...['features.3.weight', 'features.3.bias', 'fc.weight', 'fc.bias'],
    ]);
    expect(await file.info('features.2.num_batches_tracked')).to.deep.equal({ shape: [], dtype: 'int64' });
    const other = new Small();
    const report = await load(other, file, { names: 'torch' });
    expect(report.copied).to.have.length(11);
    expect([...other.fc.W.tensor.dataSync()]).to.deep.equal([...net.fc.W.tensor.dataSync()]);
    net.dispose();
    other.dispose();
  });

  it('are those of embeddings, normalizations and slopes, both ways', async () => {
    class Words extends Net {
      token = new EmbedID(5, 4);
      ln = new LayerNormalization(4);
      gn = new GroupNormalization(2, 4);
      act = new PReLU([4]);
      out = new Linear(4, 2);
    }
    const net = new Words();
    const bytes = await serialize(net, { format: 'safetensors', names: 'torch' });
    await using file = await openWeights(bytes);
    expect(file.keys()).to.have.members([
      ...['token.weight', 'ln.weight', 'ln.bias', 'gn.weight', 'gn.bias', 'act.weight'],
      ...['out.weight', 'out.bias'],
    ]);
    const other = new Words();
    expect((await load(other, file, { names: 'torch' })).copied).to.have.length(8);
    expect([...other.token.W.tensor.dataSync()]).to.deep.equal([...net.token.W.tensor.dataSync()]);
    net.dispose();
    other.dispose();
  });

  it('may lack the counters of old files, and nothing else', async () => {
    const net = new Small();
    await using file = await openWeights(await serialize(net, { format: 'safetensors', names: 'torch' }));
    const arrays = new Map<string, NamedArray>();
    for (const key of file.keys()) arrays.set(key, await readArray(file, key));
    arrays.delete('features.2.num_batches_tracked');
    const report = await load(net, new MemoryWeights('old', 'pytorch', arrays), { names: 'torch' });
    expect(report.kept).to.deep.equal(['/features/1/N']);
    net.dispose();
  });

  it('move the kernels of a depthwise convolution', async () => {
    class Depthwise extends Net {
      dw = new DepthwiseConvolution2D(3, 2, 1);
    }
    const net = new Depthwise();
    // Of output c * 2 + m the value 10 c + m.
    const weight = floats([6, 1, 1, 1], (i) => 10 * Math.floor(i / 2) + (i % 2));
    const arrays = new Map([
      ['dw.weight', weight],
      ['dw.bias', floats([6])],
    ]);
    await load(net, new MemoryWeights('dw', 'pytorch', arrays), { names: 'torch' });
    expect(net.dw.W.tensor.arraySync()).to.deep.equal(
      [0, 1].map((m) => [0, 1, 2].map((c) => [[10 * c + m]])),
    );
    net.dispose();
  });

  it('are those of a link alone, not of an optimizer', () => {
    const net = new Linear(2, 2);
    expect(nameMaps.torch(net).names).to.deep.equal({ W: { from: 'weight' }, b: { from: 'bias' } });
    expect(thrown(() => nameMaps.torch(new SGD().setup(net)), InvalidArgumentError)).to.match(
      /'torch'.*a link/,
    );
    net.dispose();
  });
});
