/** Mistakes that people make, each by what provokes it: docs/messages.md shows what they are told. */
import {
  Adam,
  accuracy,
  argMax,
  BatchNormalization,
  backward,
  Chain,
  Classifier,
  Convolution2D,
  Deconvolution2D,
  DepthwiseConvolution2D,
  EmbedID,
  embedId,
  hinge,
  Linear,
  MomentumSGD,
  maxPooling2D,
  mul,
  NesterovAG,
  ones,
  relu,
  SGD,
  scalar,
  selectItem,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
  tensor1d,
  usingConfig,
  zeros,
} from '@chaingrad/core';

class Net extends Chain {
  readonly conv1 = new Convolution2D(3, 4, 3, { pad: 1 });
  readonly fc = new Linear(null, 2);
  override forward(x: Tensor4D): Tensor {
    return this.fc.call(relu(this.conv1.call(x)));
  }
}

class Lazy extends Chain {
  readonly conv1 = new Convolution2D(null, 4, 3, { pad: 1 });
  override forward(x: Tensor4D): Tensor {
    return this.conv1.call(x);
  }
}

class Direct extends Chain {
  readonly fc = new Linear(2, 2);
  override forward(x: Tensor): Tensor {
    return this.fc.forward(x);
  }
}

class Later extends Chain {
  readonly fc = new Linear(2, 2);
  override async forward(x: Tensor): Promise<Tensor> {
    await null;
    return this.fc.call(x);
  }
}

class Words extends Chain {
  readonly embed = new EmbedID(4, 2);
  override forward(x: Tensor): Tensor {
    return this.embed.call(x);
  }
}

const image = () => ones([1, 8, 8, 3]) as Tensor4D;
const any = (value: unknown) => value as never;

