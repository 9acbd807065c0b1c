/** The MobileNet detectors whose weights lie in packages of npm. */
import type { MappedName, NameMap } from '@chaingrad/core';
import { depthwiseToOihw, hwioToOihw, permuted } from './transform.ts';

type Names = [ours: string, theirs: MappedName][];

/** TFLite's convolution kernels (out, kh, kw, in) as (out, in, kh, kw). */
const ohwiToOihw = permuted(0, 3, 1, 2);
/** TFLite's depthwise kernels (1, kh, kw, channels) as (channels, 1, kh, kw). */
const tfliteDepthwise = permuted(3, 0, 1, 2);

/**
 * A name of TFLite's converter: a constant that was folded from several operations bears all of their names, separated by
 * semicolons.
 */
const named = (first: string, more: '' | ';' | '(;|$)'): RegExp =>
  new RegExp(`^${first.replaceAll('/', '\\/')}${more === '' ? '$' : more}`);

const convolution = (ours: string, theirs: string): Names => [
  [`${ours}/W`, { from: `${theirs}/Conv2D`, transform: ohwiToOihw }],
  [`${ours}/b`, { from: named(`${theirs}/BatchNorm/FusedBatchNormV3`, '(;|$)') }],
];

function mobileNetV2Names(): Names {
  const root = 'FeatureExtractor/MobilenetV2';
  const blocks = Array.from({ length: 17 }, (_, i): Names => {
    const ours = `extractor/blocks/${i}`;
    const theirs = `${root}/expanded_conv${i === 0 ? '' : `_${i}`}`;
    const norm = `${theirs}/depthwise/BatchNorm/FusedBatchNormV3`;
    return [
      ...(i === 0 ? [] : convolution(`${ours}/expand`, `${theirs}/expand`)),
      [`${ours}/dw/W`, { from: named(norm, ';'), transform: tfliteDepthwise }],
      [`${ours}/dw/b`, { from: named(norm, '') }],
      ...convolution(`${ours}/project`, `${theirs}/project`),
    ];
  });
  const extras = ['1x1_256', '1x1_128', '1x1_128', '1x1_64'].map((reduce, i): Names => {
    const expand = ['512', '256', '256', '128'][i];
    return [
      ...convolution(`extractor/extras/${i}/conv1`, `${root}/layer_19_1_Conv2d_${i + 2}_${reduce}`),
      ...convolution(`extractor/extras/${i}/conv2`, `${root}/layer_19_2_Conv2d_${i + 2}_3x3_s2_${expand}`),
    ];
  });
  const heads = Array.from({ length: 6 }, (_, i) =>
    (['loc BoxEncoding', 'conf Class'] as const).flatMap((pair): Names => {
      const [ours, kind] = pair.split(' ');
      const theirs = `BoxPredictor_${i}/${kind}Predictor`;
      return [
        [`multibox/${ours}/${i}/W`, { from: `${theirs}/Conv2D`, transform: ohwiToOihw }],
        [`multibox/${ours}/${i}/b`, { from: named(`${theirs}/BiasAdd`, ';') }],
      ];
    }),
  );
  return [
    ...convolution('extractor/conv0', `${root}/Conv`),
    ...convolution('extractor/conv1', `${root}/Conv_1`),
    ...[...blocks, ...extras, ...heads].flat(),
  ];
}

/** The first stage of MediaPipe Objectron (TFLite), for `SSDMobileNetV2`. */
export const mobilenetV2: NameMap = {
  title: "MediaPipe's SSD on MobileNetV2",
  names: Object.fromEntries(mobileNetV2Names()),
  // Shapes of reshapes, which the graph holds as constants.
  unused: /^(BoxPredictor_\d\/Reshape|Squeeze)/,
};

function mobileNetV1FaceNames(): Names {
  const convolution = (ours: string, theirs: string, bias = 'convolution_bn_offset'): Names => [
    [`${ours}/W`, { from: `${theirs}/weights`, transform: hwioToOihw }],
    [`${ours}/b`, { from: `${theirs}/${bias}` }],
  ];
  const blocks = Array.from({ length: 13 }, (_, i): Names => {
    const ours = `extractor/blocks/${i}`;
    const theirs = `MobilenetV1/Conv2d_${i + 1}`;
    const norm = `${theirs}_depthwise/BatchNorm`;
    return [
      [`${ours}/dw/W`, { from: `${theirs}_depthwise/depthwise_weights`, transform: depthwiseToOihw }],
      [`${ours}/bn/gamma`, { from: `${norm}/gamma` }],
      [`${ours}/bn/beta`, { from: `${norm}/beta` }],
      [`${ours}/bn/avg_mean`, { from: `${norm}/moving_mean` }],
      [`${ours}/bn/avg_var`, { from: `${norm}/moving_variance` }],
      ...convolution(`${ours}/pw`, `${theirs}_pointwise`),
    ];
  });
  const extras = Array.from({ length: 8 }, (_, i) =>
    convolution(`extractor/extras/${i >> 1}/conv${1 + (i % 2)}`, `Prediction/Conv2d_${i}_pointwise`),
  );
  const heads = Array.from({ length: 6 }, (_, i) => [
    ...convolution(`multibox/loc/${i}`, `Prediction/BoxPredictor_${i}/BoxEncodingPredictor`, 'biases'),
    ...convolution(`multibox/conf/${i}`, `Prediction/BoxPredictor_${i}/ClassPredictor`, 'biases'),
  ]);
  return [
    ...convolution('extractor/conv0', 'MobilenetV1/Conv2d_0_pointwise'),
    ...[...blocks, ...extras, ...heads].flat(),
  ];
}

/** SSD on MobileNetV1 of face-api.js (a tfjs weights manifest), for `SSDMobileNetV1Face`. */
export const mobilenetV1Face: NameMap = {
  title: "face-api.js' SSD on MobileNetV1",
  names: Object.fromEntries(mobileNetV1FaceNames()),
  // Constants of the graph around the layers.
  unused: /^(Preprocessor|Postprocessor|Output|concat|Prediction\/BoxPredictor_\d\/(stack|strided))/,
  // The file has no counters of batches; its running statistics are final.
  absent: /\/bn\/N$/,
};
