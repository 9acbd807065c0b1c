import {
  Chain,
  ChainList,
  Conv2DActiv,
  checkOptions,
  InvalidArgumentError,
  type PickableSequentialChain,
} from '@chaingrad/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { SSDExtractor } from './extractor.ts';

export interface BackboneExtractorOptions {
  /** The layers whose maps are looked at, the finest first. */
  readonly pick: readonly string[];
  /** Side of the square input in pixels. Default 300. */
  readonly insize?: number;
  /** Channels of further maps, each half the size of the one before. Default none. */
  readonly extra?: readonly number[];
}

/** The next coarser map. Children: conv1, conv2. */
class CoarserMap extends Chain {
  readonly conv1: Conv2DActiv;
  readonly conv2: Conv2DActiv;
  constructor(channels: number) {
    super();
    this.conv1 = new Conv2DActiv(null, Math.max(1, channels >> 1), 1);
    this.conv2 = new Conv2DActiv(null, channels, 3, { stride: 2, pad: 1 });
  }
  override forward(x: Tensor4D): Tensor4D {
    return this.conv2.call(this.conv1.call(x));
  }
}

/**
 * The feature maps of a classifier for an SSD: so any backbone makes a detector. Children: base, extra.
 *
 * The layers of the backbone behind the last picked one are taken out of it.
 *
 * ```ts
 * const base = await ResNet18.fromPretrained('resnet18.pth', { names: 'torchvision-resnet18' });
 * const extractor = new BackboneExtractor(base, { pick: ['res3', 'res4', 'res5'], extra: [256, 256, 128] });
 * const model = new SSD(extractor, new Multibox(21, ratios), { steps, sizes, mean: base.mean });
 * ```
 */
export class BackboneExtractor<B extends PickableSequentialChain = PickableSequentialChain>
  extends Chain
  implements SSDExtractor
{
  readonly insize: number;
  readonly grids: readonly number[];
  readonly extra: ChainList<CoarserMap>;

  /** @throws UnknownNameError for a layer that the backbone does not have; InvalidArgumentError for one that gives no map. */
  constructor(
    readonly base: B,
    options: BackboneExtractorOptions,
  ) {
    super();
    const {
      pick,
      insize = 300,
      extra = [],
    } = checkOptions('BackboneExtractor', options, { pick: 'object', insize: 'number', extra: 'object' });
    base.pick = [...pick];
    base.removeUnused();
    const { rows } = base.summary([1, insize, insize, 3]);
    const grids = rows[0]!.outputShapes!.map((shape, i) => {
      if (shape.length === 4) return shape[1]!;
      throw new InvalidArgumentError('BackboneExtractor pick', 'layers that give maps', pick[i]);
    });
    for (const _ of extra) grids.push(Math.ceil(grids.at(-1)! / 2));
    this.insize = insize;
    this.grids = grids;
    this.extra = new ChainList(...extra.map((channels) => new CoarserMap(channels)));
  }

  override forward(x: Tensor4D): Tensor4D[] {
    const maps = this.base.call(x) as Tensor4D[];
    for (const layer of this.extra) maps.push(layer.call(maps.at(-1)!));
    return maps;
  }
}
