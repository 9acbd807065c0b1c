/** Runs a link here and its exported file in ONNX Runtime, and compares. */
import { Chain, type InputSpec, type Link, usingConfig } from '@chaingrad/core';
import {
  exportOnnx,
  fromBinary,
  type ModelProto,
  ModelProtoSchema,
  type OnnxExportOptions,
} from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import * as native from 'onnxruntime-node';
import * as web from 'onnxruntime-web';
import { maxError } from '../../support/backends.ts';

// The runtime's threads would outlive the tests.
web.env.wasm.numThreads = 1;
web.env.logLevel = 'error';

/** The builds of ONNX Runtime: native, and WASM. */
export const runtimes = { native, web } as const;
export type RuntimeName = keyof typeof runtimes;

export interface HostArray {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** Numbers in about -1..1, the same ones each time. */
export function drawn(shape: readonly number[], seed = 1): Float32Array {
  let state = seed * 2654435761;
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export const floats = (shape: readonly number[], seed = 1): HostArray => ({
  shape,
  dtype: 'float32',
  data: drawn(shape, seed),
});

export const ints = (shape: readonly number[], data: readonly number[]): HostArray => ({
  shape,
  dtype: 'int32',
  data: Int32Array.from(data),
});

export const specOf = ({ shape, dtype }: HostArray): InputSpec => ({ shape, dtype });

/** A chain of one function. */
export class Lambda extends Chain {
  constructor(readonly fn: (...args: never[]) => unknown) {
    super();
  }
  override forward(...args: never[]): unknown {
    return this.fn(...args);
  }
}

/** What the link gives in test mode. */
export async function callHere(link: Link, inputs: readonly HostArray[]): Promise<HostArray[]> {
  const tensors = inputs.map(({ data, shape, dtype }) => tf.tensor(data, [...shape], dtype));
  const outputs = tf.tidy(() =>
    tf.tensor_util.getTensorsInContainer(
      usingConfig('train', false, () => link.call(...(tensors as never[])) as tf.TensorContainer),
    ),
  );
  tf.dispose(tensors);
  const arrays: HostArray[] = [];
  for (const tensor of outputs) {
    arrays.push({ shape: tensor.shape, dtype: tensor.dtype, data: (await tensor.data()) as Float32Array });
  }
  tf.dispose(outputs);
  return arrays;
}

/** What a file gives, by the names of its outputs. */
export async function callRuntime(
  bytes: Uint8Array | string,
  inputs: readonly (HostArray | { dtype: 'uint8'; shape: readonly number[]; data: Uint8Array })[],
  runtime: RuntimeName = 'native',
): Promise<Record<string, HostArray>> {
  const { InferenceSession, Tensor } = runtimes[runtime];
  const session = await InferenceSession.create(bytes as Uint8Array);
  try {
    const feeds = Object.fromEntries(
      session.inputNames.map((name, i) => {
        const { dtype, data, shape } = inputs[i]!;
        return [name, new Tensor(dtype as 'float32', data as Float32Array, shape)];
      }),
    );
    const results = await session.run(feeds);
    return Object.fromEntries(
      session.outputNames.map((name) => {
        const { dims, type, data } = results[name]!;
        return [name, { shape: dims, dtype: type as tf.DataType, data: data as Float32Array }];
      }),
    );
  } finally {
    await session.release();
  }
}

export interface Compared {
  readonly bytes: Uint8Array;
  readonly model: ModelProto;
  /** The operators, in order. */
  readonly ops: readonly string[];
  /** The largest difference, relative to the largest value of each output. */
  readonly error: number;
}

export const modelOf = (bytes: Uint8Array): ModelProto => fromBinary(ModelProtoSchema, bytes);

/**
 * Exports a link with arrays as `forward` has them, runs both, and expects outputs within `tolerance` of the largest.
 * @param others inputs of other sizes for the same file.
 */
export async function expectSame(
  link: Link,
  inputs: readonly HostArray[],
  {
    tolerance = 1e-5,
    runtime = 'native',
    others = [],
    ...options
  }: OnnxExportOptions & {
    tolerance?: number;
    runtime?: RuntimeName;
    others?: readonly (readonly HostArray[])[];
  } = {},
): Promise<Compared> {
  const bytes = await exportOnnx(link, inputs.map(specOf), { layout: 'NHWC', ...options });
  let error = 0;
  for (const given of [inputs, ...others]) {
    const here = await callHere(link, given);
    const there = Object.values(await callRuntime(bytes, given, runtime));
    expect(there.length, 'number of outputs').to.equal(here.length);
    here.forEach((array, i) => {
      expect(there[i]!.shape, `shape of output ${i}`).to.deep.equal(array.shape);
      error = Math.max(error, maxError(there[i]!.data, array.data));
    });
  }
  expect(error, 'largest difference, relative to the largest value').to.be.at.most(tolerance);
  const model = modelOf(bytes);
  return { bytes, model, ops: model.graph!.node.map(({ opType }) => opType), error };
}
