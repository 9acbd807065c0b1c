/** Activations after a convolution or a matrix product. */
import * as tf from '@tensorflow/tfjs-core';
import { ACTIVATION_GRAD, type ActivationGradAttrs } from '../attrs.ts';
import { registeredKernel, release } from '../tfjs-internals.ts';
import { ceilDiv } from './ceil-div.ts';
import { declined, type FastKernel, type FastKernels, isFloat } from './kernel.ts';
import type { Runtime } from './runtime.ts';

/** Those that the kernels apply themselves, as assembly/simd.ts numbers them. */
export const activations: Readonly<Record<string, number>> = { linear: 0, relu: 1, relu6: 2 };

/** Those that are a kernel of their own afterwards. */
export const laterActivations: Readonly<Record<string, string>> = {
  elu: tf.Elu,
  leakyrelu: tf.LeakyRelu,
  prelu: tf.Prelu,
  sigmoid: tf.Sigmoid,
};

/**
 * Applies one of those to y, which is disposed. tfjs' own fused kernels are no way out: in 4.22 FusedConv2D mixes up
 * strides that differ by axis, and _FusedMatMul gives wrong values, with these activations (test/kernels/wasm compares).
 */
export function activateLater(
  rt: Runtime,
  name: string,
  y: tf.TensorInfo,
  alpha: tf.TensorInfo | undefined,
  attrs: object,
): tf.TensorInfo {
  const { leakyreluAlpha = 0.2 } = attrs as { leakyreluAlpha?: number };
  const result = registeredKernel(name, 'wasm')!({
    inputs: alpha === undefined ? { x: y } : { x: y, alpha },
    attrs: { alpha: leakyreluAlpha },
    backend: rt.backend,
  });
  release(rt.backend, y);
  return result as tf.TensorInfo;
}

/** Values an item takes, at least. */
const BLOCK = 1 << 14;

const activationGrad: FastKernel = (rt, { dy, y }, attrs) => {
  if (!isFloat(dy!, y!)) return declined;
  const act = activations[(attrs as ActivationGradAttrs).activation]!;
  const n = tf.util.sizeFromShape(dy!.shape);
  const out = rt.output(dy!.shape);
  const perItem = Math.max(BLOCK, 4 * ceilDiv(n, 16 * rt.threads));
  rt.run('activationGradient', ceilDiv(n, perItem), {
    ...{ n, perItem, act },
    ...{ dy: rt.heap.pointer(dy!), y: rt.heap.pointer(y!), out: rt.heap.pointer(out) },
  });
  return out;
};

export const activationKernels: FastKernels = { [ACTIVATION_GRAD]: activationGrad };
