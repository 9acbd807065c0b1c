export {
  Darknet19Extractor,
  Darknet53Extractor,
  DarknetExtractor,
  ResidualBlock,
  type YOLOExtractor,
} from './darknet.ts';
export { YOLOv2, YOLOv2Base, YOLOv2Tiny, YOLOv3 } from './yolo.ts';
export { type Anchors, type PretrainedYOLOOptions, YOLOBase, type YOLOOptions } from './yolo-base.ts';
