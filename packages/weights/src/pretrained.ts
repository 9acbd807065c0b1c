/** The table of pretrained models. A model's class names its part of it as `static readonly pretrained`. */
import { ChaingradError, type NameMap } from '@chaingrad/core';
import {
  camvidLabelNames,
  cityscapesLabelNames,
  cocoBboxLabelNames,
  openImagesLabelNames,
  vocBboxLabelNames,
  vocSemanticSegmentationLabelNames,
} from './label-names.ts';
import { mobilenetV1Face, mobilenetV2 } from './names/mobilenet.ts';

/** The server that ChainerCV's weights lie on; `baseUrl` is another one. */
export const chainercvBaseUrl = 'https://chainercv-models.preferred.jp/';

/** A file with its length and its digest in hexadecimal, as far as they are known. */
export interface KnownFile {
  readonly file: string;
  readonly bytes?: number;
  readonly sha256?: string;
}

/** A file of ChainerCV's server, or of the folder in which ChainerCV keeps what it has downloaded. */
export interface ChainercvSource extends KnownFile {
  readonly kind: 'chainercv';
}

/** Files of a package of npm: from `node_modules` where it is installed, else from a CDN, verified. */
export interface NpmSource {
  readonly kind: 'npm';
  readonly package: string;
  readonly version: string;
  /** The first is the one to open. */
  readonly files: readonly Required<KnownFile>[];
  /** The bytes of the first file that are the weights, where it holds more. */
  readonly part?: readonly [start: number, end: number];
}

/** One set of trained weights: where they are, what their names are, and the arguments of the model that they fix. */
export type Pretrained<P extends object> = Partial<P> & {
  /** Where the weights are: a source of the table, or an address. */
  readonly source: ChainercvSource | NpmSource | string;
  /** The names and layouts of the file, where they are not the model's own. */
  readonly names?: NameMap;
  /** 'common' where the file has a part of the model only. Default 'exact'. */
  readonly match?: 'exact' | 'common';
  /** Fixed arguments that may be given another value all the same. */
  readonly overwritable?: readonly string[];
  /** Names of the classes in the order of the labels. */
  readonly labelNames?: readonly string[];
};

/** Sets of weights by name; the first is the class's default. */
export type PretrainedTable<P extends object> = Readonly<Record<string, Pretrained<P>>>;

/** A colour: red, green and blue in 0..255. */
export type Rgb = readonly [red: number, green: number, blue: number];

export interface SsdParam {
  readonly nFgClass: number;
}

export interface Vgg16Param {
  readonly nClass: number;
  /** Subtracted from every image. */
  readonly mean: Rgb;
}

export interface ResNetParam extends Vgg16Param {
  /** Which convolution of a stage has the stride, and whose pooling and normalization it has. */
  readonly arch: 'fb' | 'he' | 'torchvision';
}

export interface MobileNetV2Param extends Vgg16Param {
  /** Whose padding and normalization it has. */
  readonly arch: 'tf' | 'torchvision';
  /** The factor of all widths. */
  readonly depthMultiplier: number;
}

export interface SegNetParam {
  readonly nClass: number;
}

export interface DeepLabParam extends SegNetParam {
  /** Height and width that smaller images are padded to. */
  readonly minInputSize: readonly [height: number, width: number];
  /** Sizes of the image at which it is looked at. */
  readonly scales: readonly number[];
  /** Whether the image is looked at from left to right, too. */
  readonly flip: boolean;
}

const chainercv = (file: string): ChainercvSource => ({ kind: 'chainercv', file });

/** The VGG part alone, trained on ImageNet: the rest of an SSD keeps its initial values. */
const ssdImagenet = {
  source: chainercv('ssd_vgg16_imagenet_converted_2017_06_09.npz'),
  match: 'common',
} as const;

/** Weights of ImageNet's 1000 classes, with the mean of the mean image of the first ResNet. */
const imagenet = <E extends object>(file: string, more: E) => ({
  source: chainercv(file),
  nClass: 1000,
  mean: [123.15163084, 115.90288257, 103.0626238] as const,
  overwritable: ['mean'] as const,
  ...more,
});

const resnet = (name: string) => ({
  imagenet: imagenet(`${name}_imagenet_trained_2018_11_26.npz`, { arch: 'fb' } as const),
  'imagenet-he': imagenet(`${name}_imagenet_converted_2018_03_07.npz`, { arch: 'he' } as const),
});

/** A detector of Pascal VOC. */
const voc = (file: string) => ({ source: chainercv(file), nFgClass: 20, labelNames: vocBboxLabelNames });

/** A detector of the 80 classes of COCO. */
const coco = (name: string) => ({
  coco: { source: chainercv(`${name}_coco_trained_2019_03_15.npz`), nFgClass: 80 },
});

/** A YOLO: ChainerCV takes of its files what fits. */
const yolo = (file: string) => ({ voc0712: { ...voc(file), match: 'common' as const } });

const deepLab = <E extends object>(file: string, more: E) => ({
  source: chainercv(`deeplabv3plus_xception65_${file}.npz`),
  minInputSize: [513, 513] as const,
  scales: [1] as const,
  flip: false,
  overwritable: ['scales', 'flip'] as const,
  ...more,
});

