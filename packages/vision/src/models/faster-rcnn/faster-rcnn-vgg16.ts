import {
  Chain,
  checkOptions,
  type InitializerLike,
  Linear,
  Normal,
  type OptionKinds,
  pickOptions,
  relu,
  roiPooling2D,
} from '@chaingrad/core';
import {
  type About,
  fromPretrained,
  type LoadOptions,
  pretrained,
  type WeightFile,
  type WeightSource,
} from '@chaingrad/weights';
import type * as tf from '@tensorflow/tfjs-core';
import { fgClassOf, otherFgClassNames } from '../fg-class.ts';
import { VGG16 } from '../vgg16.ts';
import { FasterRCNN } from './faster-rcnn.ts';
import type { PooledHead } from './onnx-graph.ts';
import type { ProposalCreatorOptions } from './proposal-creator.ts';
import { RegionProposalNetwork } from './region-proposal-network.ts';

/** Mean of the training images, RGB. */
const MEAN = [122.7717, 115.9465, 102.9801] as const;

export interface FasterRCNNVGG16Options {
  /** Classes without the background. */
  readonly nFgClass: number;
  /** Pixels that the shorter side is brought to, and that the longer one has at most. Default 600 and 1000. */
  readonly minSize?: number;
  readonly maxSize?: number;
  /** Heights over widths of the anchors. Default 1/2, 1, 2. */
  readonly ratios?: readonly number[];
  /** Sides of the anchors in units of 16 pixels. Default 8, 16, 32. */
  readonly anchorScales?: readonly number[];
  /** Of the layers of VGG-16. Default LeCunNormal. */
  readonly vggInitialW?: InitializerLike | null;
  /** Default `Normal(0.01)`. */
  readonly rpnInitialW?: InitializerLike;
  /** Default `Normal(0.001)`. */
  readonly locInitialW?: InitializerLike;
  /** Default `Normal(0.01)`. */
  readonly scoreInitialW?: InitializerLike;
  readonly proposalCreatorParams?: ProposalCreatorOptions;
}

const sizeKinds = { minSize: 'number', maxSize: 'number' } as const;
const rpnKinds = { ratios: 'object', anchorScales: 'object', proposalCreatorParams: 'object' } as const;

/** All that the weights do not decide on. */
const optional: OptionKinds<Omit<FasterRCNNVGG16Options, 'nFgClass'>> = {
  ...sizeKinds,
  ...rpnKinds,
  vggInitialW: 'any',
  rpnInitialW: 'any',
  locInitialW: 'any',
  scoreInitialW: 'any',
};

const kinds: OptionKinds<FasterRCNNVGG16Options> = { ...optional, nFgClass: 'any' };

export interface VGG16RoIHeadOptions {
  readonly vggInitialW?: InitializerLike | null;
  readonly locInitialW?: InitializerLike | null;
  readonly scoreInitialW?: InitializerLike | null;
}

/** The classifier of VGG-16 over pooled regions. Children: fc6, fc7, cls_loc, score. Chainer counterpart: `VGG16RoIHead`. */
export class VGG16RoIHead extends Chain implements PooledHead {
  readonly fc6: Linear;
  readonly fc7: Linear;
  readonly cls_loc: Linear;
  readonly score: Linear;

  /**
   * @param nClass classes with the background.
   * @param roiSize side of a pooled region. @param spatialScale pixels of the feature map in one of the input.
   */
  constructor(
    readonly nClass: number,
    readonly roiSize = 7,
    readonly spatialScale = 1 / 16,
    options: VGG16RoIHeadOptions = {},
  ) {
    super();
    const {
      vggInitialW = null,
      locInitialW = null,
      scoreInitialW = null,
    } = checkOptions('VGG16RoIHead', options, {
      vggInitialW: 'any',
      locInitialW: 'any',
      scoreInitialW: 'any',
    });
    this.fc6 = new Linear(512 * roiSize ** 2, 4096, { initialW: vggInitialW });
    this.fc7 = new Linear(4096, 4096, { initialW: vggInitialW });
    this.cls_loc = new Linear(4096, nClass * 4, { initialW: locInitialW });
    this.score = new Linear(4096, nClass, { initialW: scoreInitialW });
  }

  override forward(x: tf.Tensor4D, rois: Float32Array, roiIndices: Int32Array): [tf.Tensor2D, tf.Tensor2D] {
    const { roiSize: outsize, spatialScale } = this;
    return this.classify(roiPooling2D(x, indexedXY(rois, roiIndices), { outsize, spatialScale }));
  }

