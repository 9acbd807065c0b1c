import type { NamedArray } from '@chaingrad/core';

/** The array with its axes in another order, as `tf.transpose`; on the CPU, before any backend is needed. */
export function permute(
  { shape, data }: { readonly shape: readonly number[]; readonly data: Float32Array },
  perm: readonly number[],
): NamedArray {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const outShape = perm.map((axis) => shape[axis]!);
  const outStrides = perm.map((axis) => strides[axis]!);
  const out = new Float32Array(data.length);
  const index = new Int32Array(perm.length);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[from]!;
    for (let axis = perm.length - 1; axis >= 0; axis--) {
      from += outStrides[axis]!;
      if (++index[axis]! < outShape[axis]!) break;
      from -= outStrides[axis]! * outShape[axis]!;
      index[axis] = 0;
    }
  }
  return { shape: outShape, dtype: 'float32', data: out };
}
