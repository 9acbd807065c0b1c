/** Names of the classes of pretrained detectors, in the order of their labels. */

/** The 20 classes of PASCAL VOC, in the order of ChainerCV's labels. Chainer counterpart: `voc_bbox_label_names`. */
export const vocBboxLabelNames = [
  'aeroplane',
  'bicycle',
  'bird',
  'boat',
  'bottle',
  'bus',
  'car',
  'cat',
  'chair',
  'cow',
  'diningtable',
  'dog',
  'horse',
  'motorbike',
  'person',
  'pottedplant',
  'sheep',
  'sofa',
  'train',
  'tvmonitor',
] as const;

/** The 23 classes of Open Images V4 that MediaPipe Objectron's first stage knows. */
// biome-ignore format: one list
export const openImagesLabelNames = [
  'Bicycle', 'Boot', 'Laptop', 'Person', 'Chair', 'Cattle', 'Desk', 'Cat', 'Computer mouse', 'Computer monitor', 'Box', 'Mug',
  'Coffee cup', 'Stationary bicycle', 'Table', 'Bottle', 'High heels', 'Vehicle', 'Footwear', 'Dog', 'Book', 'Camera', 'Car',
] as const;
