/** A chain of every link of core, of drawn parameters: equal in ONNX Runtime, native and WASM. */
import * as core from '@chaingrad/core';
import {
  BatchNormalization,
  Bias,
  Chain,
  ChainDict,
  ChainList,
  Classifier,
  Conv2DActiv,
  Conv2DBNActiv,
  Convolution2D,
  Deconvolution2D,
  DepthwiseConvolution2D,
  DilatedConvolution2D,
  EmbedID,
  Linear,
  type Link,
  Normal,
  Normalize,
  Parameter,
  PickableSequentialChain,
  relu,
  Scale,
  SeparableConv2DBNActiv,
  Sequential,
} from '@chaingrad/core';
import { exportOnnx, OnnxExportError } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { expectSame, floats, type HostArray, ints, Lambda, modelOf } from './support.ts';

const image = floats([2, 7, 6, 4]);
const more = floats([3, 7, 6, 4], 5);
const initialW = new Normal(0.5);

/** Statistics and scales that are not those of the start. */
function stir(link: Link): Link {
  let seed = 10;
  for (const [, persistent] of link.namedpersistents()) {
    const { value } = persistent;
    if (value instanceof tf.Tensor) {
      const data = floats(value.shape, seed++).data.map((each) => Math.abs(each) + 0.5);
      persistent.value = tf.tidy(() => tf.keep(tf.tensor(data, value.shape)));
    }
  }
  for (const param of link.params()) {
    if (param.ndim === 1)
      tf.tidy(() => param.assign(tf.tensor(floats(param.shape, seed++).data, param.shape)));
  }
  return link;
}

class Pick extends PickableSequentialChain {
  readonly a = new Conv2DActiv(4, 3, 3, { initialW });
  readonly b = new Conv2DActiv(3, 5, 1, { initialW });
}

class Listed extends ChainList<Linear> {
  override forward(x: tf.Tensor): tf.Tensor {
    return [...this].reduce((h, each) => each.call(h), x);
  }
}

interface Case {
  readonly make: () => Link;
  /** The operators of the file; of the long ones, how many there are at most. */
  readonly ops: string | number;
  readonly inputs?: readonly HostArray[];
  /** Inputs of another batch size; null where its work depends on the sizes, and the file is of these only. */
  readonly others?: readonly HostArray[] | null;
  /** Its weights are side by side in one product, and so in the file: under other names. */
  readonly isStacked?: boolean;
}

const rows = { inputs: [floats([2, 4])], others: [floats([3, 4], 5)] };
const line = { inputs: [floats([2, 5, 4])], others: [floats([3, 5, 4], 5)] };
const volume = { inputs: [floats([1, 3, 4, 5, 4])], others: null };

/** A network over sequences, on two of different lengths. */
class Sequences extends Chain {
  readonly net: Link;
  readonly run: (xs: tf.Tensor[]) => unknown[];
  constructor(net: Link, run: (xs: tf.Tensor[]) => unknown[]) {
    super();
    this.net = net;
    this.run = run;
  }
  override forward(a: tf.Tensor, b: tf.Tensor) {
    return this.run([a, b]).flat() as tf.Tensor[];
  }
}
const sequences = { inputs: [floats([1, 4]), floats([3, 4], 5)], others: null, ops: 130, isStacked: true };
const overBoth = (made: () => core.NStepLSTM): Case => ({
  make: () => {
    const net = made();
    return new Sequences(net, (xs) => net.call(null, null, xs));
  },
  ...sequences,
});
const overOne = (made: () => core.NStepGRU | core.NStepRNNTanh): Case => ({
  make: () => {
    const net = made();
    return new Sequences(net, (xs) => net.call(null, xs));
  },
  ...sequences,
});

