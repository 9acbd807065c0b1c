/** torchvision's models. Shapes are ours already (OIHW, (out, in), flattening (c, h, w)). */
import type { ArrayTransform, MappedName, NameMap } from '@chaingrad/core';
import { vgg16Convolutions } from './vgg16-layers.ts';

const pair = (ours: string, theirs: string): [string, MappedName][] => [
  [`${ours}/W`, { from: `${theirs}.weight` }],
  [`${ours}/b`, { from: `${theirs}.bias` }],
];

/** torchvision's pictures are 0..1, minus this mean, divided by this deviation (RGB). */
const std = [0.229, 0.224, 0.225];

/** Kernels for pictures of 0..255 instead of 0..1 divided by the deviation. */
const unnormalized: ArrayTransform = (shape) =>
  shape.length === 4 && shape[1] === 3
    ? { view: shape, order: [0, 1, 2, 3], shape, scale: { axis: 1, factors: std.map((s) => 1 / (255 * s)) } }
    : null;

/** `vgg16-*.pth` of torchvision, for `VGG16`; build it with the map's mean. */
export const torchvisionVgg16: NameMap = {
  title: "torchvision's VGG16",
  mean: [123.675, 116.28, 103.53],
  names: {
    ...Object.fromEntries(vgg16Convolutions.flatMap(([name, i]) => pair(`${name}/conv`, `features.${i}`))),
    ...Object.fromEntries([0, 3, 6].flatMap((i, k) => pair(`fc${6 + k}`, `classifier.${i}`))),
    'conv1_1/conv/W': { from: 'features.0.weight', transform: unnormalized },
  },
};

/**
 * Offsets of boxes: torchvision has x before y, Chainer the other way round. Heads are (box * 4 + offset, ...), so
 * two by two the channels change places.
 */
const yBeforeX: ArrayTransform = (shape) => {
  const [out, ...rest] = shape;
  if (out === undefined || out % 4 !== 0) return null;
  const view = [out / 2, 2, ...rest];
  return { view, order: view.map((_, axis) => axis), shape, flip: 1 };
};

/** The heads, the added layers and the norm of SSD300 in torchvision. */
function ssd300Names(): Record<string, MappedName> {
  const features = vgg16Convolutions.slice(0, 10).map(([name, i]) => pair(name, `backbone.features.${i}`));
  const extra = [
    ...['conv5_1', 'conv5_2', 'conv5_3'].map((name, i) => pair(name, `backbone.extra.0.${1 + 2 * i}`)),
    pair('conv6', 'backbone.extra.0.7.1'),
    pair('conv7', 'backbone.extra.0.7.3'),
    ...[8, 9, 10, 11].flatMap((n, i) => [
      pair(`conv${n}_1`, `backbone.extra.${i + 1}.0`),
      pair(`conv${n}_2`, `backbone.extra.${i + 1}.2`),
    ]),
  ];
  const body = [...features, ...extra].flat().map(([key, value]) => [`extractor/${key}`, value] as const);
  const heads = Array.from({ length: 6 }, (_, i) => [
    ...pair(`multibox/conf/${i}`, `head.classification_head.module_list.${i}`),
    ...pair(`multibox/loc/${i}`, `head.regression_head.module_list.${i}`).map(
      ([key, { from }]) => [key, { from, transform: yBeforeX }] as const,
    ),
  ]).flat();
  return {
    ...Object.fromEntries([...body, ...heads]),
    'extractor/norm4/scale': { from: 'backbone.scale_weight' },
  };
}

/**
 * `ssd300_vgg16_coco-*.pth` of torchvision (90 classes and the background), for an `SSD` like `SSD300(90)` whose default boxes
 * are of the sizes 21, 45, 99, 153, 207, 261, 315.
 */
export const torchvisionSsd300: NameMap = {
  title: "torchvision's SSD300-VGG16",
  mean: [123, 117, 104],
  names: ssd300Names(),
};
