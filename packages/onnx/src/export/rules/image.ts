/** Normalization by channels, and resizing. */
import { Float } from '../builder.ts';
import { type Dim, isFixed } from '../dims.ts';
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

export function resize(e: Emitter, x: Value, size: readonly Dim[], attrs: Record<string, string>): Value {
  const order = channelsFirst(4);
  const [n, , , c] = x.shape;
  if (!isFixed(size))
    throw e.fail(
      'the size to resize to follows the size of the input.',
      "Export with a fixed size: size: 'fixed'.",
    );
  const name = e.at(x, order);
  const source = { name, dims: order.map((axis) => x.shape[axis]!) };
  const sized =
    e.builder.opset >= 18
      ? { sizes: e.builder.ints(size), attrs: { ...attrs, axes: [2, 3] } }
      : { sizes: e.shapeOf([n!, c!, ...size], [source]), attrs };
  return e.made(
    e.node('Resize', [name, '', '', sized.sizes], sized.attrs),
    [n!, ...size, c!],
    'float32',
    order,
  );
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
