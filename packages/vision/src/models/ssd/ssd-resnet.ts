import { checkOptions } from '@chaingrad/core';
import {
  fromPretrained,
  type LoadOptions,
  type PretrainedClass,
  pretrained,
  type WeightSource,
} from '@chaingrad/weights';
import { VisionOptionError } from '../../errors.ts';
import { fgClassOf, otherFgClassNames } from '../fg-class.ts';
import type { ResidualNet } from '../resnet/residual-net.ts';
import { ResNet18, ResNet50, type ResNetOptions } from '../resnet/resnet.ts';
import { torchvisionDefaults } from '../torchvision-defaults.ts';
import { toldByFile } from './about.ts';
import { BackboneExtractor } from './backbone-extractor.ts';
import { Multibox } from './multibox.ts';
import { SSD } from './ssd.ts';

export interface SSDResNetOptions {
  /** Classes without the background. */
  readonly nFgClass: number;
  /** Side of the input in pixels, 64 or more. Default 300. */
  readonly insize?: number;
}

export interface PretrainedSSDResNetOptions extends LoadOptions, Partial<SSDResNetOptions> {}

const INSIZE = 300;
const SMALLEST_INSIZE = 64;

/** The backbone is torchvision's, whose files people have: one for all depths. */
const BACKBONE = torchvisionDefaults({ names: 'torchvision-resnet18' });

/** The aspect ratios, and the sides of the boxes at `INSIZE`: those of SSD300. */
const ASPECT_RATIOS = [[2], [2, 3], [2, 3], [2, 3], [2], [2]] as const;
const SIZES = [30, 60, 111, 162, 213, 264, 315] as const;

/** What the SSDs on ResNets have in common. Children: extractor (base, extra), multibox. */
class SSDResNet<B extends ResidualNet> extends SSD<BackboneExtractor<B>> {
  static readonly inputShape = [1, INSIZE, INSIZE, 3] as const;

  protected constructor(
    name: 'SSDResNet18' | 'SSDResNet50',
    Backbone: new (options: ResNetOptions) => B,
    options: SSDResNetOptions,
  ) {
    // First, so that nothing is made when it fails.
    const { insize = INSIZE } = checkOptions<Partial<SSDResNetOptions>>(
      name,
      options ?? {},
      { nFgClass: 'any', insize: 'number' },
      otherFgClassNames,
    );
    if (!Number.isInteger(insize) || insize < SMALLEST_INSIZE) {
      throw new VisionOptionError(name, 'insize', `a whole number of ${SMALLEST_INSIZE} or more`, insize);
    }
    const multibox = new Multibox(fgClassOf(name, options) + 1, ASPECT_RATIOS);
    const base = new Backbone(BACKBONE);
    const extractor = new BackboneExtractor<B>(base, {
      insize,
      pick: ['res3', 'res4', 'res5'],
      extra: [256, 256, 128],
    });
    super(extractor, multibox, {
      steps: extractor.grids.map((grid) => insize / grid),
      sizes: SIZES.map((size) => (size * insize) / INSIZE),
      mean: base.mean,
    });
  }

  /**
   * A detector that was trained and saved.
   *
   * ```ts
   * const own = await SSDResNet18.fromPretrained('run/best.npz'); // its classes and its size are in the file
   * ```
   *
   * There are no weights by name: a new one begins from those of the classifier,
   * `load(model.extractor.base, 'resnet18.pth', { names: 'torchvision-resnet18', match: 'common' })`.
   *
   * @param source any source of weights.
   * @throws PretrainedArgumentError when the number of classes is not known; MismatchError unless the file has every parameter and
   *   no other; DownloadError, SourceError when it cannot be read; InvalidArgumentError without a source.
   */
  static fromPretrained<M extends SSDResNet<ResidualNet>>(
    this: PretrainedClass<Required<SSDResNetOptions>, M>,
    source?: WeightSource,
    options: PretrainedSSDResNetOptions = {},
  ): Promise<M> {
    const args = { nFgClass: 'any', insize: 'number' } as const;
    // biome-ignore lint/complexity/noThisInStatic: it makes a model of the class that it is called on.
    return fromPretrained(this, source, { args, defaults: { insize: INSIZE }, told: toldByFile }, options);
  }
}

/**
 * SSD on ResNet-18 as torchvision has it: the maps of res3, res4 and res5 and three coarser ones, with SSD300's boxes. Not in ChainerCV.
 *
 * ```ts
 * const model = new SSDResNet18({ nFgClass: 3 }).initialize([1, 300, 300, 3]);
 * await load(model.extractor.base, 'resnet18.pth', { names: 'torchvision-resnet18', match: 'common' });
 * ```
 *
 * Sources: Liu et al., SSD (2016); He et al., Deep residual learning (2016).
 */
export class SSDResNet18 extends SSDResNet<ResNet18> {
  static override readonly modelName: string = 'SSDResNet18';
  static readonly pretrained = pretrained.SSDResNet18;

  /** @throws PretrainedArgumentError without `nFgClass`; VisionOptionError for numbers that cannot be. */
  constructor(options: SSDResNetOptions) {
    super('SSDResNet18', ResNet18, options);
  }
}

/** SSD on ResNet-50: see `SSDResNet18`. */
export class SSDResNet50 extends SSDResNet<ResNet50> {
  static override readonly modelName: string = 'SSDResNet50';
  static readonly pretrained = pretrained.SSDResNet50;

  /** @throws PretrainedArgumentError without `nFgClass`; VisionOptionError for numbers that cannot be. */
  constructor(options: SSDResNetOptions) {
    super('SSDResNet50', ResNet50, options);
  }
}
