/** torchvision's models. Shapes are ours already (OIHW, (out, in), flattening (c, h, w)). */
import type { ArrayTransform, MappedName, NameMap } from '@chaingrad/core';
import { vgg16Convolutions } from './vgg16-layers.ts';

const pair = (ours: string, theirs: string): [string, MappedName][] => [
  [`${ours}/W`, { from: `${theirs}.weight` }],
  [`${ours}/b`, { from: `${theirs}.bias` }],
];

const normalization = (ours: string, theirs: string): [string, MappedName][] => [
  [`${ours}/gamma`, { from: `${theirs}.weight` }],
  [`${ours}/beta`, { from: `${theirs}.bias` }],
  [`${ours}/avg_mean`, { from: `${theirs}.running_mean` }],
  [`${ours}/avg_var`, { from: `${theirs}.running_var` }],
];

/** A convolution without bias and its batch normalization. */
const normalized = (
  ours: string,
  conv: string,
  norm: string,
  transform?: ArrayTransform,
): [string, MappedName][] => [
  [`${ours}/W`, transform === undefined ? { from: `${conv}.weight` } : { from: `${conv}.weight`, transform }],
  ...normalization(ours.replace(/(\/conv)+$/, '/bn'), norm),
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

/** torchvision counts batches, where we have N for another purpose: it stays. */
const counters = { unused: /\.num_batches_tracked$/, absent: /\/bn\/N$/ };

/**
 * The names of torchvision's ResNets, which timm has taken over.
 * @param kernels convolutions of a block: 2 of a basic one, 3 of a bottleneck.
 */
function resnet(layers: number, blocks: readonly number[], kernels: 2 | 3): NameMap {
  const stages = blocks.flatMap((count, stage) =>
    Array.from({ length: count }, (_, i) => {
      const ours = `res${stage + 2}/${i === 0 ? 'a' : `b${i}`}`;
      const theirs = `layer${stage + 1}.${i}`;
      const isProjected = i === 0 && (kernels === 3 || stage > 0);
      return [
        ...Array.from({ length: kernels }, (_, k) =>
          normalized(`${ours}/conv${k + 1}/conv`, `${theirs}.conv${k + 1}`, `${theirs}.bn${k + 1}`),
        ).flat(),
        ...(isProjected
          ? normalized(`${ours}/residual_conv/conv`, `${theirs}.downsample.0`, `${theirs}.downsample.1`)
          : []),
      ];
    }),
  );
  return {
    title: `torchvision's ResNet-${layers}`,
    mean: [123.675, 116.28, 103.53],
    names: Object.fromEntries([
      ...normalized('conv1/conv', 'conv1', 'bn1', unnormalized),
      ...stages.flat(),
      ...pair('fc6', 'fc'),
    ]),
    ...counters,
  };
}

/** `resnet18-*.pth`, ... of torchvision, or timm's files of the same networks, for a ResNet of the arch 'torchvision'. */
export const torchvisionResnet18: NameMap = resnet(18, [2, 2, 2, 2], 2);
export const torchvisionResnet34: NameMap = resnet(34, [3, 4, 6, 3], 2);
export const torchvisionResnet50: NameMap = resnet(50, [3, 4, 6, 3], 3);
export const torchvisionResnet101: NameMap = resnet(101, [3, 4, 23, 3], 3);
export const torchvisionResnet152: NameMap = resnet(152, [3, 8, 36, 3], 3);

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

/** torchvision's last layer is dense where ours is a convolution of one pixel. */
const denseToPointwise: ArrayTransform = (shape) => {
  const [out, inputs] = shape;
  return shape.length === 2 ? { view: shape, order: [0, 1], shape: [out!, inputs!, 1, 1] } : null;
};

/** What a library calls the convolution and the normalization of a part of a MobileNetV2, and its last layer. */
interface MobilenetV2Naming {
  readonly stem: readonly [conv: string, norm: string];
  readonly head: readonly [conv: string, norm: string];
  readonly classifier: string;
  /** Of block `i`, counting from 0, which has no expansion at first. */
  block(i: number, part: 'expand' | 'depthwise' | 'project'): readonly [conv: string, norm: string];
}

const mobilenetV2Names = ({ stem, head, classifier, block }: MobilenetV2Naming): [string, MappedName][] => [
  ...normalized('conv/conv/conv', ...stem, unnormalized),
  ...Array.from({ length: 17 }, (_, i) => {
    // The first block expands nothing.
    const parts =
      i === 0 ? (['depthwise', 'project'] as const) : (['expand', 'depthwise', 'project'] as const);
    const ours = `expanded_conv${i === 0 ? '' : `_${i}`}`;
    return parts.flatMap((part) => normalized(`${ours}/${part}/conv/conv`, ...block(i, part)));
  }).flat(),
  ...normalized('conv1/conv/conv', ...head),
  ['logits_conv/conv/W', { from: `${classifier}.weight`, transform: denseToPointwise }],
  ['logits_conv/conv/b', { from: `${classifier}.bias` }],
];

const mobilenetV2 = (title: string, naming: MobilenetV2Naming): NameMap => ({
  title,
  mean: [123.675, 116.28, 103.53],
  names: Object.fromEntries(mobilenetV2Names(naming)),
  ...counters,
});

/** `mobilenet_v2-*.pth` of torchvision, for a `MobileNetV2` of the arch 'torchvision'. */
export const torchvisionMobilenetV2: NameMap = mobilenetV2("torchvision's MobileNetV2", {
  stem: ['features.0.0', 'features.0.1'],
  head: ['features.18.0', 'features.18.1'],
  classifier: 'classifier.1',
  block(i, part) {
    const place = `features.${i + 1}.conv`;
    const depthwise = i === 0 ? 0 : 1;
    if (part === 'project') return [`${place}.${depthwise + 1}`, `${place}.${depthwise + 2}`];
    const inner = `${place}.${part === 'expand' ? 0 : depthwise}`;
    return [`${inner}.0`, `${inner}.1`];
  },
});

/** Where each of the 17 blocks is in timm: the stage, and the place in it. */
const timmBlocks = [1, 2, 3, 4, 3, 3, 1].flatMap((count, stage) =>
  Array.from({ length: count }, (_, i) => `blocks.${stage}.${i}`),
);

/** `mobilenetv2_100` of timm, for a `MobileNetV2` of the arch 'torchvision'. */
export const timmMobilenetV2: NameMap = mobilenetV2("timm's MobileNetV2", {
  stem: ['conv_stem', 'bn1'],
  head: ['conv_head', 'bn2'],
  classifier: 'classifier',
  block(i, part) {
    const place = timmBlocks[i]!;
    // Without an expansion the projection is the pointwise convolution.
    const expanded = { expand: 1, depthwise: 2, project: 3 } as const;
    const convolutions = ['conv_pw', 'conv_dw', 'conv_pwl'] as const;
    if (i > 0) {
      const k = expanded[part];
      return [`${place}.${convolutions[k - 1]}`, `${place}.bn${k}`];
    }
    return part === 'depthwise' ? [`${place}.conv_dw`, `${place}.bn1`] : [`${place}.conv_pw`, `${place}.bn2`];
  },
});
