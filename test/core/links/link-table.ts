/** Every link class of core: how one is made, and the shapes of what its `forward` takes. */
import * as core from '@chaingrad/core';
import type { CopyRow } from '../../support/copies.ts';

const { Linear, Convolution2D } = core;

class Picking extends core.PickableSequentialChain {
  readonly first = new Linear(3, 4);
  readonly act = core.relu;
  readonly second = new Linear(4, 2);
}

/** By the names of the classes. */
export const linkTable: Readonly<Record<string, CopyRow>> = {
  Link: [() => Object.assign(new core.Link(), { scale: 3 }), null],
  Chain: [
    () => {
      const chain = new core.Chain();
      chain.addLink('a', new Linear(2, 3));
      chain.addParam('p', [2], 1);
      chain.addPersistent('q', 5);
      return chain;
    },
    null,
  ],
  ChainList: [
    () => new core.ChainList<core.Link>(new Linear(2, 3), new core.ChainList(new Linear(3, 3))),
    null,
  ],
  ChainDict: [() => new core.ChainDict({ b: new Linear(2, 3), a: new Linear(3, 3) }), null],
  Sequential: [() => new core.Sequential(new Linear(3, 4), core.relu, new Linear(4, 2)), [[1, 3]]],
  PickableSequentialChain: [
    () => {
      const chain = new Picking();
      chain.pick = ['act', 'second'];
      return chain;
    },
    [[1, 3]],
  ],
  BatchNormalization: [() => new core.BatchNormalization(3, { decay: 0.5 }), [[2, 4, 4, 3]]],
  Bias: [() => new core.Bias([3]), [[2, 4, 4, 3]]],
  Classifier: [() => new core.Classifier(new Linear(3, 2)), [[4, 3], { shape: [4], dtype: 'int32' }]],
  Conv2DActiv: [() => new core.Conv2DActiv(3, 4, 3), [[1, 5, 5, 3]]],
  Conv2DBNActiv: [() => new core.Conv2DBNActiv(3, 4, 3), [[1, 5, 5, 3]]],
  Convolution2D: [() => new Convolution2D(null, 4, 3), [[1, 5, 5, 3]]],
  Deconvolution2D: [() => new core.Deconvolution2D(3, 4, 3, { stride: 2 }), [[1, 5, 5, 3]]],
  DepthwiseConvolution2D: [() => new core.DepthwiseConvolution2D(3, 2, 3), [[1, 5, 5, 3]]],
  DilatedConvolution2D: [() => new core.DilatedConvolution2D(3, 4, 3, { dilate: 2 }), [[1, 9, 9, 3]]],
  EmbedID: [() => new core.EmbedID(5, 3, { ignoreLabel: 1 }), [{ shape: [2], dtype: 'int32' }]],
  Linear: [() => new Linear(3, 2, { nobias: true }), [[4, 3]]],
  Normalize: [() => new core.Normalize(3, { initial: 20 }), [[1, 5, 5, 3]]],
  Scale: [() => new core.Scale([3], { biasTerm: true }), [[1, 5, 5, 3]]],
  SeparableConv2DBNActiv: [() => new core.SeparableConv2DBNActiv(3, 4, 3), [[1, 5, 5, 3]]],
  Bilinear: [
    () => new core.Bilinear(3, 2, 4),
    [
      [1, 3],
      [1, 2],
    ],
  ],
  Convolution1D: [() => new core.Convolution1D(null, 4, 3, { stride: 2 }), [[1, 5, 3]]],
  Convolution3D: [() => new core.Convolution3D(null, 4, 3, { pad: 1 }), [[1, 5, 5, 5, 3]]],
  Deconvolution1D: [() => new core.Deconvolution1D(3, 4, 3, { stride: 2 }), [[1, 5, 3]]],
  Deconvolution3D: [() => new core.Deconvolution3D(3, 4, 3, { nobias: true }), [[1, 3, 3, 3, 3]]],
  GroupNormalization: [() => new core.GroupNormalization(2, 4, { eps: 0.1 }), [[1, 5, 5, 4]]],
  Highway: [() => new core.Highway(3, { activate: core.sigmoid }), [[1, 3]]],
  LayerNormalization: [() => new core.LayerNormalization(null, { eps: 0.1 }), [[2, 3]]],
  Maxout: [() => new core.Maxout(3, 2, 4), [[1, 3]]],
  MultiHeadAttention: [() => new core.MultiHeadAttention(4, 2, { dropout: 0.1 }), [[1, 3, 4]]],
  NStepBiGRU: [() => new core.NStepBiGRU(2, 3, 2), null],
  NStepBiLSTM: [() => new core.NStepBiLSTM(2, 3, 2), null],
  NStepGRU: [() => new core.NStepGRU(2, 3, 2, { dropout: 0.1 }), null],
  NStepLSTM: [() => new core.NStepLSTM(2, 3, 2, { dropout: 0.1 }), null],
  NStepRNNTanh: [() => new core.NStepRNNTanh(1, 3, 2), null],
  PReLU: [() => new core.PReLU([3], { init: 0.5 }), [[1, 5, 5, 3]]],
  StatelessGRU: [
    () => new core.StatelessGRU(3, 2),
    [
      [1, 2],
      [1, 3],
    ],
  ],
  StatelessLSTM: [
    () => new core.StatelessLSTM(3, 2),
    [
      [1, 2],
      [1, 2],
      [1, 3],
    ],
  ],
  Swish: [() => new core.Swish([3], { betaInit: 2 }), [[1, 5, 5, 3]]],
};
