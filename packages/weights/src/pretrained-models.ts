/** ChainerCV's table of pretrained models. */

/** The server that ChainerCV's weights lie on. `prepareModel` takes another one as `baseUrl`. */
export const chainercvBaseUrl = 'https://chainercv-models.preferred.jp/';

/** One set of trained weights. */
export interface PretrainedModel<P extends object> {
  /** The file's name on the server. */
  readonly file: string;
  /** Its length, where it is known. */
  readonly bytes?: number;
  /**
   * Its digest in hexadecimal, where it is known. ChainerCV publishes none: what comes first is recorded, and compared
   * from then on.
   */
  readonly sha256?: string;
  /** Arguments that the weights fix. */
  readonly param: Partial<P>;
  /** Fixed arguments that may be given another value all the same. */
  readonly overwritable?: readonly (keyof P)[];
}

/** Models by name. */
export type PretrainedTable<P extends object> = Readonly<Record<string, PretrainedModel<P>>>;

/** A colour: red, green and blue in 0..255. */
export type Rgb = readonly [red: number, green: number, blue: number];

export interface SsdParam {
  readonly nFgClass: number | null;
}

export interface Vgg16Param {
  readonly nClass: number | null;
  /** Subtracted from every image. */
  readonly mean: Rgb | null;
}

/** The VGG part alone, trained on ImageNet: the rest of an SSD keeps its initial values. */
const ssdImagenet: PretrainedModel<SsdParam> = {
  file: 'ssd_vgg16_imagenet_converted_2017_06_09.npz',
  param: {},
};

/** What `new SSD300({ pretrained: 'voc0712' })` and its like stand for. */
export const pretrainedModels = {
  SSD300: {
    voc0712: { file: 'ssd300_voc0712_converted_2017_06_06.npz', param: { nFgClass: 20 } },
    imagenet: ssdImagenet,
  } satisfies PretrainedTable<SsdParam>,
  SSD512: {
    voc0712: { file: 'ssd512_voc0712_converted_2017_06_06.npz', param: { nFgClass: 20 } },
    imagenet: ssdImagenet,
  } satisfies PretrainedTable<SsdParam>,
  VGG16: {
    imagenet: {
      file: 'vgg16_imagenet_converted_2017_07_18.npz',
      param: { nClass: 1000, mean: [123.68, 116.779, 103.939] },
      overwritable: ['mean'],
    },
  } satisfies PretrainedTable<Vgg16Param>,
} as const;
