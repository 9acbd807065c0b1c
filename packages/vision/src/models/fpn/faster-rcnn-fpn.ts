import { checkOptions, maxPooling2D, type OptionKinds, ShapeOnlyError } from '@chaingrad/core';
import {
  type About,
  fromPretrained,
  type LoadOptions,
  type PretrainedClass,
  pretrained,
  type WeightFile,
  type WeightSource,
} from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { VisionOptionError } from '../../errors.ts';
import type { Image, ImageSource } from '../../image/index.ts';
import type { Detections } from '../../utils/bbox/detections.ts';
import { indicesWhere } from '../../utils/bbox/loc.ts';
import type { Masks } from '../../utils/mask/masks.ts';
import { normalizePixels } from '../batch.ts';
import type { Predictions, PredictOptions } from '../detection-link.ts';
import { type DetectionSettings, Detector, readAll } from '../detector.ts';
import type { Regions } from '../faster-rcnn/region-proposal-network.ts';
import { fgClassOf, otherFgClassNames } from '../fg-class.ts';
import { type DetectorGraph, type ExportableDetector, onnxOfDetector } from '../onnx/onnx-of-detector.ts';
import { ResNet50, ResNet101 } from '../resnet/index.ts';
import { scaleImage } from '../scale-image.ts';
import { FPN } from './fpn.ts';
import { BboxHead, MaskHead } from './heads.ts';
import { fpnGraph } from './onnx-graph.ts';
import { joinRegions, STRIDE, takeRegions } from './regions.ts';
import { RPN } from './rpn.ts';

const RETURN_VALUES = ['rois', 'bboxes', 'labels', 'scores', 'masks'] as const;

/** What `predict` gives. */
export type ReturnValue = (typeof RETURN_VALUES)[number];

export interface FasterRCNNFPNOptions {
  /** Classes without the background. */
  readonly nFgClass: number;
  /** What `predict` gives: heads that it takes are there. */
  readonly returnValues?: readonly ReturnValue[];
  /** Pixels that the shorter side is brought to, and that the longer one has at most. Default 800 and 1333. */
  readonly minSize?: number;
  readonly maxSize?: number;
}

/** All that the weights do not decide on. */
const optional: OptionKinds<Omit<FasterRCNNFPNOptions, 'nFgClass'>> = {
  returnValues: 'object',
  minSize: 'number',
  maxSize: 'number',
};

const kinds: OptionKinds<FasterRCNNFPNOptions> = { ...optional, nFgClass: 'any' };

export interface PretrainedFasterRCNNFPNOptions extends LoadOptions, Partial<FasterRCNNFPNOptions> {}

/** What was found, image by image. */
export interface InstancePredictions extends Predictions {
  /** Where 'masks' are asked for. */
  readonly masks?: Masks[];
  /** Where 'rois' are asked for: S * 4 values an image, the regions that were looked at, in pixels of the image. */
  readonly rois?: Float32Array[];
}

interface FoundInstances extends Detections {
  readonly masks?: Masks;
  readonly roi: Float32Array;
}

async function toldByFile(file: WeightFile, about: About | null): Promise<{ nFgClass?: number }> {
  if (about !== null) return { nFgClass: about.nFgClass };
  const key = 'bbox_head/conf/b';
  return file.has(key) ? { nFgClass: (await file.info(key)).shape[0]! - 1 } : {};
}

/**
 * Faster R-CNN and Mask R-CNN on a feature pyramid of a ResNet. Children: extractor, rpn, and as `returnValues` want them bbox_head,
 * mask_head.
 *
 * Source: Lin et al., Feature Pyramid Networks (2017); He et al., Mask R-CNN (2017). Chainer counterpart:
 * `chainercv.links.model.fpn.FasterRCNN`.
 */
export class FasterRCNNFPN extends Detector implements ExportableDetector {
  static override readonly modelName: string = 'FasterRCNNFPN';
  static readonly inputShape = [1, 64, 64, 3] as const;
  readonly scoreFunction = 'softmax';
  readonly extractor: FPN<ResNet50 | ResNet101>;
  readonly rpn: RPN;
  readonly bbox_head: BboxHead | null;
  readonly mask_head: MaskHead | null;
  readonly returnValues: readonly ReturnValue[];
  readonly nFgClass: number;
  readonly minSize: number;
  readonly maxSize: number;

