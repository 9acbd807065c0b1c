/**
 * The parts of the peers that the benchmarks use and the repository does not install: it checks its types without them.
 */
declare module '@tensorflow/tfjs-core/dist/register_all_gradients' {}

declare module '@jax-js/jax' {
  export interface Array {
    readonly ref: Array;
    readonly shape: number[];
    add(other: Array): Array;
    sub(other: Array): Array;
    mul(other: Array | number): Array;
    neg(): Array;
    mean(): Array;
    reshape(shape: number[]): Array;
    transpose(): Array;
    slice(...index: (number | [])[]): Array;
    data(): Promise<ArrayLike<number>>;
    blockUntilReady(): Promise<Array>;
  }
  type Tree = Record<string, Array>;
  export function init(...devices: string[]): Promise<string[]>;
  export function defaultDevice(device: string): string;
  export function jit<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R;
  export function valueAndGrad<P extends Tree, A extends unknown[]>(
    fn: (params: P, ...args: A) => Array,
  ): (params: P, ...args: A) => [value: Array, grads: P];
  export const tree: { ref<T extends Tree>(t: T): T };
  export const numpy: {
    array(data: Float32Array, options: { shape: number[] }): Array;
    matmul(a: Array, b: Array): Array;
  };
  export const nn: { relu(x: Array): Array; logSoftmax(x: Array, axis: number): Array };
  export const lax: {
    convGeneralDilated(
      x: Array,
      filter: Array,
      strides: number[],
      pad: readonly (readonly [number, number])[],
    ): Array;
  };
}
