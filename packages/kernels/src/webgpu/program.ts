/** WGSL programs for tfjs' webgpu backend, without its internals: the backend asks for nothing more than these fields. */
import type * as tf from '@tensorflow/tfjs-core';

interface Program {
  readonly outputShape: number[];
  readonly variableNames: string[];
  readonly uniforms: string;
  readonly shaderKey: string;
  readonly size: true;
  readonly workgroupSize: [number, number, number];
  readonly dispatchLayout: { readonly x: number[] };
  dispatch: [number, number, number];
  getUserCode(): string;
}

interface Backend {
  runWebGPUProgram(
    program: Program,
    inputs: tf.TensorInfo[],
    dtype: tf.DataType,
    uniforms: { type: 'int32'; data: number[] }[],
  ): tf.TensorInfo;
}

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
  const definition: Program = {
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
  const uniforms = Object.values(pairs).map((pair) => ({ type: 'int32' as const, data: [...pair] }));
  return (backend as unknown as Backend).runWebGPUProgram(
    definition,
    Object.values(program.inputs),
    program.dtype,
    uniforms,
  );
}
