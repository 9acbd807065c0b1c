import { usingConfig } from '@chaingrad/core';
import { importOnnx } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { drawn } from '../export/support.ts';
import { buildModel, type NodeSpec, randomFloats } from './model-builder.ts';

const cases: Record<string, { node: Omit<NodeSpec, 'outputs'>; shape: number[] }> = {
  'attention, causal, heads that share keys': {
    node: {
      op: 'Attention',
      inputs: ['x', 'k', 'v'],
      attributes: { is_causal: 1, q_num_heads: 4, kv_num_heads: 2 },
    },
    shape: [2, 5, 16],
  },
  'rotary positions': {
    node: { op: 'RotaryEmbedding', inputs: ['x', 'cos', 'sin'], attributes: { num_heads: 4 } },
    shape: [2, 5, 16],
  },
  'rotary positions, interleaved': {
    node: {
      op: 'RotaryEmbedding',
      inputs: ['x', 'cos', 'sin'],
      attributes: { num_heads: 4, interleaved: 1 },
    },
    shape: [2, 5, 16],
  },
};

describeBackends('attention', () => {
  for (const [name, { node, shape }] of Object.entries(cases)) {
    it(`${name}: as in ONNX Runtime`, async () => {
      const arrays = {
        k: randomFloats([2, 5, 8], 1),
        v: randomFloats([2, 5, 8], 2),
        cos: randomFloats([2, 5, 2], 3),
        sin: randomFloats([2, 5, 2], 4),
      };
      const bytes = buildModel({
        opset: 23,
        inputs: { x: shape },
        outputs: ['y'],
        initializers: Object.fromEntries(Object.entries(arrays).filter(([key]) => node.inputs.includes(key))),
        nodes: [{ ...node, outputs: ['y'] }],
      });
      const data = drawn(shape, 7);
      const session = await InferenceSession.create(bytes);
      const { y: expected } = await session.run({ x: new Tensor('float32', data, shape) });
      await session.release();
      using model = await importOnnx(bytes);
      const x = tf.tensor(data, shape);
      const y = usingConfig('train', false, () => model.call(x));
      expectClose(await y.data(), expected!.data as Float32Array, 1e-5);
      tf.dispose([x, y]);
    });
  }
});