const cases: Record<string, Case> = {
  BatchNormalization: {
    make: () => new BatchNormalization(4),
    ops: 'Transpose BatchNormalization Transpose',
  },
  Bias: { make: () => new Bias([4]), ops: 'Add' },
  Chain: {
    make: () =>
      new (class extends Chain {
        readonly first = new Linear(4, 3, { initialW });
        override forward(x: tf.Tensor) {
          return tf.relu(this.first.call(x));
        }
      })(),
    ops: 'Gemm Relu',
    inputs: [floats([2, 4])],
    others: [floats([5, 4])],
  },
  ChainList: {
    make: () => new Listed(new Linear(4, 3), new Linear(3, 2)),
    ops: 'Gemm Gemm',
    inputs: [floats([2, 4])],
    others: [floats([5, 4])],
  },
  ChainDict: {
    make: () =>
      new (class extends ChainDict<Linear> {
        override forward(x: tf.Tensor) {
          return tf.add(this.get('a').call(x), this.get('b').call(x));
        }
      })({ a: new Linear(4, 3), b: new Linear(4, 3) }),
    ops: 'Gemm Gemm Add',
    inputs: [floats([2, 4])],
    others: [floats([5, 4])],
  },
  Classifier: {
    make: () => new Classifier(new Linear(4, 3)),
    ops: 22,
    inputs: [floats([2, 4]), ints([2], [0, 2])],
    others: [floats([3, 4]), ints([3], [0, 2, 1])],
  },
  Conv2DActiv: {
    make: () => new Conv2DActiv(4, 3, 3, { pad: 1, initialW }),
    ops: 'Transpose Conv Relu Transpose',
  },
  Conv2DBNActiv: {
    make: () => new Conv2DBNActiv(4, 3, 3, { initialW }),
    ops: 'Transpose Conv BatchNormalization Relu Transpose',
  },
  Convolution2D: {
    make: () => new Convolution2D(4, 3, 3, { stride: 2, initialW }),
    ops: 'Transpose Conv Transpose',
  },
  Deconvolution2D: {
    make: () => new Deconvolution2D(4, 3, 3, { stride: 2 }),
    ops: 'Transpose ConvTranspose Transpose',
  },
  DepthwiseConvolution2D: {
    make: () => new DepthwiseConvolution2D(4, 2, 3),
    ops: 'Transpose Conv Transpose',
  },
  DilatedConvolution2D: {
    make: () => new DilatedConvolution2D(4, 3, 3, { dilate: 2, pad: 1 }),
    ops: 'Transpose Conv Transpose',
  },
  EmbedID: {
    make: () => new EmbedID(5, 3),
    ops: 'Gather',
    inputs: [ints([2, 3], [0, 1, 2, 3, 4, 0])],
    others: [ints([1, 3], [4, 4, 1])],
  },
  Linear: { make: () => new Linear(null, 3), ops: 'Transpose Reshape Gemm' },
  Normalize: { make: () => new Normalize(4, { initial: 20 }), ops: 'ReduceL2 Add Div Mul' },
  PickableSequentialChain: {
    make: () => Object.assign(new Pick(), { pick: ['a', 'b'] }),
    ops: 'Transpose Conv Relu Conv Relu Transpose Transpose',
  },
  Scale: { make: () => new Scale([4], { biasTerm: true }), ops: 'Mul Add' },
  SeparableConv2DBNActiv: {
    make: () => new SeparableConv2DBNActiv(4, 6, 3),
    ops: 'Transpose Conv BatchNormalization Conv BatchNormalization Relu Transpose',
  },
  Sequential: {
    make: () => new Sequential(new Convolution2D(4, 2, 3), relu, new Linear(null, 3)),
    ops: 'Transpose Conv Relu Reshape Gemm',
  },
  Bilinear: {
    make: () => new core.Bilinear(4, 4, 3),
    ops: 14,
    inputs: [floats([2, 4]), floats([2, 4], 3)],
    others: [floats([3, 4]), floats([3, 4], 3)],
  },
  Convolution1D: { make: () => new core.Convolution1D(null, 3, 3, { stride: 2, pad: 1 }), ops: 6, ...line },
  Convolution3D: { make: () => new core.Convolution3D(null, 3, 2, { pad: 1 }), ops: 16, ...volume },
  Deconvolution1D: { make: () => new core.Deconvolution1D(null, 3, 3, { stride: 2 }), ops: 6, ...line },
  Deconvolution3D: { make: () => new core.Deconvolution3D(null, 2, 2), ops: 16, ...volume },
  GroupNormalization: { make: () => new core.GroupNormalization(2), ops: 12 },
  Highway: { make: () => new core.Highway(4), ops: 8, ...rows },
  LayerNormalization: { make: () => new core.LayerNormalization(), ops: 'LayerNormalization', ...rows },
  Maxout: { make: () => new core.Maxout(4, 3, 2), ops: 5, ...rows },
  MultiHeadAttention: { make: () => new core.MultiHeadAttention(4, 2), ops: 40, ...line },
  NStepBiGRU: overOne(() => new core.NStepBiGRU(1, 4, 3)),
  NStepBiLSTM: overBoth(() => new core.NStepBiLSTM(1, 4, 3)),
  NStepGRU: overOne(() => new core.NStepGRU(1, 4, 3)),
  NStepLSTM: overBoth(() => new core.NStepLSTM(1, 4, 3)),
  NStepRNNTanh: overOne(() => new core.NStepRNNTanh(1, 4, 3)),
  PReLU: { make: () => new core.PReLU([4]), ops: 'PRelu' },
  StatelessGRU: {
    make: () => new core.StatelessGRU(4, 3),
    ops: 22,
    inputs: [floats([2, 3], 3), floats([2, 4])],
    others: [floats([3, 3], 3), floats([3, 4])],
  },
  StatelessLSTM: {
    make: () => new core.StatelessLSTM(4, 3),
    ops: 24,
    inputs: [floats([2, 3], 3), floats([2, 3], 4), floats([2, 4])],
    others: [floats([3, 3], 3), floats([3, 3], 4), floats([3, 4])],
  },
  Swish: { make: () => new core.Swish([4]), ops: 'Mul Sigmoid Mul' },
};

