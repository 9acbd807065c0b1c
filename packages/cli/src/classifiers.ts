/** The classifiers that `chaingrad classify` takes by name. */

/** Names, with their classes in @chaingrad/vision. */
export const classifiers = {
  resnet18: 'ResNet18',
  resnet34: 'ResNet34',
  resnet50: 'ResNet50',
  resnet101: 'ResNet101',
  resnet152: 'ResNet152',
  'se-resnet50': 'SEResNet50',
  'se-resnet101': 'SEResNet101',
  'se-resnet152': 'SEResNet152',
  'se-resnext50': 'SEResNeXt50',
  'se-resnext101': 'SEResNeXt101',
  'mobilenet-v2': 'MobileNetV2',
  vgg16: 'VGG16',
} as const;

export const classifierNames = Object.keys(classifiers) as readonly (keyof typeof classifiers)[];

/** Those of which ChainerCV has no weights. */
export const withoutWeights: readonly string[] = ['resnet18', 'resnet34', 'mobilenet-v2'];

export const classifierHelp = (): string =>
  [
    `Classifiers: ${classifierNames.join(', ')}.`,
    `Without --weights those of ChainerCV are downloaded (1000 classes of ImageNet); ${withoutWeights.join(', ')} need --weights,`,
    "for example torchvision's with --names torchvision-resnet18.",
  ].join('\n');
