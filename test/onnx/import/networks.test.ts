import { backward, usingConfig } from '@chaingrad/core';
import { installFastKernels } from '@chaingrad/kernels';
import { importOnnx } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { generator } from '../../weights/fuzz/mutate.ts';
import { buildModel, floats, int64s, type NodeSpec, randomFloats } from './model-builder.ts';

/** Nodes whose single output is named after them. */
const node = (
  outputs: string,
  op: string,
  inputs: string,
  attributes: NonNullable<NodeSpec['attributes']> = {},
): NodeSpec => ({
  op,
  inputs: inputs.split(' ').map((name) => (name === '-' ? '' : name)),
  outputs: outputs.split(' '),
  attributes,
});

/** A vision transformer: patches, a class token, one block of attention with its products, a head. Sizes are computed. */
const visionTransformer = () =>
  buildModel({
    inputs: { image: ['n', 3, 16, 16] },
    outputs: ['logits'],
    initializers: {
      'patch_embed.proj.weight': randomFloats([12, 3, 4, 4], 1),
      'patch_embed.proj.bias': randomFloats([12], 2),
      cls_token: randomFloats([1, 1, 12], 3),
      pos_embed: randomFloats([1, 17, 12], 4),
      'blocks.0.norm.weight': randomFloats([12], 5),
      'blocks.0.norm.bias': randomFloats([12], 6),
      'onnx::MatMul_100': randomFloats([12, 36], 7),
      'blocks.0.attn.qkv.bias': randomFloats([36], 8),
      'onnx::MatMul_101': randomFloats([12, 12], 9),
      'blocks.0.attn.proj.bias': randomFloats([12], 10),
      'onnx::MatMul_102': randomFloats([12, 24], 11),
      'blocks.0.mlp.fc1.bias': randomFloats([24], 12),
      'onnx::MatMul_103': randomFloats([24, 12], 13),
      'blocks.0.mlp.fc2.bias': randomFloats([12], 14),
      'head.weight': randomFloats([5, 12], 15),
      'head.bias': randomFloats([5], 16),
      i0: int64s([0], []),
      i1: int64s([1], []),
      i2: int64s([2], []),
      one: int64s([1]),
      zero: int64s([0]),
      minus: int64s([-1]),
      twelve: int64s([12]),
      rank: int64s([3]),
      heads: int64s([3]),
      three: int64s([3]),
      four: int64s([4]),
      scale: floats([], [0.5]),
      root: floats([], [Math.SQRT2]),
      half: floats([], [0.5]),
      unit: floats([], [1]),
    },
    nodes: [
      node('p', 'Conv', 'image patch_embed.proj.weight patch_embed.proj.bias', {
        kernel_shape: [4, 4],
        strides: [4, 4],
      }),
      node('ps', 'Shape', 'p'),
      node('n', 'Slice', 'ps zero one'),
      node('pshape', 'Concat', 'n twelve minus', { axis: 0 }),
      node('pf', 'Reshape', 'p pshape'),
      node('tokens', 'Transpose', 'pf', { perm: [0, 2, 1] }),
      node('cshape', 'Concat', 'n minus minus', { axis: 0 }),
      node('cones', 'ConstantOfShape', 'rank', { value: int64s([1]) }),
      node('cneg', 'Mul', 'cones minus'),
      node('ceq', 'Equal', 'cshape cneg'),
      node('cwhere', 'Where', 'ceq cones cshape'),
      node('cls', 'Expand', 'cls_token cwhere'),
      node('all', 'Concat', 'cls tokens', { axis: 1 }),
      node('x0', 'Add', 'all pos_embed'),
      node('ln', 'LayerNormalization', 'x0 blocks.0.norm.weight blocks.0.norm.bias', {
        axis: -1,
        epsilon: 1e-6,
      }),
      { ...node('qkv0', 'MatMul', 'ln onnx::MatMul_100'), name: '/blocks/blocks.0/attn/qkv/MatMul' },
      node('qkv', 'Add', 'blocks.0.attn.qkv.bias qkv0'),
      node('qshape', 'Concat', 'n minus three heads four', { axis: 0 }),
      node('q5', 'Reshape', 'qkv qshape'),
      node('q5t', 'Transpose', 'q5', { perm: [2, 0, 3, 1, 4] }),
      node('q', 'Gather', 'q5t i0', { axis: 0 }),
      node('k', 'Gather', 'q5t i1', { axis: 0 }),
      node('v', 'Gather', 'q5t i2', { axis: 0 }),
      node('qs', 'Mul', 'q scale'),
      node('kt', 'Transpose', 'k', { perm: [0, 1, 3, 2] }),
      node('a', 'MatMul', 'qs kt'),
      node('as', 'Softmax', 'a', { axis: -1 }),
      node('o', 'MatMul', 'as v'),
      node('ot', 'Transpose', 'o', { perm: [0, 2, 1, 3] }),
      node('oshape', 'Concat', 'n minus twelve', { axis: 0 }),
      node('of', 'Reshape', 'ot oshape'),
      { ...node('pr0', 'MatMul', 'of onnx::MatMul_101'), name: '/blocks/blocks.0/attn/proj/MatMul' },
      node('pr', 'Add', 'blocks.0.attn.proj.bias pr0'),
      node('x1', 'Add', 'pr x0'),
      { ...node('f0', 'MatMul', 'x1 onnx::MatMul_102'), name: '/blocks/blocks.0/mlp/fc1/MatMul' },
      node('f1', 'Add', 'blocks.0.mlp.fc1.bias f0'),
      node('g0', 'Div', 'f1 root'),
      node('g1', 'Erf', 'g0'),
      node('g2', 'Add', 'g1 unit'),
      node('g3', 'Mul', 'f1 g2'),
      node('g4', 'Mul', 'g3 half'),
      { ...node('h0', 'MatMul', 'g4 onnx::MatMul_103'), name: '/blocks/blocks.0/mlp/fc2/MatMul' },
      node('h1', 'Add', 'blocks.0.mlp.fc2.bias h0'),
      node('x2', 'Add', 'x1 h1'),
      node('first', 'Gather', 'x2 i0', { axis: 1 }),
      node('logits', 'Gemm', 'first head.weight head.bias', { transB: 1 }),
    ],
  });

