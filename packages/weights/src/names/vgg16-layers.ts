/** The convolutions of VGG-16 in order, each with its place in torchvision's `features`. */
export const vgg16Convolutions = [
  ['conv1_1', 0],
  ['conv1_2', 2],
  ['conv2_1', 5],
  ['conv2_2', 7],
  ['conv3_1', 10],
  ['conv3_2', 12],
  ['conv3_3', 14],
  ['conv4_1', 17],
  ['conv4_2', 19],
  ['conv4_3', 21],
  ['conv5_1', 24],
  ['conv5_2', 26],
  ['conv5_3', 28],
] as const;
