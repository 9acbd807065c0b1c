/** WGSL programs for tfjs' webgpu backend. */
import type * as tf from '@tensorflow/tfjs-core';
import { runProgram, type WebGPUProgram } from '../tfjs-internals.ts';

export interface Elementwise {
  /** Identifies the code; shapes and dtypes need not be in it unless the code differs by them. */
  readonly key: string;
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  readonly inputs: Readonly<Record<string, tf.TensorInfo>>;
  /** Pairs of integers, each a vec2<i32> of that name. */
  readonly pairs?: Readonly<Record<string, readonly [number, number]>>;
  /** WGSL functions that the body calls. */
  readonly functions?: string;
  /** Computes `value`, the output at `index`; inputs are arrays of their names, shapes are uniforms.<name>Shape. */
  readonly body: string;
}

/** Runs one invocation for each element of the output. */
export function runElementwise(backend: tf.KernelBackend, program: Elementwise): tf.TensorInfo {
  const { shape, pairs = {}, functions = '', body } = program;
  const size = shape.reduce((a, b) => a * b, 1);
  const definition: WebGPUProgram = {
    outputShape: [...shape],
    variableNames: Object.keys(program.inputs),
    uniforms: Object.keys(pairs)
      .map((name) => `${name} : vec2<i32>, `)
      .join(''),
    shaderKey: `chaingrad_${program.key}`,
    size: true,
    workgroupSize: [64, 1, 1],
    dispatchLayout: { x: shape.map((_, axis) => axis) },
    dispatch: [Math.ceil(size / 64), 1, 1],
    getUserCode: () => `
      ${functions}
      fn main(index : i32) {
        if (index >= uniforms.size) { return; }
        ${body}
        result[index] = value;
      }`,
  };
  const inputs = Object.values(program.inputs);
  return runProgram(backend, definition, inputs, program.dtype, Object.values(pairs));
}