  /** @param pooled (R, roiSize, roiSize, 512). @returns offsets (R, nClass * 4) and class outputs (R, nClass). */
  classify(pooled: tf.Tensor4D): [roiClsLocs: tf.Tensor2D, roiScores: tf.Tensor2D] {
    const h = relu(this.fc7.call(relu(this.fc6.call(pooled))));
    return [this.cls_loc.call(h), this.score.call(h)];
  }
}

/** Regions as `roiPooling2D` wants them: (index, xMin, yMin, xMax, yMax). */
export const indexedXY = (rois: Float32Array, roiIndices: Int32Array): Float32Array =>
  Float32Array.from(
    Array.from(roiIndices, (index, i) => {
      const [y0, x0, y1, x1] = rois.subarray(4 * i, 4 * i + 4);
      return [index, x0!, y0!, x1!, y1!];
    }).flat(),
  );

/** What a file fixes: the number of classes follows from the last bias. */
async function toldByFile(file: WeightFile, about: About | null): Promise<{ nFgClass?: number }> {
  if (about !== null) return { nFgClass: about.nFgClass };
  return file.has('head/score/b') ? { nFgClass: (await file.info('head/score/b')).shape[0]! - 1 } : {};
}

export interface PretrainedFasterRCNNVGG16Options extends LoadOptions, Partial<FasterRCNNVGG16Options> {}

/**
 * Faster R-CNN on VGG-16. Keys are `extractor/conv1_1/conv/W`, `rpn/loc/W`, `head/fc6/W`.
 *
 * Source: Ren et al., Faster R-CNN (2015). Chainer counterpart: `chainercv.links.FasterRCNNVGG16`.
 */
export class FasterRCNNVGG16 extends FasterRCNN<VGG16, VGG16RoIHead> {
  static override readonly modelName: string = 'FasterRCNNVGG16';
  static readonly pretrained = pretrained.FasterRCNNVGG16;
  static readonly inputShape = [1, 224, 224, 3] as const;

  /** @throws PretrainedArgumentError without `nFgClass`; VisionOptionError unless it is a positive whole number. */
  constructor(options: FasterRCNNVGG16Options) {
    const {
      vggInitialW,
      rpnInitialW = new Normal(0.01),
      locInitialW = new Normal(0.001),
      scoreInitialW = new Normal(0.01),
      ...rest
    } = checkOptions('FasterRCNNVGG16', options ?? {}, kinds, otherFgClassNames);
    const nClass = fgClassOf('FasterRCNNVGG16', options) + 1;
    const extractor = new VGG16(vggInitialW == null ? {} : { initialW: vggInitialW });
    extractor.pick = 'conv5_3';
    extractor.removeUnused();
    super(
      extractor,
      new RegionProposalNetwork(512, 512, { ...pickOptions(rest, rpnKinds), initialW: rpnInitialW }),
      new VGG16RoIHead(nClass, 7, 1 / 16, { vggInitialW: vggInitialW ?? null, locInitialW, scoreInitialW }),
      MEAN,
      pickOptions(rest, sizeKinds),
    );
  }

  /**
   * Faster R-CNN with trained weights.
   *
   * ```ts
   * const detector = await FasterRCNNVGG16.fromPretrained('voc0712');                   // 20 classes of Pascal VOC
   * const start = await FasterRCNNVGG16.fromPretrained('imagenet', { nFgClass: 3 });    // only the VGG part is trained
   * const small = await FasterRCNNVGG16.fromPretrained('voc0712', { minSize: 300, maxSize: 500 });
   * ```
   *
   * @param source 'voc0712' (default), 'voc07' or 'imagenet' (Chainer's cache is used, in Node), or any source of weights.
   * @throws PretrainedArgumentError when nFgClass is missing, or is not the one that the weights are made for; MismatchError,
   *   DownloadError, SourceError when they cannot be loaded.
   */
  static fromPretrained(
    source?: 'voc07' | 'voc0712' | 'imagenet' | WeightSource,
    options?: PretrainedFasterRCNNVGG16Options,
  ): Promise<FasterRCNNVGG16> {
    const spec = { args: { nFgClass: 'any' }, optional, told: toldByFile } as const;
    return fromPretrained<{ nFgClass: number }, FasterRCNNVGG16>(FasterRCNNVGG16, source, spec, options);
  }
}
