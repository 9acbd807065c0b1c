/** Options are checked in everything of the package, as JavaScript passes them. */
import '@tensorflow/tfjs-backend-cpu';
import { SerialIterator } from '@chaingrad/training';
import type { Image } from '@chaingrad/vision';
import * as vision from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { describeMistakes, describeOptions, type OptionTable } from '../support/option-tables.ts';
import { TinySSD } from './models/tiny-ssd.ts';

const img: Image = { data: new Float32Array(12), shape: [2, 2, 3] };
const bytes = new Uint8Array(0);
const files = vision.memoryFiles([]);
const masks = { data: new Uint8Array(0), shape: [0, 0, 0] } as const;
const labelMap = { data: new Int32Array(0), shape: [0, 0] } as const;
const example = { img, bbox: new Float32Array(0), label: new Int32Array(0), difficult: new Uint8Array(0) };

describe('options of vision', () => {
  let ssd: TinySSD;
  before(async () => {
    await tf.setBackend('cpu');
    ssd = new TinySSD();
  });
  after(() => ssd.dispose());

  const once = () => new SerialIterator([example], 1, { repeat: false });
  const coder = () => new vision.MultiboxCoder({ defaultBbox: [1, 1, 1, 1], variance: [0.1, 0.2] });
  const takers: OptionTable = {
    BackboneExtractor: (o) => new vision.BackboneExtractor(new vision.ResNet18(), o),
    BasicBlock: (o) => new vision.BasicBlock(1, 1, o),
    BasicResBlock: (o) => new vision.BasicResBlock(1, 1, 1, o),
    Bottleneck: (o) => new vision.Bottleneck(1, 1, 1, o),
    'DetectionDataset.preload': async (o) => {
      const dataset = await vision.openLabelledFolder(files, []);
      return dataset.preload(o);
    },
    DetectionVisReport: (o) => new vision.DetectionVisReport(once(), ssd, o),
    ProgressHook: (o) => new vision.ProgressHook(o),
    applyToIterator: (o) => vision.applyToIterator(() => 0, once(), o),
    tileImages: (o) => vision.tileImages([img], 1, o),
    DetectionCOCOEvaluator: (o) => new vision.DetectionCOCOEvaluator(once(), ssd, o),
    InstanceSegmentationCOCOEvaluator: (o) =>
      new vision.InstanceSegmentationCOCOEvaluator(once() as never, ssd as never, o),
    InstanceSegmentationVOCEvaluator: (o) =>
      new vision.InstanceSegmentationVOCEvaluator(once() as never, ssd as never, o),
    SemanticSegmentationEvaluator: (o) =>
      new vision.SemanticSegmentationEvaluator(once() as never, ssd as never, o),
    DetectionVOCEvaluator: (o) => new vision.DetectionVOCEvaluator(once(), ssd, o),
    ExpandedConv2D: (o) => new vision.ExpandedConv2D(1, 1, o),
    showImage: ['visBbox', (o) => vision.showImage(img, [], null, null, o)],
    AnchorTargetCreator: (o) => new vision.AnchorTargetCreator(o),
    Decoder: (o) => new vision.Decoder(1, 1, 1, 1, o),
    DeepLabV3plus: (o) => new vision.DeepLabV3plus(ssd as never, ssd as never, ssd as never, o),
    DeepLabV3plusXception65: (o) => new vision.DeepLabV3plusXception65(o),
    'DeepLabV3plusXception65.fromPretrained': (o) => vision.DeepLabV3plusXception65.fromPretrained(bytes, o),
    PixelwiseSoftmaxClassifier: (o) => new vision.PixelwiseSoftmaxClassifier(ssd, o),
    SegNetBasic: (o) => new vision.SegNetBasic(o),
    'SegNetBasic.fromPretrained': (o) => vision.SegNetBasic.fromPretrained(bytes, o),
    SeparableASPP: (o) => new vision.SeparableASPP(1, 1, o),
    Xception65: (o) => new vision.Xception65(o),
    XceptionBlock: (o) => new vision.XceptionBlock(1, [1, 1, 1], o),
    FasterRCNN: (o) => new vision.FasterRCNN(ssd as never, ssd as never, ssd as never, 0, o),
    FasterRCNNTrainChain: (o) => new vision.FasterRCNNTrainChain(ssd as never, o),
    FasterRCNNFPNTrainChain: (o) => new vision.FasterRCNNFPNTrainChain(ssd as never, o),
    FasterRCNNFPNResNet50: (o) => new vision.FasterRCNNFPNResNet50(o),
    FasterRCNNFPNResNet101: (o) => new vision.FasterRCNNFPNResNet101(o),
    MaskRCNNFPNResNet50: (o) => new vision.MaskRCNNFPNResNet50(o),
    MaskRCNNFPNResNet101: (o) => new vision.MaskRCNNFPNResNet101(o),
    'FasterRCNNFPN.fromPretrained': [
      'MaskRCNNFPNResNet50.fromPretrained',
      (o) => vision.MaskRCNNFPNResNet50.fromPretrained(bytes, o),
    ],
    'FasterRCNNFPN.predict': [
      'FasterRCNNFPNResNet50.predict',
      (o) => new vision.FasterRCNNFPNResNet50({ nFgClass: 1 }).predict([], o),
    ],
    FasterRCNNVGG16: (o) => new vision.FasterRCNNVGG16(o),
    'FasterRCNNVGG16.fromPretrained': (o) => vision.FasterRCNNVGG16.fromPretrained(bytes, o),
    ProposalCreator: (o) => new vision.ProposalCreator(o),
    ProposalTargetCreator: (o) => new vision.ProposalTargetCreator(o),
    RegionProposalNetwork: (o) => new vision.RegionProposalNetwork(1, 1, o),
    VGG16RoIHead: (o) => new vision.VGG16RoIHead(1, 1, 1, o),
    generateAnchorBase: (o) => vision.generateAnchorBase(o),
    FeaturePredictor: (o) => new vision.FeaturePredictor(ssd as never, o),
    MobileNetV2: (o) => new vision.MobileNetV2(o),
    'MobileNetV2.fromPretrained': (o) => vision.MobileNetV2.fromPretrained(bytes, o),
    Multibox: (o) => new vision.Multibox(2, [1], o),
    MultiboxCoder: (o) => new vision.MultiboxCoder(o),
    'MultiboxCoder.decode': (o) => coder().decode(new Float32Array(4), new Float32Array(2), o),
    MultiboxTrainChain: (o) => new vision.MultiboxTrainChain(ssd, o),
    ResBlock: (o) => new vision.ResBlock(1, 1, 1, 1, o),
    ResNet18: (o) => new vision.ResNet18(o),
    ResNet34: (o) => new vision.ResNet34(o),
    ResNet50: (o) => new vision.ResNet50(o),
    ResNet101: (o) => new vision.ResNet101(o),
    ResNet152: (o) => new vision.ResNet152(o),
    'ResNet50.fromPretrained': (o) => vision.ResNet50.fromPretrained(bytes, o),
    SEResNet50: (o) => new vision.SEResNet50(o),
    SEResNet101: (o) => new vision.SEResNet101(o),
    SEResNet152: (o) => new vision.SEResNet152(o),
    SEResNeXt50: (o) => new vision.SEResNeXt50(o),
    SEResNeXt101: (o) => new vision.SEResNeXt101(o),
    'SEResNet50.fromPretrained': (o) => vision.SEResNet50.fromPretrained(bytes, o),
    SSD: (o) => new vision.SSD(ssd.extractor, ssd.multibox, o),
    SSD300: (o) => new vision.SSD300(o),
    'SSD300.fromPretrained': (o) => vision.SSD300.fromPretrained(bytes, o),
    SSD512: (o) => new vision.SSD512(o),
    'SSD512.fromPretrained': (o) => vision.SSD512.fromPretrained(bytes, o),
    'SSDMobileNetV1Face.fromPretrained': (o) => vision.SSDMobileNetV1Face.fromPretrained(bytes, o),
    'SSDMobileNetV1Face.predict': (o) => new vision.SSDMobileNetV1Face().predict([], o),
    SSDMobileNetV2: (o) => new vision.SSDMobileNetV2(o),
    'SSDMobileNetV2.fromPretrained': (o) => vision.SSDMobileNetV2.fromPretrained(bytes, o),
    SSDResNet18: (o) => new vision.SSDResNet18(o),
    SSDResNet50: (o) => new vision.SSDResNet50(o),
    'SSDResNet18.fromPretrained': (o) => vision.SSDResNet18.fromPretrained(bytes, o),
    TFConv2DBNActiv: (o) => new vision.TFConv2DBNActiv(1, 1, 1, o),
    TFConvolution2D: (o) => new vision.TFConvolution2D(1, 1, 1, o),
    VGG16: (o) => new vision.VGG16(o),
    'VGG16.fromPretrained': (o) => vision.VGG16.fromPretrained(bytes, o),
    YOLOv2: (o) => new vision.YOLOv2(o),
    YOLOv2Tiny: (o) => new vision.YOLOv2Tiny(o),
    YOLOv3: (o) => new vision.YOLOv3(o),
    'YOLOBase.fromPretrained': ['YOLOv3.fromPretrained', (o) => vision.YOLOv3.fromPretrained(bytes, o)],
    'Detector.predict': [
      'YOLOv2Tiny.predict',
      (o) => new vision.YOLOv2Tiny({ nFgClass: 1, insize: 64 }).predict([], o),
    ],
    'SSD.predict': (o) => ssd.predict([], o),
    CenterNet: (o) => new vision.CenterNet(ssd as never, o),
    'CenterNet.predict': (o) => new vision.CenterNet(ssd as never).predict([], o),
    labelFiles: (o) => vision.labelFiles([], o),
    warmStartHeads: (o) => vision.warmStartHeads(ssd, ssd, { length: 0, get: () => ({}) as never }, o),
    assertIsImage: (o) => vision.assertIsImage(img, o),
    cropBbox: (o) => vision.cropBbox([], o),
    evalDetectionCoco: (o) => vision.evalDetectionCoco([], [], [], [], [], o),
    evalDetectionVoc: (o) => vision.evalDetectionVoc([], [], [], [], [], null, o),
    evalInstanceSegmentationCoco: (o) => vision.evalInstanceSegmentationCoco([], [], [], [], [], o),
    evalInstanceSegmentationVoc: (o) => vision.evalInstanceSegmentationVoc([], [], [], [], [], o),
    findLayout: (o) => vision.findLayout(files, o),
    findCocoPart: (o) => vision.findCocoPart(files, 'a.json', o),
    flip: (o) => vision.flip(img, o),
    flipBbox: (o) => vision.flipBbox([], [1, 1], o),
    nonMaximumSuppression: (o) => vision.nonMaximumSuppression([], 0.5, o),
    onnxOfDetector: (o) => vision.onnxOfDetector(ssd, o),
    openCocoDataset: (o) => vision.openCocoDataset(files, o),
    openFolderDataset: (o) => vision.openFolderDataset(files, o),
    openLabelledFolder: (o) => vision.openLabelledFolder(files, [], o),
    MixUpDataset: (o) => new vision.MixUpDataset([], 1, o),
    SiameseDataset: (o) => new vision.SiameseDataset([], [], o),
    openCocoInstanceSegmentationDataset: (o) => vision.openCocoInstanceSegmentationDataset(files, o),
    openCubDataset: (o) => vision.openCubDataset(files, o),
    openAde20kDataset: (o) => vision.openAde20kDataset(files, o),
    openCityscapesDataset: (o) => vision.openCityscapesDataset(files, o),
    openSegmentationFolder: (o) => vision.openSegmentationFolder(files, o),
    openVocInstanceSegmentationDataset: (o) => vision.openVocInstanceSegmentationDataset(files, o),
    openVocSegmentationDataset: (o) => vision.openVocSegmentationDataset(files, o),
    flipPoint: (o) => vision.flipPoint([], [1, 1], o),
    translatePoint: (o) => vision.translatePoint([], o),
    openVocDataset: (o) => vision.openVocDataset(files, o),
    pcaLighting: (o) => vision.pcaLighting(img, 1, o),
    randomCropWithBboxConstraints: (o) => vision.randomCropWithBboxConstraints(img, [], o),
    randomDistort: (o) => vision.randomDistort(img, o),
    randomExpand: (o) => vision.randomExpand(img, o),
    randomFlip: (o) => vision.randomFlip(img, o),
    randomSizedCrop: (o) => vision.randomSizedCrop(img, o),
    resize: (o) => vision.resize(img, [1, 1], o),
    resizeContain: (o) => vision.resizeContain(img, [1, 1], o),
    rotate: (o) => vision.rotate(img, 90, o),
    scale: (o) => vision.scale(img, 1, o),
    softNonMaximumSuppression: (o) => vision.softNonMaximumSuppression([], [], o),
    ssdAugment: (o) => vision.ssdAugment(example, o),
    ssdTargets: (o) => vision.ssdTargets(ssd, o),
    ssdTransform: (o) => vision.ssdTransform(ssd, o),
    toImage: (o) => vision.toImage(img, o),
    translateBbox: (o) => vision.translateBbox([], o),
    visInstanceSegmentation: (o) => vision.visInstanceSegmentation(null as never, null, masks, null, null, o),
    visSemanticSegmentation: (o) => vision.visSemanticSegmentation(null as never, null, labelMap, o),
    visBbox: (o) => vision.visBbox(null as never, null, [], null, null, o),
  };
  // Its classes hand their options on, and are rows of their own.
  describeOptions('vision', takers, ['FasterRCNNFPN']);

  describeMistakes([
    [
      () => vision.SSD300.fromPretrained(bytes, { strict: false } as object),
      "Did you mean match: 'exact' | 'common'?",
    ],
    [() => vision.SSD300.fromPretrained(bytes, { nFgClasses: 3 } as object), "Did you mean 'nFgClass'?"],
    [() => new vision.SSD300({ nClass: 3 } as never), "Did you mean 'nFgClass'?"],
    [() => new vision.MultiboxCoder({ aspectRatio: [] } as never), "Did you mean 'aspectRatios'?"],
    [() => ssd.predict([], { threshold: 0.5 } as object), "Did you mean 'scoreThresh'?"],
    [() => ssd.predict([], { nms: 0.5 } as object), "Did you mean 'nmsThresh'?"],
    [() => new vision.SSD(ssd.extractor, ssd.multibox, { means: 1 } as never), "Did you mean 'mean'?"],
    [() => vision.randomFlip(img, { xFlip: true } as object), "Did you mean 'xRandom'?"],
    [
      () => vision.resize(img, [1, 1], { method: 'area' } as object),
      'resize: expected an option of interpolation, backend',
    ],
    [() => vision.ssdTransform(ssd, { augment: { maxExpansion: 2 } as object }), "Did you mean 'maxExpand'?"],
    [() => vision.openVocDataset(files, { splits: 'test' } as object), "Did you mean 'split'?"],
    [() => vision.openFolderDataset(files, { labels: ['a'] } as object), "Did you mean 'labelNames'?"],
    [
      () => vision.evalDetectionVoc([], [], [], [], [], null, { use_07_metric: true } as object),
      "'use07Metric'?",
    ],
    [
      () => vision.visBbox(null as never, null, [], null, null, { linewidth: 2 } as object),
      "Did you mean 'lineWidth'?",
    ],
    [() => vision.nonMaximumSuppression([], 0.5, { scores: [] } as object), "Did you mean 'score'?"],
  ]);
});