  protected constructor(
    name: keyof typeof pretrained,
    base: ResNet50 | ResNet101,
    defaults: readonly ReturnValue[],
    options: FasterRCNNFPNOptions,
  ) {
    super({
      visualize: { nmsThresh: 0.5, scoreThresh: 0.7 },
      evaluate: { nmsThresh: 0.5, scoreThresh: 0.05 },
    });
    const {
      returnValues = defaults,
      minSize = 800,
      maxSize = 1333,
    } = checkOptions(name, options ?? {}, kinds, otherFgClassNames);
    const wrong = returnValues.find((value) => !RETURN_VALUES.includes(value));
    if (wrong !== undefined)
      throw new VisionOptionError(name, 'returnValues', `of ${RETURN_VALUES.join(', ')}`, wrong);
    this.nFgClass = fgClassOf(name, options);
    this.returnValues = returnValues;
    this.minSize = minSize;
    this.maxSize = maxSize;
    base.pick = ['res2', 'res3', 'res4', 'res5'];
    base.pool1 = (x) => maxPooling2D(x, { ksize: 3, stride: 2, pad: 1, coverAll: false });
    base.removeUnused();
    const scales = [4, 8, 16, 32, 64].map((stride) => 1 / stride);
    this.extractor = new FPN(base, 4, scales);
    this.rpn = new RPN(scales);
    const nClass = this.nFgClass + 1;
    this.bbox_head = returnValues.every((value) => value === 'rois') ? null : new BboxHead(nClass, scales);
    this.mask_head = returnValues.includes('masks') ? new MaskHead(nClass, scales) : null;
  }

  /**
   * A model with trained weights.
   * @param source 'coco' (default; Chainer's cache is used, in Node), or any source of weights.
   * @throws PretrainedArgumentError when nFgClass is missing, or is not the one that the weights are made for; MismatchError,
   *   DownloadError, SourceError when they cannot be loaded.
   */
  static fromPretrained<M extends FasterRCNNFPN>(
    this: PretrainedClass<{ nFgClass: number }, M>,
    source?: 'coco' | WeightSource,
    options: PretrainedFasterRCNNFPNOptions = {},
  ): Promise<M> {
    const spec = { args: { nFgClass: 'any' }, optional, told: toldByFile } as const;
    // biome-ignore lint/complexity/noThisInStatic: it makes a model of the class that it is called on.
    return fromPretrained<{ nFgClass: number }, M>(this, source, spec, options);
  }

  /**
   * Not for training, and for backends whose values can be read at once: on WebGPU `predict` works.
   * @param x prepared images (N, H, W, 3), sides multiples of 32.
   */
  override forward(x: tf.Tensor4D): {
    regions: readonly Regions[];
    headLocs?: tf.Tensor3D;
    headConfs?: tf.Tensor2D;
  } {
    const hs = this.extractor.call(x);
    const { locs, confs } = this.rpn.call(hs);
    let regions: Regions;
    try {
      const [l, c] = [locs, confs].map((list) => list.map((tensor) => tensor.dataSync<'float32'>()));
      regions = this.rpn.decode(l!, c!, this.anchors(hs), x.shape[0], [x.shape[1], x.shape[2]]);
    } catch (error) {
      if (!(error instanceof ShapeOnlyError)) throw error;
      // Where only shapes are known, any region does.
      regions = { rois: Float32Array.of(0, 0, 1, 1), roiIndices: Int32Array.of(0) };
      this.mask_head?.call(hs, this.mask_head.distribute(regions).levels);
    }
    if (this.bbox_head === null || regions.roiIndices.length === 0) return { regions: [regions] };
    const { levels } = this.bbox_head.distribute(regions);
    const [headLocs, headConfs] = this.bbox_head.call(hs, levels);
    return { regions: levels, headLocs, headConfs };
  }