describe('exportOnnx of every link', () => {
  before(() => tf.setBackend('cpu'));

  it('has a case for each', () => {
    const names = Object.entries(core)
      .filter(
        ([name, value]) =>
          typeof value === 'function' && value.prototype instanceof core.Link && name !== 'Link',
      )
      .map(([name]) => name);
    expect(names.filter((name) => !(name in cases))).to.deep.equal([]);
  });

  for (const [name, { make, ops, inputs = [image], others = [more], isStacked }] of Object.entries(cases)) {
    it(`${name}, under our paths, with the fewest operators, and no tensor left`, async () => {
      core.setSeed(0);
      const link = make();
      link.initialize(...inputs.map(({ shape, dtype }) => ({ shape, dtype })));
      stir(link);
      const before = tf.memory().numTensors;
      const options = others === null ? ({ batch: 'fixed', size: 'fixed' } as const) : { others: [others] };
      const { model, ops: made, bytes } = await expectSame(link, inputs, options);
      await expectSame(link, inputs, { ...options, runtime: 'web' });
      if (typeof ops === 'string') expect(made.join(' ')).to.equal(ops);
      else expect(made.length).to.be.at.most(ops);
      if (name !== 'Classifier') expect(tf.memory().numTensors).to.equal(before);
      const initializers = model.graph!.initializer.map((each) => each.name);
      if (!isStacked) expect(initializers).to.include.members([...link.namedparams()].map(([path]) => path));
      expect(bytes.length).to.be.greaterThan(0);
      link.dispose();
    });
  }

  it('folds batch normalization into the convolution on wish', async () => {
    const chain = new Sequential(
      new Conv2DBNActiv(4, 3, 3, { initialW }),
      new Conv2DBNActiv(3, 5, 3, { nobias: false }),
    );
    chain.initialize(image.shape);
    stir(chain);
    const { ops, model } = await expectSame(chain, [image], {
      others: [[more]],
      foldBatchNormalization: true,
      layout: 'NHWC',
    });
    expect(ops.join(' ')).to.equal('Transpose Conv Relu Conv Relu Transpose');
    expect(model.graph!.initializer.map(({ name }) => name)).to.deep.equal([
      '/0/conv/W',
      '/0/conv/b',
      '/1/conv/W',
      '/1/conv/b',
    ]);
  });

  for (const groups of [1, 2]) {
    it(`folds it into a transposed convolution of ${groups} group(s)`, async () => {
      const chain = new Sequential(
        new Deconvolution2D(4, 6, 3, { stride: 2, groups, nobias: groups === 2, initialW }),
        new BatchNormalization(6),
        relu,
      );
      chain.initialize(image.shape);
      stir(chain);
      const { ops } = await expectSame(chain, [image], { others: [[more]], foldBatchNormalization: true });
      expect(ops.join(' ')).to.equal('Transpose ConvTranspose Relu Transpose');
    });
  }

  it('takes and gives channels first unless asked otherwise', async () => {
    const chain = new Sequential(new Convolution2D(4, 3, 3), relu);
    const model = modelOf(await exportOnnx(chain, [[1, 8, 9, 4]]));
    expect(model.graph!.node.map(({ opType }) => opType)).to.deep.equal(['Conv', 'Relu']);
    const dims = (value: (typeof model.graph & object)['input'][number]) => {
      const type = value.type!.value;
      return type.case === 'tensorType'
        ? type.value.shape!.dim.map(({ value: dim }) => String(dim.value))
        : [];
    };
    expect(dims(model.graph!.input[0]!)).to.deep.equal(['N', '4', '8', '9']);
    expect(dims(model.graph!.output[0]!)).to.deep.equal(['N', '3', '6', '7']);
  });

  for (const opset of [17, 18, 21, 22]) {
    it(`writes operator set ${opset}`, async () => {
      const chain = new Sequential(
        new Conv2DBNActiv(4, 3, 3, { initialW }),
        (x: tf.Tensor4D) => core.maxPooling2D(x, { ksize: 2 }),
        (x: tf.Tensor4D) => core.resizeImages(x, [9, 5]),
        (x: tf.Tensor4D) => core.globalAveragePooling2D(x),
        (x: tf.Tensor) => tf.sub(x, tf.expandDims(core.logsumexp(x, 1), 1)),
        new Linear(3, 2),
      );
      const { model } = await expectSame(chain, [image], { others: [[more]], opset });
      expect(model.opsetImport[0]!.version).to.equal(BigInt(opset));
      await expectSame(chain, [image], { opset, runtime: 'web' });
    });
  }
});