/** The head of a detector as YOLO has it: a shuffle of channels, a distribution of distances, boxes, classes, suppression. */
const detector = () =>
  buildModel({
    inputs: { image: [1, 4, 8, 8] },
    outputs: ['boxes', 'chosen'],
    initializers: {
      'stem.weight': randomFloats([8, 4, 3, 3], 21),
      'box.weight': randomFloats([16, 8, 1, 1], 22),
      'class.weight': randomFloats([3, 8, 1, 1], 23),
      'dfl.weight': floats([1, 4, 1, 1], [0, 1, 2, 3]),
      '/Constant_1_output_0': floats(
        [1, 2, 64],
        Array.from({ length: 128 }, (_, i) => (i < 64 ? (i % 8) + 0.5 : Math.floor((i - 64) / 8) + 0.5)),
      ),
      shuffle: int64s([1, 2, 4, 8, 8]),
      unshuffle: int64s([1, 8, 8, 8]),
      flat: int64s([1, -1, 64]),
      bins: int64s([1, 4, 4, 64]),
      four: int64s([1, 4, 64]),
      most: int64s([5]),
      parts: int64s([16, 3]),
      iou: floats([1], [0.5]),
      least: floats([1], [0.55]),
    },
    nodes: [
      node('s0', 'Conv', 'image stem.weight', { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }),
      node('s1', 'Sigmoid', 's0'),
      node('s2', 'Mul', 's0 s1'),
      node('c0', 'Reshape', 's2 shuffle'),
      node('c1', 'Transpose', 'c0', { perm: [0, 2, 1, 3, 4] }),
      node('c2', 'Reshape', 'c1 unshuffle'),
      node('b0', 'Conv', 'c2 box.weight', { kernel_shape: [1, 1] }),
      node('k0', 'Conv', 'c2 class.weight', { kernel_shape: [1, 1] }),
      node('cat', 'Concat', 'b0 k0', { axis: 1 }),
      node('rows', 'Reshape', 'cat flat'),
      node('dist classes', 'Split', 'rows parts', { axis: 1 }),
      node('d0', 'Reshape', 'dist bins'),
      node('d1', 'Transpose', 'd0', { perm: [0, 2, 1, 3] }),
      node('d2', 'Softmax', 'd1', { axis: 1 }),
      node('d3', 'Conv', 'd2 dfl.weight', { kernel_shape: [1, 1] }),
      node('d4', 'Reshape', 'd3 four'),
      node('lt rb', 'Split', 'd4', { axis: 1 }),
      node('low', 'Sub', '/Constant_1_output_0 lt'),
      node('high', 'Add', '/Constant_1_output_0 rb'),
      node('xyxy', 'Concat', 'low high', { axis: 1 }),
      node('boxes', 'Transpose', 'xyxy', { perm: [0, 2, 1] }),
      node('scores', 'Sigmoid', 'classes'),
      node('kept', 'NonMaxSuppression', 'boxes scores most iou least'),
      node('chosen', 'Cast', 'kept', { to: 1 }),
    ],
  });

