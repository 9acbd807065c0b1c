/** The small links of ChainerCV's classifiers: both modes, with gradients and running statistics, on every backend. */
import { Conv2DActiv, Conv2DBNActiv, type Link, relu, SeparableConv2DBNActiv, tanh } from '@chaingrad/core';
import {
  Bottleneck,
  ExpandedConv2D,
  ResBlock,
  SEBlock,
  TFConv2DBNActiv,
  TFConvolution2D,
} from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { makeDivisible } from '../../../packages/vision/src/models/mobilenet-v2/make-divisible.ts';
import { describeBackends } from '../../support/backends.ts';
import { goldens } from '../support.ts';
import { expectPiece, type Piece } from './link-piece.ts';

interface Pieces {
  cases: Record<string, Piece>;
  make_divisible: [value: number, divisor: number, result: number][];
}

const make: Record<string, () => Link> = {
  'Conv2DBNActiv/plain': () => new Conv2DBNActiv(3, 4, 3, { pad: 1 }),
  'Conv2DBNActiv/groups2': () => new Conv2DBNActiv(4, 6, 3, { stride: 2, pad: 1, groups: 2 }),
  'Conv2DBNActiv/dilate2_bias': () => new Conv2DBNActiv(3, 4, 3, { pad: 2, dilate: 2, nobias: false }),
  'Conv2DBNActiv/noactiv_bnkw': () =>
    new Conv2DBNActiv(3, 4, 1, { activ: null, bn: { decay: 0.8, eps: 1e-3 } }),
  'Conv2DBNActiv/nogamma': () => new Conv2DBNActiv(3, 4, 1, { bn: { useGamma: false } }),
  'Conv2DActiv/tanh': () => new Conv2DActiv(3, 4, 3, { pad: 1, activ: tanh }),
  'SeparableConv2DBNActiv/default': () => new SeparableConv2DBNActiv(3, 5, 3, { pad: 1 }),
  'SeparableConv2DBNActiv/activ_nobias': () =>
    new SeparableConv2DBNActiv(4, 3, 3, { stride: 2, pad: 2, dilate: 2, nobias: true, dwActiv: relu }),
  'SEBlock/ratio4': () => new SEBlock(8, 4),
  'SEBlock/ratio16': () => new SEBlock(33),
  'Bottleneck/identity': () => new Bottleneck(8, 4, 8),
  'Bottleneck/residual_conv_s2': () => new Bottleneck(6, 4, 8, { stride: 2, residualConv: true }),
  'Bottleneck/stride_first': () =>
    new Bottleneck(6, 4, 8, { stride: 2, residualConv: true, strideFirst: true }),
  'Bottleneck/groups_se_dilate': () =>
    new Bottleneck(6, 4, 32, { groups: 2, dilate: 2, residualConv: true, addSeblock: true }),
  'ResBlock/n3': () => new ResBlock(3, 5, 4, 8, { stride: 2, strideFirst: true }),
  'TFConvolution2D/same_s1': () => new TFConvolution2D(3, 4, 3),
  'TFConvolution2D/same_s2': () => new TFConvolution2D(3, 4, 3, { stride: 2 }),
  'TFConvolution2D/same_k4x3_s2': () => new TFConvolution2D(3, 4, [4, 3], { stride: [2, 1] }),
  'TFConvolution2D/valid_s2': () => new TFConvolution2D(3, 4, 3, { stride: 2, pad: 0 }),
  'TFConvolution2D/pad1_groups': () => new TFConvolution2D(4, 4, 3, { pad: 1, groups: 2 }),
  'TFConv2DBNActiv/plain': () => new TFConv2DBNActiv(3, 4, 3, { stride: 2 }),
  'ExpandedConv2D/residual': () => new ExpandedConv2D(8, 8),
  'ExpandedConv2D/stride2': () => new ExpandedConv2D(8, 16, { depthwiseStride: 2 }),
  'ExpandedConv2D/no_expand': () => new ExpandedConv2D(8, 8, { expansionSize: 8 }),
};

const golden = goldens<Pieces>('cv_link_pieces');

describeBackends("vision/models: ChainerCV's small links", (backend) => {
  it('has a maker for every case', () => {
    expect(Object.keys(make)).to.have.members(Object.keys(golden.json().cases));
  });

  for (const [name, piece] of Object.entries(golden.json().cases)) {
    for (const mode of ['test', 'train'] as const) {
      it(`${name}, ${mode}: output, gradients, running statistics`, () =>
        expectPiece({
          golden,
          name,
          piece,
          mode,
          make: make[name]!,
          rtol: backend === 'webgpu' ? 2e-5 : 1e-5,
        }));
    }
  }
});

describe('vision/models: widths of MobileNetV2', () => {
  it('are divisible as in ChainerCV', () => {
    for (const [value, divisor, want] of golden.json().make_divisible)
      expect(makeDivisible(value, divisor), `${value} by ${divisor}`).to.equal(want);
  });

  it('a stage can be picked, too', () => {
    using stage = new ResBlock(3, 5, 4, 8, { stride: 2 });
    stage.pick = 'a';
    const x = tf.zeros<tf.Rank.R4>([1, 8, 8, 5]);
    const y = stage.call(x) as tf.Tensor;
    expect(y.shape).to.deep.equal([1, 4, 4, 8]);
    tf.dispose([x, y]);
  });
});
