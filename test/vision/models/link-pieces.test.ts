/** The small links of ChainerCV's classifiers: both modes, with gradients and running statistics, on every backend. */
import {
  backward,
  Conv2DActiv,
  Conv2DBNActiv,
  type Link,
  Parameter,
  relu,
  SeparableConv2DBNActiv,
  tanh,
  usingConfig,
} from '@chaingrad/core';
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
import { channelsLast, generate } from '../../support/goldens.ts';
import { channelsFirst } from '../../support/models.ts';
import { goldens, maxAbsDiff } from '../support.ts';

interface Pieces {
  cases: Record<
    string,
    {
      params: [path: string, shape: number[], key: string, scale: number, offset: number][];
      persistents: [path: string, shape: number[], dtype: string][];
    }
  >;
  make_divisible: [value: number, divisor: number, result: number][];
}

type Piece = Link & { forward(x: tf.Tensor4D): tf.Tensor | tf.Tensor[] };

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
const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const filled = (shape: readonly number[], key: string, scale: number, offset: number) =>
  tf.tensor(generate({ key, scale, offset }, sizeOf(shape)), [...shape]);

/** A golden (N, C, H, W) as a tensor (N, H, W, C). */
const nhwc = (data: Float32Array, [n, c, h, w]: readonly number[]) =>
  tf.tensor4d(channelsLast(data, [n!, c!, h!, w!]), [n!, h!, w!, c!]);

/**
 * Expects values to equal a golden, whole or sampled, within a part of the largest. Gradients of biases in front of a batch
 * normalization are 0, so what is recorded of them is rounding.
 */
function expectGolden(got: ArrayLike<number>, key: string, rtol: number): void {
  const isSampled = golden.has(`${key}/idx`);
  const want = golden.f32(isSampled ? `${key}/val` : key);
  const values = isSampled ? Array.from(golden.i32(`${key}/idx`), (at) => got[at]!) : got;
  const largest = Math.max(...want.map(Math.abs));
  expect(maxAbsDiff(values, want), `${key}: largest difference`).to.be.at.most(rtol * Math.max(largest, 0.1));
}

describeBackends("vision/models: ChainerCV's small links", (backend) => {
  it('has a maker for every case', () => {
    expect(Object.keys(make)).to.have.members(Object.keys(golden.json().cases));
  });

  for (const [name, { params, persistents }] of Object.entries(golden.json().cases)) {
    for (const mode of ['test', 'train'] as const) {
      it(`${name}, ${mode}: output, gradients, running statistics`, async () => {
        const before = tf.memory().numTensors;
        const link = make[name]!() as Piece;
        expect([...link.namedparams()].map(([path, { shape }]) => [path, shape])).to.deep.equal(
          params.map(([path, shape]) => [path, shape]),
        );
        const named = new Map(link.namedparams());
        for (const [path, shape, key, scale, offset] of params) {
          const values = filled(shape, key, scale, offset);
          named.get(path)!.assign(values);
          values.dispose();
        }
        const statistics = new Map(link.namedpersistents());
        expect([...statistics.keys()]).to.deep.equal(persistents.map(([path]) => path));
        for (const [path, persistent] of statistics) {
          const key = `${name}/persistent${path}`;
          if (!golden.has(key)) continue;
          const values = tf.tensor(golden.f32(key), golden.array(key).shape);
          persistent.value = values;
          values.dispose();
        }
        const { data, shape } = golden.array(`${name}/in/x`);
        const first = nhwc(data as Float32Array, shape);
        const x = new Parameter(null, first.shape, 'x');
        x.assign(first);
        first.dispose();
        let y: tf.Tensor4D | undefined;
        const loss = usingConfig('train', mode === 'train', () =>
          backward(() => {
            const out = link.call(x.tensor as tf.Tensor4D) as tf.Tensor4D;
            y = tf.keep(tf.clone(out));
            const [n, h, w, c] = out.shape;
            const gy = generate({ key: 'gy0', scale: 1, offset: 0 }, sizeOf(out.shape));
            return tf.sum(tf.mul(out, nhwc(gy, [n, c, h, w])));
          }, [...link.params(), x]),
        );
        const rtol = backend === 'webgpu' ? 2e-5 : 1e-5;
        expectGolden(channelsFirst(await y!.data<'float32'>(), y!.shape), `${name}/${mode}/out/0`, rtol);
        const gx = channelsFirst(await x.grad!.data<'float32'>(), x.grad!.shape);
        expectGolden(gx, `${name}/${mode}/gin/x`, 1e-4);
        for (const [path, { grad }] of named) {
          const key = `${name}/${mode}/gparam${path}`;
          expectGolden(await grad!.data<'float32'>(), key, 1e-4);
        }
        for (const [path, { value }] of statistics) {
          if (mode === 'test' || !(value instanceof tf.Tensor)) continue;
          expectGolden(await value.data<'float32'>(), `${name}/train/after${path}`, rtol);
        }
        tf.dispose([loss, y!]);
        x.dispose();
        link.dispose();
        expect(tf.memory().numTensors, 'tensors').to.equal(before);
      });
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