  private anchors(hs: readonly tf.Tensor4D[]): Float32Array[] {
    return this.rpn.anchors(hs.map(({ shape: [, height, width] }) => [height, width] as const));
  }

  /** What an ONNX file of it needs to be told: `save('detector.onnx', model)`. */
  onnxArguments(): ReturnType<typeof onnxOfDetector> {
    return onnxOfDetector(this);
  }

  /** Its graph, for `onnxOfDetector`. @throws VisionOptionError for a network that gives regions only. */
  onnxGraph(): DetectorGraph {
    return fpnGraph(this);
  }

  /** Images as the network wants them: the shorter side `minSize` pixels, minus the mean, zeros at the bottom and right. */
  prepare(imgs: readonly Image[], resizeBackend = this.resizeBackend): { x: tf.Tensor4D; scales: number[] } {
    const scaled = imgs.map((img) => scaleImage(img, this.minSize, this.maxSize, resizeBackend));
    const side = (axis: 0 | 1) =>
      Math.ceil(Math.max(...scaled.map(({ shape }) => shape[axis])) / STRIDE) * STRIDE;
    const [height, width] = [side(0), side(1)];
    const batch = new Float32Array(imgs.length * height * width * 3);
    const scales = scaled.map(({ data, shape: [h, w] }, i) => {
      normalizePixels(data, this.extractor.base.mean);
      for (let y = 0; y < h; y++)
        batch.set(data.subarray(y * w * 3, (y + 1) * w * 3), (i * height + y) * width * 3);
      const [H, W] = imgs[i]!.shape;
      const scale = this.minSize / Math.min(H, W);
      return scale * Math.max(H, W) > this.maxSize ? this.maxSize / Math.max(H, W) : scale;
    });
    return { x: tf.tensor4d(batch, [imgs.length, height, width, 3]), scales };
  }

  /** As other detectors', and with what `returnValues` ask for. */
  override async predict(
    imgs: readonly ImageSource[],
    options: PredictOptions = {},
  ): Promise<InstancePredictions> {
    const found = (await this.detectIn(imgs, options)) as FoundInstances[];
    return {
      bboxes: found.map(({ bbox }) => bbox),
      labels: found.map(({ label }) => label),
      scores: found.map(({ score }) => score),
      ...(this.returnValues.includes('masks') ? { masks: found.map(({ masks }) => masks!) } : {}),
      ...(this.returnValues.includes('rois') ? { rois: found.map(({ roi }) => roi) } : {}),
    };
  }

  protected override async detect(
    images: readonly Image[],
    { resizeBackend, ...thresholds }: DetectionSettings,
  ): Promise<FoundInstances[]> {
    const { x, scales } = this.prepare(images, resizeBackend);
    const inSize = [x.shape[1], x.shape[2]] as const;
    const { hs, outputs } = this.evaluating(() => {
      const hs = this.extractor.call(x);
      const { locs, confs } = this.rpn.call(hs);
      return { hs, outputs: [...locs, ...confs] as tf.Tensor[] };
    });
    x.dispose();
    try {
      const values = await readAll(outputs);
      const [locs, confs] = [values.slice(0, hs.length), values.slice(hs.length)];
      const all = this.rpn.decode(locs, confs, this.anchors(hs), images.length, inSize, false);
      const found = await this.boxes(hs, all, images, scales, thresholds);
      return this.mask_head === null ? found : await this.masks(this.mask_head, hs, found, images, scales);
    } finally {
      tf.dispose(hs);
    }
  }