describe('exportOnnx of sizes that vary', () => {
  before(() => tf.setBackend('cpu'));

  it('takes any height and width where the network does', async () => {
    const chain = new Sequential(
      new Conv2DActiv(4, 3, 3, { pad: 'same', stride: 2, initialW }),
      (x: tf.Tensor4D) => core.maxPooling2D(x, { ksize: 2 }),
      (x: tf.Tensor4D) => core.maxPooling2D(x, { ksize: 3, stride: 2, pad: 1 }),
      new Conv2DActiv(3, 5, 3, { pad: 1, initialW }),
      (x: tf.Tensor4D) => tf.concat([x, tf.relu(x)], 3),
      (x: tf.Tensor4D) => core.groupNormalization(x, 2, null, null),
      (x: tf.Tensor4D) => core.globalAveragePooling2D(x),
      new Linear(10, 2),
    );
    chain.initialize([1, 32, 32, 4]);
    const { ops } = await expectSame(chain, [floats([2, 32, 32, 4])], {
      size: 'dynamic',
      others: [
        [33, 40],
        [51, 38],
        [64, 47],
      ].map(([h, w]) => [floats([1, h!, w!, 4], 3)]),
    });
    expect(ops).to.include('InstanceNormalization');
  });

  it('enlarges by a factor whatever the size, and says where the factor differs', async () => {
    const others = [[floats([2, 9, 4, 3], 2)], [floats([1, 6, 15, 3], 3)]];
    for (const enlarge of [
      (x: tf.Tensor4D) => tf.image.resizeNearestNeighbor(x, [2 * x.shape[1], 2 * x.shape[2]]),
      (x: tf.Tensor4D) => tf.image.resizeBilinear(x, [3 * x.shape[1], 2 * x.shape[2]], false, true),
    ]) {
      const { ops } = await expectSame(new Lambda(enlarge as never), [floats([1, 5, 7, 3])], {
        size: 'dynamic',
        others,
      });
      expect(ops.filter((op) => op !== 'Transpose')).to.deep.equal(['Resize']);
    }
    const grown = new Lambda(((x: tf.Tensor4D) =>
      tf.image.resizeBilinear(x, [x.shape[1] + 1, x.shape[2]])) as never);
    const error = await exportOnnx(grown, [[1, 5, 7, 3]], { size: 'dynamic' }).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(OnnxExportError);
    expect(String(error)).to.include('the size to resize to follows');
  });

  it('says where a network takes one size only', async () => {
    const chain = new Sequential(new Convolution2D(4, 3, 3), new Linear(null, 2));
    chain.initialize([1, 8, 8, 4]);
    try {
      await exportOnnx(chain, [[1, 8, 8, 4]], { size: 'dynamic' });
      expect.fail('was exported');
    } catch (error) {
      expect(error).to.be.instanceOf(core.TraceError);
      expect((error as core.TraceError).path).to.equal('/1');
    }
  });

  it('says where the batch size is worked with', async () => {
    class Scaled extends Chain {
      readonly w = new Parameter(1, [3]);
      override forward(x: tf.Tensor) {
        return tf.mul(tf.mul(x, this.w.tensor), Math.sqrt(x.shape[0]!));
      }
    }
    const chain = new Sequential(new Linear(4, 3), new Scaled());
    try {
      await exportOnnx(chain, [[2, 4]]);
      expect.fail('was exported');
    } catch (error) {
      expect(error).to.be.instanceOf(OnnxExportError);
      expect(String(error)).to.match(/\/1: .*a number that the program computes changes.*batch: 'fixed'/);
    }
    await expectSame(chain, [floats([2, 4])], { batch: 'fixed' });
  });
});