const pixelsOf = (length: number) => {
  const random = generator(31);
  return Float32Array.from({ length }, () => random() * 2 - 1);
};

async function reference(bytes: Uint8Array, shape: readonly number[], pixels: Float32Array) {
  const session = await InferenceSession.create(bytes);
  const answer = await session.run({ image: new Tensor('float32', pixels, shape) });
  await session.release();
  return answer;
}

describeBackends('networks as PyTorch exports them', (backend) => {
  let count: number;
  before(async () => {
    if (backend === 'wasm') await installFastKernels('wasm');
  });
  beforeEach(() => {
    count = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).to.equal(count);
  });

  it('a vision transformer: names after its modules, results of onnxruntime, right gradients', async () => {
    const bytes = visionTransformer();
    const shape = [2, 3, 16, 16];
    const pixels = pixelsOf(2 * 3 * 16 * 16);
    const { logits } = await reference(bytes, shape, pixels);
    const model = await importOnnx(bytes);
    const paths = [...model.namedparams()].map(([path]) => path);
    expect(paths).to.include.members([
      '/blocks/0/attn/qkv/weight',
      '/blocks/0/mlp/fc2/bias',
      '/cls_token',
      '/pos_embed',
      '/head/weight',
    ]);
    expect(paths).to.have.length(16);
    const x = tf.tensor(pixels, shape);
    const infer = () => usingConfig('train', false, () => model.call(x));
    const y = infer();
    expectClose(await y.data(), logits!.data as Float32Array, 2e-5);
    const weights = tf.tensor(pixelsOf(10), [2, 5]);
    const loss = () => tf.tidy(() => tf.sum(tf.mul(infer(), weights)));
    backward(loss, model).dispose();
    for (const path of [
      '/patch_embed/proj/weight',
      '/cls_token',
      '/blocks/0/attn/qkv/weight',
      '/blocks/0/norm/weight',
    ]) {
      const param = new Map(model.namedparams()).get(path)!;
      const direction = tf.tensor(pixelsOf(param.size), param.shape);
      const slope = tf.tidy(() => tf.sum(tf.mul(param.grad!, direction)));
      const old = tf.clone(param.tensor);
      const at = async (step: number) => {
        const moved = tf.tidy(() => tf.add(old, tf.mul(direction, step)));
        param.assign(moved);
        const value = loss();
        const [number] = await value.data();
        tf.dispose([moved, value]);
        return number!;
      };
      const difference = ((await at(5e-3)) - (await at(-5e-3))) / 1e-2;
      param.assign(old);
      const [expected] = await slope.data();
      expect(difference, path).to.be.closeTo(expected!, 5e-3 + 0.03 * Math.abs(expected!));
      tf.dispose([direction, slope, old]);
    }
    model.dispose();
    tf.dispose([x, y, weights]);
  });

  it('the head of a detector: boxes, and those that are left of them', async () => {
    const bytes = detector();
    const shape = [1, 4, 8, 8];
    const pixels = pixelsOf(256);
    const { boxes, chosen } = await reference(bytes, shape, pixels);
    expect(chosen!.dims[0], 'boxes that are left').to.be.greaterThan(3);
    const model = await importOnnx<Record<string, tf.Tensor>>(bytes);
    // The grid of the anchors is no parameter: its name is made up.
    expect([...model.namedparams()].map(([path]) => path)).to.deep.equal([
      '/box/weight',
      '/class/weight',
      '/dfl/weight',
      '/stem/weight',
    ]);
    const x = tf.tensor(pixels, shape);
    const y = await model.callAsync(x);
    expectClose(await y['boxes']!.data(), boxes!.data as Float32Array, 2e-5);
    expect([...(await y['chosen']!.data())]).to.deep.equal([...(chosen!.data as Float32Array)]);
    model.dispose();
    tf.dispose([x, y]);
  });
});