  private async boxes(
    hs: tf.Tensor4D[],
    all: Regions,
    images: readonly Image[],
    scales: readonly number[],
    thresholds: Omit<DetectionSettings, 'resizeBackend'>,
  ): Promise<FoundInstances[]> {
    const head = this.bbox_head;
    const levels = head?.distribute(all).levels ?? [all];
    const regions = joinRegions(levels);
    const [locs, confs] =
      head === null || all.roiIndices.length === 0
        ? [new Float32Array(), new Float32Array()]
        : await readAll(this.evaluating(() => head.call(hs, levels)));
    const { nFgClass } = this;
    const perRoi = (values: Float32Array, rows: readonly number[], size: number) =>
      Float32Array.from(rows.flatMap((row) => [...values.subarray(row * size, (row + 1) * size)]));
    return images.map(({ shape: [height, width] }, i) => {
      const rows = indicesWhere(regions.roiIndices.length, (r) => regions.roiIndices[r] === i);
      const { rois } = takeRegions(regions, rows);
      const roi = rois.map((value) => value / scales[i]!);
      if (head === null)
        return { bbox: new Float32Array(), label: new Int32Array(), score: new Float32Array(), roi };
      const loc = perRoi(locs!, rows, 4 * (nFgClass + 1));
      const conf = perRoi(confs!, rows, nFgClass + 1);
      return { ...head.decode(rois, loc, conf, scales[i]!, [height, width], thresholds), roi };
    });
  }

  private async masks(
    head: MaskHead,
    hs: tf.Tensor4D[],
    found: readonly FoundInstances[],
    images: readonly Image[],
    scales: readonly number[],
  ): Promise<FoundInstances[]> {
    const regions = joinRegions(
      found.map(({ bbox, label }, i) => ({
        rois: bbox.map((value) => value * scales[i]!),
        roiIndices: new Int32Array(label.length).fill(i),
      })),
    );
    const { levels, order } = head.distribute(regions);
    const [segms] =
      order.length === 0
        ? [new Float32Array()]
        : await readAll([this.evaluating(() => head.call(hs, levels))]);
    const size = segms!.length / Math.max(order.length, 1);
    let next = 0;
    return found.map((each, i) => {
      const own = Float32Array.from({ length: each.label.length * size }, (_, k) => {
        const at = order[next + Math.floor(k / size)]!;
        return segms![at * size + (k % size)]!;
      });
      next += each.label.length;
      const [height, width] = images[i]!.shape;
      return { ...each, masks: head.decode(own, each, [height, width]) };
    });
  }
}

const BOXES = ['bboxes', 'labels', 'scores'] as const;
const MASKS = ['masks', 'labels', 'scores'] as const;

/** Chainer counterpart: `chainercv.links.FasterRCNNFPNResNet50`. */
export class FasterRCNNFPNResNet50 extends FasterRCNNFPN {
  static override readonly modelName: string = 'FasterRCNNFPNResNet50';
  static readonly pretrained = pretrained.FasterRCNNFPNResNet50;
  constructor(options: FasterRCNNFPNOptions) {
    super('FasterRCNNFPNResNet50', new ResNet50({ arch: 'he', nClass: 1 }), BOXES, options);
  }
}

/** Chainer counterpart: `chainercv.links.FasterRCNNFPNResNet101`. */
export class FasterRCNNFPNResNet101 extends FasterRCNNFPN {
  static override readonly modelName: string = 'FasterRCNNFPNResNet101';
  static readonly pretrained = pretrained.FasterRCNNFPNResNet101;
  constructor(options: FasterRCNNFPNOptions) {
    super('FasterRCNNFPNResNet101', new ResNet101({ arch: 'he', nClass: 1 }), BOXES, options);
  }
}

/** Chainer counterpart: `chainercv.links.MaskRCNNFPNResNet50`. */
export class MaskRCNNFPNResNet50 extends FasterRCNNFPN {
  static override readonly modelName: string = 'MaskRCNNFPNResNet50';
  static readonly pretrained = pretrained.MaskRCNNFPNResNet50;
  constructor(options: FasterRCNNFPNOptions) {
    super('MaskRCNNFPNResNet50', new ResNet50({ arch: 'he', nClass: 1 }), MASKS, options);
  }
}

/** Chainer counterpart: `chainercv.links.MaskRCNNFPNResNet101`. */
export class MaskRCNNFPNResNet101 extends FasterRCNNFPN {
  static override readonly modelName: string = 'MaskRCNNFPNResNet101';
  static readonly pretrained = pretrained.MaskRCNNFPNResNet101;
  constructor(options: FasterRCNNFPNOptions) {
    super('MaskRCNNFPNResNet101', new ResNet101({ arch: 'he', nClass: 1 }), MASKS, options);
  }
}
