/** tfjs' own convolutions, on the fast kernels, against tfjs' cpu backend. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { floats, generator, integer, pick, type Random, run, size, useFastWasm, worst } from './support.ts';

type Shape4 = [number, number, number, number];

/** Runs `f` on both backends with the same float32 inputs, and compares. */
async function agree(
  shapes: readonly number[][],
  random: Random,
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  what: unknown,
): Promise<void> {
  const values = shapes.map((shape) => floats(random, size(shape)));
  const results: { shape: number[]; data: ArrayLike<number> }[] = [];
  for (const backend of ['cpu', 'wasm']) {
    await tf.setBackend(backend);
    tf.tidy(() => {
      const y = f(...values.map((v, i) => tf.tensor(v, [...shapes[i]!], 'float32')));
      results.push({ shape: y.shape, data: y.dataSync() });
    });
  }
  const [cpu, wasm] = results;
  expect(wasm!.shape, JSON.stringify(what)).to.deep.equal(cpu!.shape);
  expect(worst(wasm!.data, cpu!.data), JSON.stringify(what)).to.be.below(2e-5);
}

interface Drawn {
  x: Shape4;
  filter: Shape4;
  strides: [number, number];
  dilations: [number, number];
  pad: 'same' | 'valid' | number;
}

function draw(random: Random, depthwise: boolean): Drawn {
  const k = pick(random, [1, 2, 3, 3, 3, 5]);
  const strides: [number, number] = pick(random, [
    [1, 1],
    [1, 1],
    [2, 2],
    [1, 2],
  ]);
  // tfjs takes either strides or dilations
  const d = strides[0] === 1 && strides[1] === 1 ? pick(random, [1, 1, 2, 3]) : 1;
  const c = integer(random, 1, 20);
  const least = (k - 1) * d + 1;
  return {
    x: [integer(random, 1, 2), integer(random, least, 15), integer(random, least, 15), c],
    filter: [k, k, c, depthwise ? pick(random, [1, 1, 1, 2]) : integer(random, 1, 20)],
    strides,
    dilations: [d, d],
    pad: pick(random, d > 1 ? (['same', 'valid'] as const) : (['same', 'valid', 0, 1] as const)),
  };
}

describe("wasm: tfjs' convolutions", () => {
  before(useFastWasm);
  after(() => tf.setBackend('wasm'));

  it('Conv2D', async () => {
    const random = generator(1);
    for (let i = 0; i < 40; i++) {
      const c = draw(random, false);
      await agree(
        [c.x, c.filter],
        random,
        (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, c.strides, c.pad, 'NHWC', c.dilations),
        c,
      );
    }
  });

  it('FusedConv2D, with all activations', async () => {
    const random = generator(2);
    for (const activation of ['linear', 'relu', 'relu6', 'sigmoid', 'prelu', 'leakyrelu', 'elu'] as const) {
      for (let i = 0; i < 6; i++) {
        const c = draw(random, false);
        const o = c.filter[3];
        const shapes = [c.x, c.filter, [o], ...(activation === 'prelu' ? [[o]] : [])];
        await agree(
          shapes,
          random,
          (x, filter, bias, preluActivationWeights) =>
            tf.fused.conv2d({
              x: x as tf.Tensor4D,
              filter: filter as tf.Tensor4D,
              strides: c.strides,
              pad: c.pad,
              dilations: c.dilations,
              bias: bias as tf.Tensor1D,
              activation,
              ...(activation === 'leakyrelu' ? { leakyreluAlpha: 0.2 } : {}),
              ...(preluActivationWeights === undefined ? {} : { preluActivationWeights }),
            }),
          { ...c, activation },
        );
      }
    }
  });

  it('DepthwiseConv2dNative and FusedDepthwiseConv2D, also with a multiplier', async () => {
    const random = generator(3);
    for (let i = 0; i < 40; i++) {
      const c = draw(random, true);
      const strides: [number, number] = c.strides[0] === c.strides[1] ? c.strides : [2, 2];
      const plain = (x: tf.Tensor, w: tf.Tensor) =>
        tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, c.pad, 'NHWC', c.dilations);
      await agree([c.x, c.filter], random, plain, c);
      const fused = (x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor) =>
        tf.fused.depthwiseConv2d({
          x: x as tf.Tensor4D,
          filter: filter as tf.Tensor4D,
          strides,
          pad: c.pad,
          dilations: c.dilations,
          bias,
          activation: 'relu6',
        });
      await agree([c.x, c.filter, [c.filter[2] * c.filter[3]]], random, fused, c);
    }
  });

  it('the gradients', async () => {
    const random = generator(4);
    for (let i = 0; i < 40; i++) {
      const depthwise = i % 2 === 1;
      const c = draw(random, depthwise);
      // cpu has no depthwise gradient of a stride that differs by axis, and none with dilation
      if (c.dilations[0] > 1 || (depthwise && c.strides[0] !== c.strides[1])) continue;
      if (depthwise) c.filter[3] = 1;
      const info = tf.backend_util.computeConv2DInfo(
        c.x,
        c.filter,
        c.strides,
        1,
        c.pad,
        undefined,
        depthwise,
      );
      const attrs = {
        strides: c.strides,
        pad: c.pad,
        dataFormat: 'NHWC',
        dilations: [1, 1],
        inputShape: c.x,
        filterShape: c.filter,
      };
      const [toInput, toFilter] = depthwise
        ? [tf.DepthwiseConv2dNativeBackpropInput, tf.DepthwiseConv2dNativeBackpropFilter]
        : [tf.Conv2DBackpropInput, tf.Conv2DBackpropFilter];
      await agree([info.outShape, c.filter], random, (dy, filter) => run(toInput, { dy, filter }, attrs), c);
      await agree([c.x, info.outShape], random, (x, dy) => run(toFilter, { x, dy }, attrs), c);
    }
  });
});
