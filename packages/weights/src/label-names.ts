/** Names of the classes of pretrained models, in the order of their labels. */

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

/** The 80 classes of COCO's objects, in the order of their numbers. */
// biome-ignore format: one list
export const cocoBboxLabelNames = [
  'person', 'bicycle', 'car', 'motorcycle', 'airplane', 'bus', 'train', 'truck', 'boat', 'traffic light', 'fire hydrant',
  'stop sign', 'parking meter', 'bench', 'bird', 'cat', 'dog', 'horse', 'sheep', 'cow', 'elephant', 'bear', 'zebra', 'giraffe',
  'backpack', 'umbrella', 'handbag', 'tie', 'suitcase', 'frisbee', 'skis', 'snowboard', 'sports ball', 'kite', 'baseball bat',
  'baseball glove', 'skateboard', 'surfboard', 'tennis racket', 'bottle', 'wine glass', 'cup', 'fork', 'knife', 'spoon', 'bowl',
  'banana', 'apple', 'sandwich', 'orange', 'broccoli', 'carrot', 'hot dog', 'pizza', 'donut', 'cake', 'chair', 'couch',
  'potted plant', 'bed', 'dining table', 'toilet', 'tv', 'laptop', 'mouse', 'remote', 'keyboard', 'cell phone', 'microwave',
  'oven', 'toaster', 'sink', 'refrigerator', 'book', 'clock', 'vase', 'scissors', 'teddy bear', 'hair drier', 'toothbrush',
] as const;

/** The 20 classes of PASCAL VOC behind the background. Chainer counterpart: `voc_semantic_segmentation_label_names`. */
export const vocSemanticSegmentationLabelNames = ['background', ...vocBboxLabelNames] as const;

/** The 11 classes of CamVid. Chainer counterpart: `camvid_label_names`. */
// biome-ignore format: one list
export const camvidLabelNames = [
  'Sky', 'Building', 'Pole', 'Road', 'Pavement', 'Tree', 'SignSymbol', 'Fence', 'Car', 'Pedestrian', 'Bicyclist',
] as const;

/** The 19 classes of Cityscapes that count in its evaluation. Chainer counterpart: `cityscapes_semantic_segmentation_label_names`. */
// biome-ignore format: one list
export const cityscapesLabelNames = [
  'road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign', 'vegetation', 'terrain', 'sky',
  'person', 'rider', 'car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle',
] as const;
