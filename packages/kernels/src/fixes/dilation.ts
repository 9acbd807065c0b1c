/** The gradients of tfjs' greyscale dilation, which wasm has wrong where the largest sum is negative. */
import * as tf from '@tensorflow/tfjs-core';
import { type Geometry, geometryOf } from '../geometry.ts';
import { type Composition, inputTensor, type KernelCall } from '../kernel.ts';
import { padOrCrop, scatterTaps, tapsOf } from '../portable/tensors.ts';
import { convAttrs, type TfjsConvAttrs } from '../tfjs-windows.ts';

/** The output is the largest sum of a pixel and its filter value; its gradient goes to the first of them. */
function winners(call: KernelCall<TfjsConvAttrs>) {
  const x = inputTensor<tf.Tensor4D, TfjsConvAttrs>(call, 'x');
  const filter = inputTensor<tf.Tensor3D, TfjsConvAttrs>(call, 'filter');
  const [kh, kw] = filter.shape;
  const ours = convAttrs(x.shape, [kh, kw], call.attrs, 1);
  const g: Geometry = geometryOf(x.shape, [kh, kw], ours);
  const tap = tapsOf(padOrCrop(x, ours.pad, Number.NEGATIVE_INFINITY), g);
  const sumOf = (ky: number, kx: number) =>
    tf.add(tap(ky, kx), tf.slice(filter, [ky, kx, 0], [1, 1, -1])) as tf.Tensor4D;
  const taps = Array.from({ length: kh * kw }, (_, i) => [Math.floor(i / kw), i % kw] as const);
  const best = taps.map(([ky, kx]) => sumOf(ky, kx)).reduce((a, b) => tf.maximum(a, b));
  const nothing = tf.zerosLike(best);
  let rest = inputTensor<tf.Tensor4D, TfjsConvAttrs>(call, 'dy');
  const gradients = taps.map(([ky, kx]) => {
    const won = tf.equal(sumOf(ky, kx), best);
    const gradient = tf.where(won, rest, nothing) as tf.Tensor4D;
    rest = tf.where(won, nothing, rest) as tf.Tensor4D;
    return gradient;
  });
  return { g, filter, gradients };
}

export const dilation2dBackpropInput: Composition<TfjsConvAttrs> = (call) =>
  tf.tidy(() => {
    const { g, filter, gradients } = winners(call);
    return scatterTaps(g, filter.shape[2], (ky, kx) => gradients[ky * filter.shape[1] + kx]!);
  });

export const dilation2dBackpropFilter: Composition<TfjsConvAttrs> = (call) =>
  tf.tidy(() => {
    const { filter, gradients } = winners(call);
    return tf.reshape(tf.stack(gradients.map((gradient) => tf.sum(gradient, [0, 1, 2]))), filter.shape);
  });