const vgg16Layers = [
  ...['1_1', '1_2', '2_1', '2_2', '3_1', '3_2', '3_3', '4_1', '4_2', '4_3', '5_1', '5_2', '5_3'].map(
    (name) => ['extractor', `conv${name}/conv`] as const,
  ),
  ['head', 'fc6'] as const,
  ['head', 'fc7'] as const,
];

/** The classifier VGG-16 in a Faster R-CNN: the rest keeps its initial values. */
const fasterRcnnImagenet = {
  source: chainercv('vgg16_imagenet_converted_2017_07_18.npz'),
  names: {
    title: 'VGG16',
    names: Object.fromEntries(
      vgg16Layers.flatMap(([part, layer]) =>
        ['W', 'b'].map((name) => [`${part}/${layer}/${name}`, { from: `${layer}/${name}` }] as const),
      ),
    ),
    unused: /^fc8\//,
  },
  match: 'common' as const,
};

/** ChainerCV publishes no digests: what comes first is recorded, and compared from then on. */
export const pretrained = {
  SSD300: {
    voc0712: voc('ssd300_voc0712_converted_2017_06_06.npz'),
    imagenet: ssdImagenet,
  },
  SSD512: {
    voc0712: voc('ssd512_voc0712_converted_2017_06_06.npz'),
    imagenet: ssdImagenet,
  },
  YOLOv2: yolo('yolo_v2_voc0712_converted_2018_05_03.npz'),
  YOLOv2Tiny: yolo('yolo_v2_tiny_voc0712_converted_2018_10_19.npz'),
  YOLOv3: yolo('yolo_v3_voc0712_converted_2018_05_01.npz'),
  VGG16: {
    imagenet: {
      source: chainercv('vgg16_imagenet_converted_2017_07_18.npz'),
      nClass: 1000,
      mean: [123.68, 116.779, 103.939],
      overwritable: ['mean'],
    },
  },
  FasterRCNNVGG16: {
    voc0712: voc('faster_rcnn_vgg16_voc0712_trained_2017_07_21.npz'),
    voc07: voc('faster_rcnn_vgg16_voc07_trained_2018_06_01.npz'),
    imagenet: fasterRcnnImagenet,
  },
  FasterRCNNFPNResNet50: coco('faster_rcnn_fpn_resnet50'),
  FasterRCNNFPNResNet101: coco('faster_rcnn_fpn_resnet101'),
  MaskRCNNFPNResNet50: coco('mask_rcnn_fpn_resnet50'),
  MaskRCNNFPNResNet101: coco('mask_rcnn_fpn_resnet101'),
  SegNetBasic: {
    camvid: {
      source: chainercv('segnet_camvid_trained_2018_12_05.npz'),
      nClass: 11,
      labelNames: camvidLabelNames,
    },
  },
  DeepLabV3plusXception65: {
    voc: deepLab('voc_converted_2019_02_15', {
      nClass: 21,
      labelNames: vocSemanticSegmentationLabelNames,
    }),
    cityscapes: deepLab('cityscapes_converted_2019_02_15', {
      nClass: 19,
      minInputSize: [1025, 2049] as const,
      labelNames: cityscapesLabelNames,
    }),
    ade20k: deepLab('ade20k_converted_2019_03_08', { nClass: 150 }),
  },
  ResNet18: {},
  ResNet34: {},
  ResNet50: resnet('resnet50'),
  ResNet101: resnet('resnet101'),
  ResNet152: resnet('resnet152'),
  SEResNet50: { imagenet: imagenet('se_resnet50_imagenet_converted_2018_06_25.npz', {}) },
  SEResNet101: { imagenet: imagenet('se_resnet101_imagenet_converted_2018_06_25.npz', {}) },
  SEResNet152: { imagenet: imagenet('se_resnet152_imagenet_converted_2018_06_25.npz', {}) },
  SEResNeXt50: { imagenet: imagenet('se_resnext50_imagenet_converted_2018_06_28.npz', {}) },
  SEResNeXt101: { imagenet: imagenet('se_resnext101_imagenet_converted_2018_06_28.npz', {}) },
  MobileNetV2: {},
  SSDResNet18: {},
  SSDResNet50: {},
  SSDMobileNetV2: {
    /** The first stage of MediaPipe Objectron: a list of labels lies before it, other models behind it. */
    oid: {
      source: {
        kind: 'npm',
        package: '@mediapipe/objectron',
        version: '0.4.1675468480',
        files: [
          {
            file: 'objectron_solution_packed_assets.data',
            bytes: 9_987_912,
            sha256: '470986ca5df183f41698da6de74b027d838fe289d77b5ab094497d350bee664e',
          },
        ],
        part: [184, 9_987_912],
      },
      names: mobilenetV2,
      nFgClass: 23,
      labelNames: openImagesLabelNames,
    },
  },
  SSDMobileNetV1Face: {
    face: {
      source: {
        kind: 'npm',
        package: '@vladmandic/face-api',
        version: '1.7.15',
        files: [
          {
            file: 'model/ssd_mobilenetv1_model-weights_manifest.json',
            bytes: 28_233,
            sha256: '888f744dffbc84f5f060d1f8427d9742341943a2dfaaf9205d10029b7e7a2955',
          },
          {
            file: 'model/ssd_mobilenetv1_model.bin',
            bytes: 5_616_957,
            sha256: '2835640602d53718aa6ae9a42896327eaa21beefed056c218d32ca7d79e1e2f8',
          },
        ],
      },
      names: mobilenetV1Face,
      labelNames: ['face'],
    },
  },
  CenterNet: {
    /** A graph-model, which `importTfjs` of `@chaingrad/onnx` reads. Trained by 610265158 (Apache 2.0), in a package under MIT. */
    coco: {
      source: {
        kind: 'npm',
        package: '@vladmandic/human',
        version: '3.3.6',
        files: [
          {
            file: 'models/centernet.json',
            bytes: 201_673,
            sha256: 'bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05',
          },
          {
            file: 'models/centernet.bin',
            bytes: 4_030_290,
            sha256: '1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef',
          },
        ],
      },
      labelNames: cocoBboxLabelNames,
    },
  },
} as const satisfies Readonly<
  Record<string, PretrainedTable<SsdParam | Vgg16Param | ResNetParam | MobileNetV2Param | DeepLabParam>>