/** A mistake: its name, and code that makes it. What is thrown, or warned of, is the message. */
export const mistakes: Readonly<Record<string, () => unknown>> = {
  'an input that was disposed': () => {
    const x = image();
    x.dispose();
    return new Net().call(x);
  },
  'an input disposed between two links': () => {
    class Careless extends Net {
      override forward(x: Tensor4D): Tensor {
        const h = this.conv1.call(x);
        h.dispose();
        return this.fc.call(h);
      }
    }
    return new Careless().call(image());
  },
  'a disposed tensor in a function': () => {
    const x = image();
    x.dispose();
    return maxPooling2D(x, { ksize: 2 });
  },
  'an undefined input': () => new Net().call(any(undefined)),
  'a promise as input': () => new Net().call(any(Promise.resolve(image()))),
  'an array as input': () => new Net().call(any([[[[1, 2, 3]]]])),
  'an array of numbers for Linear': () => new Linear(2, 2).call(any([[1, 2]])),
  'pixels as input': () => new Net().call(any({ data: new Uint8Array(192), shape: [8, 8, 3] })),
  'one image without its batch axis': () => new Net().call(any(ones([8, 8, 3]))),
  'one image, lazy': () => new Lazy().call(any(ones([8, 8, 3]))),
  'channels first': () => new Net().call(ones([2, 3, 8, 8]) as Tensor4D),
  'channels first, lazy': () => new Lazy().call(ones([2, 3, 16, 16]) as Tensor4D),
  'channels first, shapes only': () => new Lazy().initialize([2, 3, 16, 16]),
  'integers as image': () => new Net().call(any(ones([1, 8, 8, 3], 'int32'))),
  'integers, lazy': () => new Lazy().call(any(ones([1, 8, 8, 3], 'int32'))),
  'integers for Linear': () => new Linear(2, 2).call(ones([1, 2], 'int32')),
  'integers for BatchNormalization': () => new BatchNormalization(3).call(any(ones([1, 8, 8, 3], 'int32'))),
  'a size that Linear does not take': () => new Linear(4, 2).call(ones([1, 3])),
  'other channels': () => new Net().call(ones([1, 8, 8, 5]) as Tensor4D),
  'other channels, depthwise': () => new DepthwiseConvolution2D(3, 1, 3).call(ones([1, 8, 8, 5]) as Tensor4D),
  'other channels, transposed': () => new Deconvolution2D(3, 1, 3).call(ones([1, 8, 8, 5]) as Tensor4D),
  'an async forward': () => new Later().call(any(ones([1, 2]))),
  'an async loss': () => {
    const model = new Linear(2, 2);
    return new SGD().setup(model).update(any(async () => sum(model.call(ones([1, 2])))));
  },
  'a loss kept past the next update': () => {
    const model = new Linear(2, 2);
    const optimizer = new SGD().setup(model);
    const first = optimizer.update(() => sum(model.call(ones([1, 2]))));
    optimizer.update(() => sum(model.call(ones([1, 2]))));
    return first.data();
  },
  'the sum of losses over updates': () => {
    const model = new Linear(2, 2);
    const optimizer = new SGD().setup(model);
    const first = optimizer.update(() => sum(model.call(ones([1, 2]))));
    const second = optimizer.update(() => sum(model.call(ones([1, 2]))));
    return mul(first, second);
  },
  'a loss that is not one number': () => {
    const model = new Linear(2, 2);
    return new SGD().setup(model).update(() => model.call(ones([1, 2])));
  },
  'a label out of range': () => softmaxCrossEntropy(zeros([2, 3]), tensor1d([0, 3], 'int32')),
  'a label out of range in accuracy': () => accuracy(zeros([2, 3]), tensor1d([0, 3], 'int32')),
  'a label out of range in training': () => {
    const model = new Classifier(new Linear(2, 3));
    return new SGD().setup(model).update(model, ones([2, 2]), tensor1d([1, -2], 'int32'));
  },
  'a binary label out of range': () => sigmoidCrossEntropy(zeros([2]), tensor1d([0, 2], 'int32')),
  'a label out of range in hinge': () => hinge(any(zeros([2, 3])), tensor1d([0, -1], 'int32')),
  'a label out of range in selectItem': () => selectItem(zeros([2, 3]), tensor1d([0, 5], 'int32')),
  'labels as floats': () => softmaxCrossEntropy(zeros([2, 3]), tensor1d([0, 1])),
  'labels as an array': () => softmaxCrossEntropy(zeros([2, 3]), any([0, 1])),
  'one-hot labels': () => softmaxCrossEntropy(zeros([2, 3]), any(zeros([2, 3], 'int32'))),
  'an id out of range': () => new Words().call(tensor([[1, 4]], [1, 2], 'int32')),
  'a negative id': () => embedId(tensor1d([-1], 'int32'), any(ones([4, 2]))),
  'ids as floats': () => new Words().call(tensor([[1, 2]])),
  'argMax in the loss': () => {
    const model = new Linear(2, 3);
    return new SGD().setup(model).update(() => sum(argMax(model.call(ones([1, 2])), 1)));
  },
  'a loss of other numbers': () => {
    const model = new Linear(2, 3);
    return new SGD().setup(model).update(() => scalar(1));
  },
  'a parameter that no gradient reaches': () => {
    class Idle extends Net {
      readonly spare = new Linear(2, 2);
    }
    const model = new Idle();
    return usingConfig('debug', true, () =>
      backward(() => sum(model.call(image())), model.initialize([1, 8, 8, 3])),
    );
  },
  'all parameters frozen': () => {
    const model = new Linear(2, 3).disableUpdate();
    return backward(() => sum(model.call(ones([1, 2]))), model);
  },
  'forward() in place of call()': () => new Direct().call(ones([1, 2])),
  'lr of Adam': () => {
    Object.assign(new Adam(), { lr: 0.1 });
  },
  'learningRate of SGD': () => {
    Object.assign(new SGD(), { learningRate: 0.1 });
  },
  'alpha of MomentumSGD': () => {
    Object.assign(new MomentumSGD(), { alpha: 0.1 });
  },
  'a rate that is no number': () => {
    Object.assign(new NesterovAG(), { lr: '0.1' });
  },
  'a rate that is NaN': () => {
    new SGD().lr = Number.NaN;
  },
  'an optimizer without a model': () => new SGD().update(() => scalar(1)),
};
