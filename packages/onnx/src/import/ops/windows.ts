/** The geometry of convolutions and pools: paddings as the versions of ONNX give them. */
import { ChaingradError } from '@chaingrad/core';
import type { Call } from './rule.ts';

export interface Windows {
  readonly ksize: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Before and after, along each axis of the picture. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** How much of `after` only makes room for a last, partial window (ceil_mode). */
  readonly extra: readonly number[];
  readonly out: readonly number[];
}

/** The windows over axes of the given sizes, from the node's attributes. */
export function windowsOf(call: Call, sizes: readonly number[], ksize: readonly number[]): Windows {
  const n = sizes.length;
  const list = (name: string, fallback: number, length = n): number[] => {
    const given = call.intsOf(name) ?? new Array<number>(length).fill(fallback);
    if (given.length !== length) throw new ChaingradError(`expected ${length} ${name}, got ${given.length}.`);
    if (given.some((v) => !Number.isInteger(v) || v < 0 || (fallback === 1 && v < 1)))
      throw new ChaingradError(`expected ${name} of at least ${fallback}, got ${given.join(', ')}.`);
    return given;
  };
  if (ksize.length !== n) throw new ChaingradError(`expected a window of ${n} axes, got ${ksize.length}.`);
  const stride = list('strides', 1);
  const dilation = list('dilations', 1);
  const auto = call.string('auto_pad', 'NOTSET');
  const ceil = call.int('ceil_mode', 0) !== 0;
  const pads = auto === 'NOTSET' || auto === '' ? list('pads', 0, 2 * n) : new Array<number>(2 * n).fill(0);
  const reach = ksize.map((k, i) => (k - 1) * dilation[i]! + 1);
  const before = pads.slice(0, n);
  const after = pads.slice(n);
  const out = sizes.map((size, i) => {
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
      const count = Math.ceil(size / stride[i]!);
      const total = Math.max(0, (count - 1) * stride[i]! + reach[i]! - size);
      const small = Math.floor(total / 2);
      before[i] = auto === 'SAME_UPPER' ? small : total - small;
      after[i] = total - before[i]!;
      return count;
    }
    const room = size + before[i]! + after[i]! - reach[i]!;
    if (room < 0)
      throw new ChaingradError(
        `expected a padded input of at least one window, ${reach.join('x')} pixels, got ${sizes.join('x')}.`,
      );
    const count = (ceil ? Math.ceil : Math.floor)(room / stride[i]!) + 1;
    // A last window that would start in the padding behind is left out.
    return ceil && (count - 1) * stride[i]! >= size + before[i]! ? count - 1 : count;
  });
  const extra = sizes.map((size, i) =>
    Math.max(0, (out[i]! - 1) * stride[i]! + reach[i]! - (size + before[i]! + after[i]!)),
  );
  return {
    ksize,
    stride,
    dilation,
    before,
    after: after.map((n, i) => n + extra[i]!),
    extra,
    out,
  };
}