>;

/** Other names of entries, as the command line calls the models. */
const aliases: Readonly<Record<string, string>> = {
  'ssd-mobilenet-v2-oid': 'SSDMobileNetV2/oid',
  'ssd-mobilenet-v1-face': 'SSDMobileNetV1Face/face',
  'centernet-mobilenetv3-coco': 'CenterNet/coco',
};

type Table = Readonly<Record<string, Pretrained<object>>>;

/**
 * The entry of a name, or null: `SSD300/voc0712`, `ssd-mobilenet-v2-oid`, or a name of a class's own table.
 * @param own the table of the model's class.
 */
export function findPretrained(name: string, own: Table = {}): Pretrained<object> | null {
  if (Object.hasOwn(own, name)) return own[name]!;
  const [model = '', weights = ''] = (Object.hasOwn(aliases, name) ? aliases[name]! : name).split('/');
  const tables: Readonly<Record<string, Table>> = pretrained;
  const table = Object.hasOwn(tables, model) ? tables[model]! : {};
  return Object.hasOwn(table, weights) ? table[weights]! : null;
}

/** An argument contradicts the pretrained weights, or is missing. */
export class PretrainedArgumentError extends ChaingradError {
  constructor(
    /** The argument, e.g. `nFgClass`. */
    readonly argument: string,
    /** What it must be, or null where it only must be given. */
    readonly expected: unknown,
    readonly got: unknown,
    advice: string,
  ) {
    const must = expected === null ? 'must be specified' : `must be ${show(expected)}, got ${show(got)}`;
    super(`${argument} ${must}. ${advice}`);
  }
}

/** A name that no pretrained model has, and that is no path either. */
export class UnknownPretrainedError extends ChaingradError {
  constructor(
    readonly pretrained: string,
    readonly known: readonly string[],
  ) {
    super(
      `There is no pretrained model '${pretrained}'. Known names: ${known.join(', ')}. ` +
        `A file needs a path (./${pretrained}) or an address.`,
    );
  }
}

const show = (value: unknown): string => (Array.isArray(value) ? `(${value.join(', ')})` : String(value));

/**
 * Completes a model's arguments by what its pretrained weights fix, then by defaults (the first half of ChainerCV's
 * `prepare_pretrained_model`).
 * @param given every argument by name; null or undefined where the user gave none.
 * @param name an entry of the table; anything else fixes nothing.
 * @throws PretrainedArgumentError: "nFgClass must be 20", "nClass must be specified".
 */
export function completeArguments<P extends object>(
  given: { readonly [K in keyof P]: P[K] | null | undefined },
  name: string | null,
  table: PretrainedTable<P>,
  defaults: Partial<P> = {},
): P {
  const entry: Pretrained<P> | null = name !== null && Object.hasOwn(table, name) ? table[name]! : null;
  const complete: Partial<P> = {};
  for (const key of Object.keys(given) as (keyof P & string)[]) {
    const own = given[key] ?? null;
    const fixed = entry?.[key] ?? null;
    const free = fixed === null || entry?.overwritable?.includes(key) === true;
    if (own !== null && !free && !equal(own, fixed)) {
      const advice = `The weights '${name}' are made for it; to change it, transfer them to a model without pretrained.`;
      throw new PretrainedArgumentError(key, fixed, own, advice);
    }
    const value = own ?? fixed ?? defaults[key] ?? null;
    if (value === null) {
      const names = Object.keys(table).filter((other) => (table[other]![key] ?? null) !== null);
      const hint =
        names.length === 0 ? '' : `, or choose pretrained weights that imply it: ${names.join(', ')}`;
      throw new PretrainedArgumentError(key, null, value, `Give it${hint}.`);
    }
    complete[key] = value as P[keyof P & string];
  }
  return complete as P;
}

function equal(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => item === b[i]);
  return a === b;
}
