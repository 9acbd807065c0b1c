/** What `chaingrad segment` takes by name. */

export interface SegmenterEntry {
  /** One line for the help. */
  readonly title: string;
  readonly className: 'DeepLabV3plusXception65' | 'SegNetBasic';
  /** Of ChainerCV's weights. */
  readonly weights: string;
}

export const segmenters = {
  'deeplab-voc': {
    title: 'DeepLab v3+ on Xception-65, 20 classes of Pascal VOC and the background',
    className: 'DeepLabV3plusXception65',
    weights: 'voc',
  },
  'deeplab-cityscapes': {
    title: 'the same, 19 classes of streets',
    className: 'DeepLabV3plusXception65',
    weights: 'cityscapes',
  },
  'deeplab-ade20k': {
    title: 'the same, 150 classes of rooms and landscapes',
    className: 'DeepLabV3plusXception65',
    weights: 'ade20k',
  },
  'segnet-camvid': { title: 'SegNet, 11 classes of streets', className: 'SegNetBasic', weights: 'camvid' },
} satisfies Record<string, SegmenterEntry>;

export const segmenterNames = Object.keys(segmenters) as readonly (keyof typeof segmenters)[];

export const segmenterHelp = (): string =>
  ['Models:', ...segmenterNames.map((name) => `  ${name.padEnd(20)}${segmenters[name].title}`)].join('\n');
