/** Normalization by channels, and resizing. */
import { Float, type NodeAttributes } from '../builder.ts';
import { type Dim, inTrace, isFixed, Varying } from '../dims.ts';
import { channelsFirst, type Emitter, type Value } from '../emitter.ts';
import type { OnnxRule, OnnxRules } from './rule.ts';

const batchNorm: OnnxRule = (e, { x, scale, offset, mean, variance }, { attrs }) => {
  const order = channelsFirst(x!.shape.length);
  const channels = x!.shape.at(-1)!;
  const plain = (value: Value | undefined, otherwise: number) =>
    e.plain(value ?? e.filled(otherwise, [channels], 'float32'));
  const inputs = [e.at(x!, order), plain(scale, 1), plain(offset, 0), e.plain(mean!), e.plain(variance!)];
  const name = e.node('BatchNormalization', inputs, {
    epsilon: new Float(e.fixed('eps', attrs['varianceEpsilon'])),
  });
  return e.made(name, x!.shape, 'float32', order);
};

const localResponse: OnnxRule = (e, { x }, { attrs }) => {
  const order = channelsFirst(4);
  const [radius, alpha] = [attrs['depthRadius'] as number, attrs['alpha'] as number];
  const size = 2 * radius + 1;
  // ONNX divides alpha by the number of channels in the window.
  const name = e.node('LRN', [e.at(x!, order)], {
    size,
    alpha: new Float(alpha * size),
    beta: new Float(attrs['beta'] as number),
    bias: new Float(attrs['bias'] as number),
  });
  return e.made(name, x!.shape, 'float32', order);
};

/** So many times as large as the input an array is in every trace; null where that differs. */
function factor(from: Dim, to: Dim): number | null {
  const count = Math.max(...[from, to].map((dim) => (dim instanceof Varying ? dim.values.length : 1)));
  const factors = Array.from({ length: count }, (_, i) => inTrace(to, i) / inTrace(from, i));
  return factors.every((each) => each === factors[0]) ? factors[0]! : null;
}

export function resize(e: Emitter, x: Value, size: readonly Dim[], attrs: Record<string, string>): Value {
  const order = channelsFirst(4);
  const [n, , , c] = x.shape;
  const name = e.at(x, order);
  const resized = (inputs: readonly string[], own: NodeAttributes) =>
    e.made(e.node('Resize', [name, '', ...inputs], own), [n!, ...size, c!], 'float32', order);
  if (!isFixed(size)) {
    const factors = [0, 1].map((axis) => factor(x.shape[axis + 1]!, size[axis]!));
    if (factors.includes(null))
      throw e.fail(
        'the size to resize to follows the size of the input.',
        "Export with a fixed size: size: 'fixed'.",
      );
    return resized([e.builder.floats([1, 1, ...(factors as number[])])], attrs);
  }
  if (e.builder.opset >= 18) return resized(['', e.builder.ints(size)], { ...attrs, axes: [2, 3] });
  const source = { name, dims: order.map((axis) => x.shape[axis]!) };
  return resized(['', e.shapeOf([n!, c!, ...size], [source])], attrs);
}

const resizing =
  (mode: 'linear' | 'nearest'): OnnxRule =>
  (e, { images }, { attrs }) => {
    const { alignCorners, halfPixelCenters } = attrs;
    const place = alignCorners ? 'align_corners' : halfPixelCenters ? 'half_pixel' : 'asymmetric';
    const nearest = alignCorners || halfPixelCenters ? 'round_prefer_ceil' : 'floor';
    return resize(e, images!, attrs['size'] as readonly Dim[], {
      mode,
      coordinate_transformation_mode: place,
      ...(mode === 'nearest' ? { nearest_mode: nearest } : {}),
    });
  };

export const imageRules: OnnxRules = {
  FusedBatchNorm: batchNorm,
  LRN: localResponse,
  ResizeBilinear: resizing('linear'),
  ResizeNearestNeighbor: resizing('nearest'),
};