describe('exportOnnx of a forward that needs values', () => {
  before(() => tf.setBackend('cpu'));

  class Gate extends Chain {
    constructor(readonly fn: (x: tf.Tensor) => unknown) {
      super();
    }
    override forward(x: tf.Tensor) {
      return this.fn(x) as tf.Tensor;
    }
  }

  /** As proposals of regions do where only shapes are known. */
  const readOr = (x: tf.Tensor, otherwise: number) => {
    try {
      return tf.mul(x, x.dataSync()[0]!);
    } catch {
      return tf.mul(x, otherwise);
    }
  };

  const cases: [string, (x: tf.Tensor) => unknown, RegExp][] = [
    ['an if on a sum', (x) => (tf.sum(x).dataSync()[0]! > 0 ? x : tf.neg(x)), /dataSync\(\)/],
    ['a read of an array', (x) => tf.mul(x, x.arraySync() as number[][]), /dataSync\(\)/],
    ['a read whose failure is caught', (x) => readOr(x, 2), /dataSync\(\)/],
    ['a draw', (x) => core.gaussian(x, x), /drawing numbers/],
    ['a promise', async (x) => tf.mul(x, (await tf.sum(x).data())[0]!), /promise/],
    ['a kernel that has no rule', (x) => tf.atan2(x, tf.sin(x)), /'Atan2' has no translation/],
  ];
  for (const [what, fn, message] of cases) {
    it(`fails with the place named: ${what}`, async () => {
      const chain = new Sequential(new Linear(4, 4), new Sequential(new Linear(4, 4), new Gate(fn)));
      const before = tf.memory().numTensors;
      const error = await exportOnnx(chain, [[1, 4]]).then(
        () => null,
        (thrown: unknown) => thrown as Error,
      );
      expect(error).to.be.instanceOf(core.ChaingradError);
      expect(error!.message).to.match(/^\/1\/1/);
      expect(error!.message).to.match(message);
      expect(tf.memory().numTensors).to.equal(before);
    });
  }

  it('lets a program read the numbers that it wrote itself', async () => {
    const chain = new Gate((x) => tf.mul(x, tf.scalar(2).dataSync()[0]!));
    await expectSame(chain, [floats([2, 3])]);
  });
});
