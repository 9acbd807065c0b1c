/** Keras' models: kernels are (kh, kw, in, out) and (in, out), and feature maps are flattened (h, w, c). */
import type { ArrayTransform, MappedName, NameMap } from '@chaingrad/core';
import { denseToLinear, depthwiseToOihw, flattenedToLinear, hwioToOihw } from './transform.ts';
import { vgg16Convolutions } from './vgg16-layers.ts';

/** Names in a file of weights, and the same in a file of a whole model. */
const alsoWhole = (names: readonly string[]): string[] => [
  ...names,
  ...names.map((name) => `model_weights/${name}`),
];

/** The names that Keras' writers have given to a value of a layer: by its own name, and by its place among them (Keras 3). */
const written = (layer: string, value: string, place: number): string[] =>
  alsoWhole([
    `${layer}/${value}`,
    `${layer}/${value}:0`,
    `${layer}/${layer}/${value}:0`,
    // The first Keras: `fc1_W_1:0`.
    ...(value === 'kernel' ? [`${layer}/${layer}_W_1:0`, `${layer}/${layer}_W:0`] : []),
    ...(value === 'bias' ? [`${layer}/${layer}_b_1:0`, `${layer}/${layer}_b:0`] : []),
    `layers/${layer}/vars/${place}`,
    `_layer_checkpoint_dependencies/${layer}/vars/${place}`,
  ]);

/** What a layer of Keras is. */
export interface KerasLayer {
  /** Its name in the file. */
  readonly name: string;
  /** 'norm' is a BatchNormalization with scale and centre. Default 'conv'. */
  readonly kind?: 'conv' | 'depthwise' | 'dense' | 'norm';
  /** Of a dense layer behind a flattened feature map: that map's height and width. */
  readonly flattened?: readonly [height: number, width: number];
}

const names = (
  ours: string,
  layer: string,
  transform: ArrayTransform,
  fileShape?: MappedName['fileShape'],
): [string, MappedName][] => [
  [`${ours}/W`, { from: written(layer, 'kernel', 0), transform, ...(fileShape && { fileShape }) }],
  [`${ours}/b`, { from: written(layer, 'bias', 1) }],
];

const depthwiseNames = (ours: string, layer: string): [string, MappedName][] => [
  [
    `${ours}/W`,
    {
      from: [...written(layer, 'depthwise_kernel', 0), ...written(layer, 'kernel', 0)],
      transform: depthwiseToOihw,
      // How many filters a channel had cannot be told of ours: one.
      fileShape: ([out, , kh, kw]) => [kh!, kw!, out!, 1],
    },
  ],
  [`${ours}/b`, { from: written(layer, 'bias', 1) }],
];

const normNames = (ours: string, layer: string): [string, MappedName][] => [
  [`${ours}/gamma`, { from: written(layer, 'gamma', 0) }],
  [`${ours}/beta`, { from: written(layer, 'beta', 1) }],
  [`${ours}/avg_mean`, { from: written(layer, 'moving_mean', 2) }],
  [`${ours}/avg_var`, { from: written(layer, 'moving_variance', 3) }],
];

/**
 * The map of a Keras or tfjs layers-model.
 *
 * ```ts
 * const map = kerasNames('my model', {
 *   conv1: { name: 'conv2d' },
 *   fc: { name: 'dense', kind: 'dense', flattened: [7, 7] },
 * });
 * ```
 *
 * Files are read by it, and written under Keras' names in Keras' layouts (`save('mine.safetensors', model, { names: map })`): tfjs' `loadWeights`
 * takes them by name.
 *
 * @param layers by our paths.
 */
export function kerasNames(title: string, layers: Readonly<Record<string, KerasLayer>>): NameMap {
  const entries = Object.entries(layers).flatMap(([ours, { name, kind = 'conv', flattened }]) => {
    const dense = flattened === undefined ? denseToLinear : flattenedToLinear(...flattened);
    if (kind === 'norm') return normNames(ours, name);
    if (kind === 'depthwise') return depthwiseNames(ours, name);
    return kind === 'dense'
      ? names(ours, name, dense, ([out, size]) => [size!, out!])
      : names(ours, name, hwioToOihw, ([out, inside, kh, kw]) => [kh!, kw!, inside!, out!]);
  });
  return {
    title,
    names: Object.fromEntries(entries),
    // What training goes on from, in a file of a whole model.
    unused: /^(optimizer_weights|optimizer|_optimizer\w*)\//,
    // Keras does not count batches.
    absent: /(^|\/)N$/,
  };
}

/** Keras' VGG16 was trained on pictures with blue first. */
const blueFirst: ArrayTransform = (shape) => {
  const plan = hwioToOihw(shape);
  return plan === null || shape[2] !== 3 ? null : { ...plan, flip: 2 };
};

/** `vgg16_weights_tf_dim_ordering_tf_kernels.h5` of Keras, for `VGG16`. */
export const kerasVgg16: NameMap = {
  title: "Keras' VGG16",
  mean: [123.68, 116.779, 103.939],
  names: {
    ...Object.fromEntries(
      vgg16Convolutions.flatMap(([name]) => {
        const transform = name === 'conv1_1' ? blueFirst : hwioToOihw;
        return names(`${name}/conv`, name.replace(/^conv(\d)_(\d)$/, 'block$1_conv$2'), transform);
      }),
    ),
    ...Object.fromEntries([
      ...names('fc6', 'fc1', flattenedToLinear(7, 7)),
      ...names('fc7', 'fc2', denseToLinear),
      ...names('fc8', 'predictions', denseToLinear),
    ]),
  },
};

/** Tiny VGG of CNN Explainer (a tfjs layers-model), whose last feature map is 13 x 13. */
export const tinyVgg: NameMap = kerasNames('Tiny VGG', {
  conv_1_1: { name: 'conv_1_1' },
  conv_1_2: { name: 'conv_1_2' },
  conv_2_1: { name: 'conv_2_1' },
  conv_2_2: { name: 'conv_2_2' },
  output: { name: 'output', kind: 'dense', flattened: [13, 13] },
});
