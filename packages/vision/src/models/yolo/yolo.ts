import { ChainList, Convolution2D, checkOptions, Sequential } from '@chaingrad/core';
import { pretrained } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { fgClassOf, otherFgClassNames } from '../fg-class.ts';
import { convolution, Darknet19Extractor, Darknet53Extractor, DarknetExtractor } from './darknet.ts';
import { type Anchors, YOLOBase, type YOLOOptions, yoloKinds } from './yolo-base.ts';

/** Offsets, objectness and class outputs: the first 4 columns, the next one, the rest. */
type Outputs = [locs: tf.Tensor3D, objs: tf.Tensor2D, confs: tf.Tensor3D];

/** A feature map's outputs, one row a box. */
const rowsOf = (h: tf.Tensor4D, nFgClass: number): tf.Tensor3D =>
  tf.reshape(h, [h.shape[0], -1, 5 + nFgClass]);

function outputsOf(rows: tf.Tensor3D): Outputs {
  const [locs, objs, confs] = tf.split(rows, [4, 1, rows.shape[2] - 5], 2) as tf.Tensor3D[];
  return [locs!, tf.squeeze(objs!, [2]), confs!];
}

const checked = (name: 'YOLOv2' | 'YOLOv2Tiny' | 'YOLOv3', options: YOLOOptions): Required<YOLOOptions> => {
  const { insize = 416 } = checkOptions(name, options ?? {}, yoloKinds, otherFgClassNames);
  return { nFgClass: fgClassOf(name, options), insize };
};

/** One feature map, and a convolution over it. Children: extractor, subnet. Chainer counterpart: `YOLOv2Base`. */
export abstract class YOLOv2Base<E extends Darknet19Extractor | DarknetExtractor> extends YOLOBase<E> {
  readonly scoreFunction = 'softmax';
  readonly subnet: Convolution2D;

  protected constructor(extractor: E, anchors: Anchors, nFgClass: number) {
    super(extractor, [anchors], 'cell', nFgClass);
    this.subnet = new Convolution2D(null, anchors.length * (5 + nFgClass), 1);
  }

  override forward(x: tf.Tensor4D): Outputs {
    return outputsOf(rowsOf(this.subnet.call(this.extractor.call(x)), this.nFgClass));
  }
}

/**
 * YOLOv2 on Darknet-19.
 *
 * Keys are `extractor/0/conv/W`, `subnet/b`. Source: Redmon and Farhadi, YOLO9000 (2017). Chainer counterpart: `chainercv.links.YOLOv2`.
 */
export class YOLOv2 extends YOLOv2Base<Darknet19Extractor> {
  static override readonly modelName: string = 'YOLOv2';
  static readonly pretrained = pretrained.YOLOv2;

  /** @throws PretrainedArgumentError without `nFgClass`; VisionOptionError unless it is a positive whole number, or for an insize that is no multiple of 32. */
  constructor(options: YOLOOptions) {
    const { insize, nFgClass } = checked('YOLOv2', options);
    const anchors = [
      [1.73145, 1.3221],
      [4.00944, 3.19275],
      [8.09892, 5.05587],
      [4.84053, 9.47112],
      [10.0071, 11.2364],
    ] as const;
    super(new Darknet19Extractor(insize), anchors, nFgClass);
  }
}

/** YOLOv2 on a small Darknet. Chainer counterpart: `chainercv.links.YOLOv2Tiny`. */
export class YOLOv2Tiny extends YOLOv2Base<DarknetExtractor> {
  static override readonly modelName: string = 'YOLOv2Tiny';
  static readonly pretrained = pretrained.YOLOv2Tiny;

  /** @throws as `YOLOv2`. */
  constructor(options: YOLOOptions) {
    const { insize, nFgClass } = checked('YOLOv2Tiny', options);
    const anchors = [
      [1.19, 1.08],
      [4.41, 3.42],
      [11.38, 6.63],
      [5.11, 9.42],
      [10.52, 16.62],
    ] as const;
    super(new DarknetExtractor(insize), anchors, nFgClass);
  }
}

const ANCHORS: readonly Anchors[] = [
  [
    [90, 116],
    [198, 156],
    [326, 373],
  ],
  [
    [61, 30],
    [45, 62],
    [119, 59],
  ],
  [
    [13, 10],
    [30, 16],
    [23, 33],
  ],
];

/**
 * YOLOv3 on Darknet-53: three feature maps, each with a small network over it.
 *
 * Children: extractor, subnet. Source: Redmon and Farhadi, YOLOv3 (2018). Chainer counterpart: `chainercv.links.YOLOv3`.
 */
export class YOLOv3 extends YOLOBase<Darknet53Extractor> {
  static override readonly modelName: string = 'YOLOv3';
  static readonly pretrained = pretrained.YOLOv3;
  readonly scoreFunction = 'sigmoid';
  readonly subnet: ChainList<Sequential>;

  /** @throws as `YOLOv2`. */
  constructor(options: YOLOOptions) {
    const { insize, nFgClass } = checked('YOLOv3', options);
    super(new Darknet53Extractor(insize), ANCHORS, 'pixel', nFgClass);
    const heads = ANCHORS.map(
      ({ length }, k) =>
        new Sequential(convolution(1024 >> k, 3), new Convolution2D(null, length * (5 + nFgClass), 1)),
    );
    this.subnet = new ChainList(...heads);
  }

  override forward(x: tf.Tensor4D): Outputs {
    const maps = this.extractor.call(x);
    const rows = maps.map((h, k) => rowsOf(this.subnet.at(k).call(h) as tf.Tensor4D, this.nFgClass));
    return outputsOf(tf.concat(rows, 1));
  }
}
