import { VisionOptionError } from '../../errors.ts';
import { Multibox } from './multibox.ts';
import { SSD } from './ssd.ts';
import { VGG16Extractor300, VGG16Extractor512 } from './vgg16-extractor.ts';

export interface SSDVGG16Options {
  /** Classes without the background. */
  readonly nFgClass: number;
}

/** Mean of the training images, RGB. */
const MEAN = [123, 117, 104] as const;

const heads = (where: string, options: SSDVGG16Options | undefined, aspectRatios: readonly number[][]) => {
  const nFgClass = options?.nFgClass;
  if (!(Number.isInteger(nFgClass) && nFgClass! > 0)) {
    throw new VisionOptionError(where, 'nFgClass', 'specified, a positive whole number', nFgClass);
  }
  return new Multibox(nFgClass! + 1, aspectRatios);
};

/**
 * SSD on VGG-16 for images of 300 x 300: 8732 default boxes.
 *
 * Source: Liu et al., SSD (2016). Chainer counterpart: `chainercv.links.SSD300`.
 */
export class SSD300 extends SSD<VGG16Extractor300> {
  /** @throws VisionOptionError without `nFgClass`. */
  constructor(options: SSDVGG16Options) {
    super(new VGG16Extractor300(), heads('SSD300', options, [[2], [2, 3], [2, 3], [2, 3], [2], [2]]), {
      steps: [8, 16, 32, 64, 100, 300],
      sizes: [30, 60, 111, 162, 213, 264, 315],
      mean: MEAN,
    });
  }
}

/**
 * SSD on VGG-16 for images of 512 x 512: 24564 default boxes.
 *
 * Source: Liu et al., SSD (2016). Chainer counterpart: `chainercv.links.SSD512`.
 */
export class SSD512 extends SSD<VGG16Extractor512> {
  /** @throws VisionOptionError without `nFgClass`. */
  constructor(options: SSDVGG16Options) {
    super(
      new VGG16Extractor512(),
      heads('SSD512', options, [[2], [2, 3], [2, 3], [2, 3], [2, 3], [2], [2]]),
      {
        steps: [8, 16, 32, 64, 128, 256, 512],
        sizes: [35.84, 76.8, 153.6, 230.4, 307.2, 384, 460.8, 537.6],
        mean: MEAN,
      },
    );
  }
}
