/** Every link class of vision is copied whole, in all modes. A new class without a row fails. */
import '@tensorflow/tfjs-backend-cpu';
import { Convolution2D } from '@chaingrad/core';
import * as vision from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type CopyRow, expectWholeCopies, linkClasses } from '../../support/copies.ts';

const multibox = () => new vision.Multibox(3, [[2], [2, 3], [2, 3], [2, 3], [2], [2]]);
const boxes = { steps: [8, 16, 32, 64, 100, 300], sizes: [30, 60, 111, 162, 213, 264, 315] };

class Features extends Convolution2D {
  readonly mean = [1, 2, 3];
}

const image = [[1, 64, 64, 3]] as const;

/** Abstract classes are copied as one of theirs. */
const tinyYolo = (): vision.YOLOv2Tiny => new vision.YOLOv2Tiny({ nFgClass: 2, insize: 64 });
const faster = (): vision.FasterRCNNVGG16 => new vision.FasterRCNNVGG16({ nFgClass: 2 });
const deepLab = () => new vision.DeepLabV3plusXception65({ nClass: 2, scales: [1, 2] });
const fasterFpn = () => new vision.FasterRCNNFPNResNet50({ nFgClass: 2 });

const rows: Readonly<Record<string, CopyRow>> = {
  BackboneExtractor: [
    () =>
      new vision.BackboneExtractor(new vision.ResNet18({ nClass: 3 }), {
        insize: 64,
        pick: ['res4', 'res5'],
        extra: [8],
      }),
    image,
  ],
  BboxHead: [() => new vision.BboxHead(3, [1 / 4, 1 / 8]), null],
  CenterNet: [() => new vision.CenterNet(new Convolution2D(3, 2, 3), { insize: 64 }), null],
  Darknet19Extractor: [() => new vision.Darknet19Extractor(64), image],
  Darknet53Extractor: [() => new vision.Darknet53Extractor(64), image],
  DarknetExtractor: [() => new vision.DarknetExtractor(64), image],
  Decoder: [
    () => new vision.Decoder(4, 3, 2, 4),
    [
      [1, 8, 8, 4],
      [1, 4, 4, 4],
    ],
  ],
  DeepLabV3plus: [
    () =>
      new vision.DeepLabV3plus(
        new Features(3, 2, 3) as never,
        new vision.SeparableASPP(2, 2),
        new vision.Decoder(2, 2, 2, 2),
      ),
    null,
  ],
  DeepLabV3plusXception65: [deepLab, [[1, 33, 33, 3]]],
  Detector: [tinyYolo, image],
  FPN: [
    () => new vision.FPN(new vision.ResNet50({ nClass: 3 }) as never, 4, [1 / 4, 1 / 8, 1 / 16, 1 / 32]),
    null,
  ],
  FasterRCNN: [faster, null],
  FasterRCNNFPN: [fasterFpn, null],
  FasterRCNNFPNTrainChain: [() => new vision.FasterRCNNFPNTrainChain(fasterFpn()), null],
  FasterRCNNFPNResNet50: [fasterFpn, null],
  FasterRCNNFPNResNet101: [() => new vision.FasterRCNNFPNResNet101({ nFgClass: 2 }), null],
  FasterRCNNTrainChain: [() => new vision.FasterRCNNTrainChain(faster()), null],
  FasterRCNNVGG16: [faster, null],
  MaskHead: [() => new vision.MaskHead(3, [1 / 4, 1 / 8]), null],
  MaskRCNNFPNResNet50: [() => new vision.MaskRCNNFPNResNet50({ nFgClass: 2 }), null],
  MaskRCNNFPNResNet101: [() => new vision.MaskRCNNFPNResNet101({ nFgClass: 2 }), null],
  PixelwiseSoftmaxClassifier: [
    () => new vision.PixelwiseSoftmaxClassifier(new vision.SegNetBasic({ nClass: 3 }), { ignoreLabel: 9 }),
    null,
  ],
  SegNetBasic: [() => new vision.SegNetBasic({ nClass: 3 }), [[1, 32, 32, 3]]],
  SeparableASPP: [() => new vision.SeparableASPP(4, 2), [[1, 4, 4, 4]]],
  Xception65: [() => new vision.Xception65(), [[1, 33, 33, 3]]],
  XceptionBlock: [() => new vision.XceptionBlock(4, [2, 3, 4], { skipType: 'sum' }), [[1, 4, 4, 4]]],
  RPN: [() => new vision.RPN([1 / 4, 1 / 8]), null],
  RegionProposalNetwork: [() => new vision.RegionProposalNetwork(4, 4), null],
  ResidualBlock: [() => new vision.ResidualBlock(new Convolution2D(3, 3, 1)), [[1, 4, 4, 3]]],
  VGG16RoIHead: [() => new vision.VGG16RoIHead(3, 2), null],
  YOLOBase: [tinyYolo, image],
  YOLOv2: [() => new vision.YOLOv2({ nFgClass: 2, insize: 64 }), image],
  YOLOv2Base: [tinyYolo, image],
  YOLOv2Tiny: [tinyYolo, image],
  YOLOv3: [() => new vision.YOLOv3({ nFgClass: 2, insize: 64 }), image],
  BasicBlock: [() => new vision.BasicBlock(null, 8, { stride: 2, residualConv: true }), [[1, 8, 8, 3]]],
  BasicResBlock: [() => new vision.BasicResBlock(2, 3, 8), [[1, 8, 8, 3]]],
  Bottleneck: [
    () => new vision.Bottleneck(null, 4, 16, { residualConv: true, addSeblock: true }),
    [[1, 8, 8, 3]],
  ],
  ExpandedConv2D: [() => new vision.ExpandedConv2D(8, 8), [[1, 8, 8, 8]]],
  FeaturePredictor: [
    () => new vision.FeaturePredictor(new Features(3, 2, 3), { cropSize: 8 }),
    [[1, 8, 8, 3]],
  ],
  MobileNetV1Extractor512: [() => new vision.MobileNetV1Extractor512(), [[1, 512, 512, 3]]],
  MobileNetV2: [() => new vision.MobileNetV2({ nClass: 3, arch: 'torchvision' }), image],
  MobileNetV2Extractor: [() => new vision.MobileNetV2Extractor(300), [[1, 300, 300, 3]]],
  Multibox: [multibox, null],
  MultiboxTrainChain: [
    () => new vision.MultiboxTrainChain(new vision.SSD300({ nFgClass: 2 }), { k: 2 }),
    null,
  ],
  ResBlock: [
    () => {
      const stage = new vision.ResBlock(3, null, 4, 16, { stride: 2 });
      stage.pick = ['a', 'b2'];
      return stage;
    },
    [[1, 8, 8, 3]],
  ],
  ResNet18: [() => new vision.ResNet18({ nClass: 3, arch: 'torchvision' }), image],
  ResNet34: [() => new vision.ResNet34({ nClass: 3 }), image],
  ResNet50: [
    () => {
      const net = new vision.ResNet50({ nClass: 3, arch: 'he', mean: [1, 2, 3] });
      net.pick = ['res4', 'fc6'];
      return net;
    },
    image,
  ],
  ResNet101: [() => new vision.ResNet101({ nClass: 3 }), image],
  ResNet152: [() => new vision.ResNet152({ nClass: 3 }), image],
  SEBlock: [() => new vision.SEBlock(8, 4), [[1, 4, 4, 8]]],
  SEResNeXt50: [() => new vision.SEResNeXt50({ nClass: 3 }), image],
  SEResNeXt101: [() => new vision.SEResNeXt101({ nClass: 3 }), image],
  SEResNet50: [() => new vision.SEResNet50({ nClass: 3 }), image],
  SEResNet101: [() => new vision.SEResNet101({ nClass: 3 }), image],
  SEResNet152: [() => new vision.SEResNet152({ nClass: 3 }), image],
  SSD: [() => new vision.SSD(new vision.VGG16Extractor300(), multibox(), boxes), [[1, 300, 300, 3]]],
  SSD300: [() => new vision.SSD300({ nFgClass: 2 }), [[1, 300, 300, 3]]],
  SSD512: [() => new vision.SSD512({ nFgClass: 2 }), [[1, 512, 512, 3]]],
  SSDMobileNetV1Face: [() => new vision.SSDMobileNetV1Face(), [[1, 512, 512, 3]]],
  SSDMobileNetV2: [
    () => new vision.SSDMobileNetV2({ nFgClass: 2, scoreFunction: 'softmax' }),
    [[1, 300, 300, 3]],
  ],
  SSDResNet18: [() => new vision.SSDResNet18({ nFgClass: 2, insize: 64 }), image],
  SSDResNet50: [() => new vision.SSDResNet50({ nFgClass: 2, insize: 64 }), image],
  TFConv2DBNActiv: [() => new vision.TFConv2DBNActiv(null, 4, 3, { stride: 2, activ: null }), [[1, 8, 8, 3]]],
  TFConvolution2D: [() => new vision.TFConvolution2D(3, 4, 3, { stride: 2 }), [[1, 8, 8, 3]]],
  VGG16: [
    () => {
      const vgg = new vision.VGG16({ nClass: 3 });
      vgg.pick = ['conv5_3', 'fc7'];
      return vgg;
    },
    [[1, 224, 224, 3]],
  ],
  VGG16Extractor: [() => new vision.VGG16Extractor(), null],
  VGG16Extractor300: [() => new vision.VGG16Extractor300(), [[1, 300, 300, 3]]],
  VGG16Extractor512: [() => new vision.VGG16Extractor512(), [[1, 512, 512, 3]]],
};

describe('copies of the links of vision', () => {
  before(() => tf.setBackend('cpu'));

  it('has a row for every exported class', () => {
    expect(Object.keys(rows).sort()).to.deep.equal(linkClasses(vision));
  });

  for (const [name, row] of Object.entries(rows)) it(name, () => expectWholeCopies(row));

  it('keeps how a detector scores', () => {
    const model = new vision.SSDMobileNetV2({ nFgClass: 2, scoreFunction: 'softmax' });
    for (const mode of ['share', 'copy', 'init'] as const) {
      const copy = model.copy(mode);
      expect(copy.scoreFunction).to.equal('softmax');
      if (mode !== 'share') copy.dispose();
    }
    model.dispose();
  });
});
